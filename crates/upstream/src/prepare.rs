//! The last step of a request: members that the backend requires are added, those that it refuses are removed.
//!
//! The backends of a sign-in answer status 400 to members that they do not support, and clients send members
//! of many APIs. So those routes list what is taken, and all else is left out and named: a member that OpenAI
//! adds tomorrow waits for a release of this program, but no client fails because of one. The routes to other
//! servers list only what those refuse.

mod inner;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use chatmock_protocol::json::{RawObject, RawValue, Text};
use chatmock_protocol::responses::Request;
use reqwest::header::{HeaderMap, HeaderValue};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::error::Error;
use crate::item_type::ItemType;
use crate::mapped::MappedBuffer;
use crate::namespace::{self, Namespace};
use crate::route::{Required, ToolLayout, UpstreamRoute};
use crate::session::{SessionId, SessionOrigin};
use crate::via;

/// The item of `include` that makes the backend return its reasoning, encrypted. Without it,
/// reasoning could not be sent back on the next turn, since nothing is stored at the backend.
const ENCRYPTED_REASONING: &str = "reasoning.encrypted_content";

/// A request ready to be sent, once or more often.
#[derive(Clone, Debug)]
pub struct Prepared {
    body: Bytes,
    /// The body in zstd, where it is sent so.
    packed: Option<Bytes>,
    session: SessionId,
    origin: SessionOrigin,
    removed: Vec<Cow<'static, str>>,
    namespace: Option<Arc<Namespace>>,
    model: String,
    received_via: Option<String>,
    holder: Option<String>,
}

impl Prepared {
    /// The body before it is compressed.
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    /// Compresses the body if it has at least so many bytes.
    pub(crate) fn compressed(self, least: Option<usize>) -> Self {
        let large = least.is_some_and(|least| self.body.len() >= least);
        let pack = || compress_to_vec(&*self.body, CompressionLevel::Fastest).into();
        Self { packed: large.then(pack), ..self }
    }

    /// The bytes that are sent, with their content coding.
    pub(crate) fn encoded(&self) -> (Bytes, Option<HeaderValue>) {
        match &self.packed {
            Some(packed) => (packed.clone(), Some(HeaderValue::from_static("zstd"))),
            None => (self.body.clone(), None),
        }
    }

    /// The conversation that the request belongs to.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// The member that the conversation's id was made from.
    #[must_use]
    pub fn session_origin(&self) -> SessionOrigin {
        self.origin
    }

    /// Members that were removed although they asked for something, in order of name.
    #[must_use]
    pub fn removed(&self) -> &[Cow<'static, str>] {
        &self.removed
    }

    /// The requested model.
    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    pub(crate) fn with_origin(self, origin: SessionOrigin) -> Self {
        Self { origin, ..self }
    }

    /// Adds the hops of the client's own request, from its header `Via`, so that a request that
    /// goes in a circle is noticed: see [`Client::is_loop`](crate::Client::is_loop).
    #[must_use]
    pub fn with_via(self, headers: &HeaderMap) -> Self {
        Self { received_via: via::received_via(headers), ..self }
    }

    /// Names whose request it is, where several use one account: connections are not shared by them.
    #[must_use]
    pub fn with_holder(self, holder: Option<&str>) -> Self {
        Self { holder: holder.map(str::to_owned), ..self }
    }

    /// Whose request it is, where several use one account.
    pub(crate) fn holder(&self) -> Option<&str> {
        self.holder.as_deref()
    }

    /// The hops of the client's own request.
    pub(crate) fn received_via(&self) -> Option<&str> {
        self.received_via.as_deref()
    }

    /// Returns the request without the reasoning of earlier turns; `None` where it contains none.
    pub(crate) fn without_reasoning(&self) -> Option<Self> {
        let mut request: Request<'_> = serde_json::from_slice(&self.body).ok()?;
        let items: Vec<&RawValue> = serde_json::from_str(request.get("input")?.get()).ok()?;
        let reasons =
            |item: &&RawValue| ItemType::of(item).is_some_and(|item| item.is(&["reasoning"]));
        let left: Vec<&RawValue> = items.iter().copied().filter(|item| !reasons(item)).collect();
        if left.len() == items.len() {
            return None;
        }
        let left = chatmock_protocol::json::raw(&left).ok()?;
        request.put("input", Cow::Owned(left));
        Some(Self { body: serialize(&request).ok()?, packed: None, ..self.clone() })
    }

    /// The namespace into which the client's tools were put.
    pub(crate) fn namespace(&self) -> Option<&Arc<Namespace>> {
        self.namespace.as_ref()
    }
}

/// Brings a request into the form that the backend accepts.
///
/// Members that the route knows are sent byte for byte as they came and in their places. `stream` is set to
/// `true`; the rest depends on the route:
/// * `store` becomes `false`, `instructions` a string;
/// * `include` contains `reasoning.encrypted_content`;
/// * `prompt_cache_key` and `client_metadata.{session_id,thread_id}` become the session's id;
/// * functions and freeform tools are put into a namespace;
/// * members and kinds of tools that the backend refuses are removed, as are `tool_choice` and
///   `parallel_tool_calls` where no tools are left.
///
/// # Errors
/// [`Error::Request`] when `input` is not a list, or another of these members is of a wrong type.
pub(crate) fn prepare(
    mut request: Request<'_>,
    session: &SessionId,
    route: &UpstreamRoute,
) -> Result<Prepared, Error> {
    if !request.get("input").is_some_and(|input| input.get().starts_with('[')) {
        return Err(Error::Request { param: "input", message: "must be a list of items" });
    }
    let removed = remove_refused(&mut request, route)?;
    let Required { stateless, instructions, encrypted_reasoning, cache_key, metadata } =
        &route.profile().required;
    if *stateless {
        set(&mut request, "store", &false)?;
    }
    set(&mut request, "stream", &true)?;
    if *instructions {
        fill_instructions(&mut request)?;
    }
    if *encrypted_reasoning {
        fill_include(&mut request)?;
    }
    // A response that is continued has its own key, which this request does not know.
    let continues = request.present("previous_response_id").is_some();
    if *cache_key && (!continues || request.present("prompt_cache_key").is_some()) {
        set(&mut request, "prompt_cache_key", session.as_str())?;
    }
    if *metadata {
        fill_metadata(&mut request, session)?;
    }
    let namespace = match route.profile().tools {
        ToolLayout::Flat => None,
        ToolLayout::Namespaced => namespace::group(&mut request)?.map(Arc::new),
    };
    let model = request.text("model").unwrap_or_default().into_owned();
    let (body, session) = (serialize(&request)?, session.clone());
    Ok(Prepared {
        body,
        packed: None,
        session,
        origin: SessionOrigin::Derived,
        removed,
        namespace,
        model,
        received_via: None,
        holder: None,
    })
}

/// Serialises a request into a buffer of the right size. A buffer that grows doubles, and would end
/// up twice as large as a request whose short last members follow a long `input`.
fn serialize(request: &Request<'_>) -> Result<Bytes, Error> {
    let length = serialized_length(request);
    if length < MappedBuffer::LEAST {
        let mut body = Vec::with_capacity(length);
        serde_json::to_writer(&mut body, request).map_err(|_| unwritable("input"))?;
        return Ok(body.into());
    }
    let mut body = MappedBuffer::with_capacity(length).map_err(|_| unwritable("input"))?;
    serde_json::to_writer(&mut body, request).map_err(|_| unwritable("input"))?;
    Ok(body.freeze())
}

/// The length of a serialised request: quotes, colon and comma for each member, and the braces.
fn serialized_length(request: &Request<'_>) -> usize {
    let of_member = |(name, value): (&str, &RawValue)| name.len() + value.get().len() + 4;
    request.iter().map(of_member).sum::<usize>() + 1
}

/// Removes the members that the backend would refuse; returns the names of those whose effect is lost.
fn remove_refused(
    request: &mut Request<'_>,
    route: &UpstreamRoute,
) -> Result<Vec<Cow<'static, str>>, Error> {
    let mut removed = Vec::new();
    let refused = request.iter().filter(|(name, _)| route.refuses(name));
    let refused: Vec<String> = refused.map(|(name, _)| name.to_owned()).collect();
    for name in refused {
        if request.remove(&name).is_some_and(|value| asks(&name, value.get())) {
            removed.push(Cow::Owned(name));
        }
    }
    inner::remove_unknown(request, route.profile(), &mut removed)?;
    if !(request.present("tools").is_some_and(has_items) || inner::has_more_tools(request)) {
        // Without tools, neither parallel calls nor a choice that requires no call have a meaning.
        request.remove("parallel_tool_calls");
        let choice = request.remove("tool_choice");
        let no_effect = ["null", "\"auto\"", "\"none\""];
        if choice.is_some_and(|choice| !no_effect.contains(&choice.get())) {
            removed.push("tool_choice".into());
        }
    }
    removed.sort_unstable();
    Ok(removed)
}

/// Values that ask for nothing that would not be done without them, by member.
const IDLE: [(&str, &[&str]); 17] = [
    ("background", &["false"]),
    ("best_of", &["1"]),
    ("frequency_penalty", &["0", "0.0"]),
    ("function_call", &["\"auto\"", "\"none\""]),
    ("functions", &["[]"]),
    ("generate", &["true"]),
    ("logit_bias", &["{}"]),
    ("logprobs", &["false"]),
    ("metadata", &["{}"]),
    ("n", &["1"]),
    ("presence_penalty", &["0", "0.0"]),
    ("stop", &["[]"]),
    ("store", &["false"]),
    ("temperature", &["1", "1.0"]),
    ("top_logprobs", &["0"]),
    ("top_p", &["1", "1.0"]),
    ("truncation", &["\"disabled\""]),
];

/// Returns whether something is lost where a member is left out.
fn asks(name: &str, value: &str) -> bool {
    let idle = IDLE.iter().find(|(idle, _)| *idle == name);
    value != "null" && !idle.is_some_and(|(_, values)| values.contains(&value))
}

/// Returns whether a value is anything but an empty list.
fn has_items(value: &RawValue) -> bool {
    let inside = value.get().strip_prefix('[');
    !inside.is_some_and(|rest| rest.trim_start().starts_with(']'))
}

/// Sets `instructions` to an empty string where they are missing. Reports disagree on whether the
/// member may be left out; an empty string is accepted in any case.
fn fill_instructions(request: &mut Request<'_>) -> Result<(), Error> {
    match request.present("instructions") {
        Some(value) if value.get().starts_with('"') => Ok(()),
        Some(_) => Err(Error::Request { param: "instructions", message: "must be a string" }),
        None => set(request, "instructions", ""),
    }
}

/// Adds encrypted reasoning to `include`.
fn fill_include(request: &mut Request<'_>) -> Result<(), Error> {
    let Some(value) = request.present("include") else {
        return set(request, "include", &[ENCRYPTED_REASONING]);
    };
    let wrong = Error::Request { param: "include", message: "must be a list of strings" };
    let Ok(mut include) = serde_json::from_str::<Vec<Text<'_>>>(value.get()) else {
        return Err(wrong);
    };
    if include.iter().any(|item| **item == *ENCRYPTED_REASONING) {
        return Ok(());
    }
    include.push(ENCRYPTED_REASONING.into());
    let include = chatmock_protocol::json::raw(&include).map_err(|_| unwritable("include"))?;
    request.put("include", Cow::Owned(include));
    Ok(())
}

/// Names the session in `client_metadata`, next to what the client put there.
fn fill_metadata(request: &mut Request<'_>, session: &SessionId) -> Result<(), Error> {
    let mut metadata = match request.present("client_metadata") {
        None => RawObject::default(),
        Some(value) => serde_json::from_str::<RawObject<'_>>(value.get()).map_err(|_| {
            Error::Request { param: "client_metadata", message: "must be an object" }
        })?,
    };
    if metadata.iter().any(|(_, value)| !value.get().starts_with('"')) {
        let message = "must be an object of texts";
        return Err(Error::Request { param: "client_metadata", message });
    }
    for name in ["session_id", "thread_id"] {
        metadata.set(name, session.as_str()).map_err(|_| unwritable("client_metadata"))?;
    }
    let metadata = chatmock_protocol::json::raw(&metadata);
    let metadata = metadata.map_err(|_| unwritable("client_metadata"))?;
    request.put("client_metadata", Cow::Owned(metadata));
    Ok(())
}

fn set<T: serde::Serialize + ?Sized>(
    request: &mut Request<'_>,
    name: &'static str,
    value: &T,
) -> Result<(), Error> {
    request.set(name, value).map_err(|_| unwritable(name))
}

fn unwritable(param: &'static str) -> Error {
    Error::Request { param, message: "cannot be written as JSON" }
}

#[cfg(test)]
mod tests;
