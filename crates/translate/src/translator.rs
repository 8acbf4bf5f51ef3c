//! The translator: whole turns for an embedder, from a client's bytes to the backend's and back.
//!
//! The other modules are the parts of a turn, for a server that wants to hold each of them. Most embedders want none of
//! that: they have the body of a request, a backend that speaks the Responses API, and two sockets. For them a
//! turn is four calls, none of which waits for anything:
//!
//! 1. [`Translator::turn`] reads the body and makes the requests for the backend;
//! 2. [`PreparedTurn::requests`] are posted, each as it is;
//! 3. what the backend sends is pushed into a [`StreamedReply`] or a [`WholeReply`];
//! 4. what comes out is the client's.

mod call;
mod streamed;
mod whole;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use chatmock_protocol::json::RawValue;
use chatmock_protocol::responses::{ApiError, Request};

use crate::catalog::Catalog;
use crate::dialect::Dialect;
use crate::end::Finish;
use crate::failure::Failure;
use crate::family::Family;
use crate::frames::Framing;
use crate::notice::Notice;
use crate::policy::Policy;
use crate::reasoning_seal::ReasoningSeal;
use crate::settle::settle;
use crate::shape::Shape;

pub use streamed::StreamedReply;
pub use whole::WholeReply;

/// What is asked of a backend that stores nothing, so that a client can send reasoning back.
const ENCRYPTED_REASONING: &str = r#"["reasoning.encrypted_content"]"#;

/// Translates the turns of clients for one backend.
///
/// ```
/// use chatmock_translate::{Catalog, Chat, Policy, Translator};
///
/// let translator = Translator::new(Catalog::builtin(), Policy::default());
/// let body = br#"{"model": "gpt-6-sol", "stream": true, "messages": [{"role": "user", "content": "hi"}]}"#;
/// let turn = translator.turn(Chat, body, 1_795_000_000)?;
/// assert_eq!(turn.requests().len(), 1, "one for each choice and prompt");
///
/// // What the backend answers, in pieces of any size.
/// let mut reply = turn.stream();
/// for piece in [
///     "data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\ndata: {\"type\":\"respo",
///     "nse.output_text.delta\",\"delta\":\"Hello\"}\n\n",
///     "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\"}}\n\n",
/// ] {
///     reply.push(0, piece.into());
/// }
/// reply.close(0);
/// let sent = reply.take().unwrap_or_default();
/// assert!(sent.ends_with(b"data: [DONE]\n\n"));
/// # Ok::<(), chatmock_translate::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct Translator {
    catalog: Catalog,
    policy: Policy,
    seal: ReasoningSeal,
}

impl Translator {
    /// Makes a translator for the backend of the policy, see [`Backend`](crate::Backend), and for the models that it has.
    #[must_use]
    pub fn new(catalog: Catalog, policy: Policy) -> Self {
        Self { catalog, policy, seal: ReasoningSeal::default() }
    }

    /// Hands out the model's reasoning under the seal of the account that answers, and takes back no other's.
    #[must_use]
    pub fn with_seal(self, seal: ReasoningSeal) -> Self {
        Self { seal, ..self }
    }

    /// Prepares a turn of a dialect, such as [`Chat`](crate::Chat), from the body of a request; `created` is the time in seconds of
    /// the Unix epoch.
    ///
    /// # Errors
    /// When the body cannot be read, the model is unknown, or the policy refuses a member; [`refusal`] words it.
    pub fn turn<D: Dialect>(
        &self,
        _: D,
        body: &[u8],
        created: u64,
    ) -> Result<PreparedTurn<D>, Failure> {
        let drafted = D::draft(D::read(body)?, &self.seal)?;
        let turn = settle(drafted, &self.catalog, &self.policy, created)?;
        let mut requests = Vec::new();
        if turn.immediate_finish.is_none() {
            let mut request = turn.request;
            self.complete(&mut request);
            let prompts = std::iter::once(None).chain(turn.more_inputs.into_iter().map(Some));
            for input in prompts {
                if let Some(input) = input {
                    request.put("input", Cow::Owned(input));
                }
                let body = Bytes::from(serde_json::to_vec(&request)?);
                requests.extend((0..turn.choices).map(|_| body.clone()));
            }
        }
        let (immediate_finish, shape) = (turn.immediate_finish, turn.shape);
        let (stream, notices) = (turn.stream, turn.notices);
        Ok(PreparedTurn { requests, immediate_finish, shape, stream, notices })
    }

    /// Adds what the backend needs and no client says: a stream, always, since whole replies are gathered here.
    fn complete(&self, request: &mut Request<'_>) {
        put(request, "stream", "true");
        if !self.policy.backend.accepts("store") {
            put(request, "store", "false");
            // What the client wants included stays its own.
            if request.present("include").is_none() {
                put(request, "include", ENCRYPTED_REASONING);
            }
        }
    }
}

/// Puts a member whose JSON is known here.
fn put(request: &mut Request<'_>, name: &'static str, json: &'static str) {
    if let Ok(value) = RawValue::from_string(json.to_owned()) {
        request.put(name, Cow::Owned(value));
    }
}

/// A turn that is ready to be sent.
#[derive(Debug)]
pub struct PreparedTurn<D: Dialect> {
    requests: Vec<Bytes>,
    immediate_finish: Option<Finish>,
    shape: Arc<Shape<D::Own>>,
    stream: bool,
    notices: Vec<Notice>,
}

impl<D: Dialect> PreparedTurn<D> {
    /// Returns the bodies of the requests for the backend, complete: one for each choice of each prompt, and none where the
    /// model has nothing to do.
    #[must_use]
    pub fn requests(&self) -> &[Bytes] {
        &self.requests
    }

    /// Returns whether the client asked for a stream.
    #[must_use]
    pub fn is_streamed(&self) -> bool {
        self.stream
    }

    /// Returns the members of the request that were ignored, changed or emulated, to be told to the client, for example in a
    /// header.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Returns the `Content-Type` of the reply.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match D::FRAMING {
            _ if !self.stream => "application/json",
            Framing::Sse => "text/event-stream; charset=utf-8",
            Framing::Ndjson => "application/x-ndjson",
            Framing::Message => "application/json",
        }
    }

    /// Begins a streamed reply.
    #[must_use]
    pub fn stream(&self) -> StreamedReply<D> {
        StreamedReply::new(self)
    }

    /// Begins a whole reply.
    #[must_use]
    pub fn whole(&self) -> WholeReply<D> {
        WholeReply::new(self)
    }
}

/// Reads the body of a backend's answer that is an error; `retry_after` is the header's value in seconds.
#[must_use]
pub fn refused(status: u16, retry_after: Option<u64>, body: &[u8]) -> Failure {
    Failure::from_api(ApiError::read_body(body).unwrap_or_default(), Some(status), retry_after)
}

/// Words a failure as the vendor of a dialect does: the HTTP status, and the body as JSON.
#[must_use]
pub fn refusal<D: Dialect>(_: D, failure: &Failure) -> (u16, Bytes) {
    let error = serde_json::to_vec(&D::Family::error(failure)).unwrap_or_default();
    (D::Family::status(failure), Bytes::from(error))
}

#[cfg(test)]
mod tests;
