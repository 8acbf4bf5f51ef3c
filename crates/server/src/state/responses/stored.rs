//! A stored response: the input of its conversation and the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use bytes::Bytes;
use chatmock_protocol::json::{self, RawValue, Text, raw};
use chatmock_translate::openai::responses;
use chatmock_translate::{Failure, FailureKind};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A response and the conversation before it.
///
/// Both texts should have buffers of their own: a slice of a larger one keeps all of it in memory,
/// where the store counts the slice alone.
#[derive(Debug)]
pub(crate) struct StoredResponse {
    /// Seconds of the Unix epoch.
    pub(crate) created_at: u64,
    /// The whole input that went to the backend, a JSON list.
    pub(crate) input: Bytes,
    /// The final response, a JSON object.
    pub(crate) response: Bytes,
    /// The length of the response where it is on the disk alone, in bytes.
    released: usize,
    /// Hashes of the ids of its items, sorted; made when they are first asked for.
    ids: OnceLock<Box<[u64]>>,
}

#[derive(Deserialize)]
struct Output<'k> {
    #[serde(borrow, default)]
    output: Vec<&'k RawValue>,
}

impl PartialEq for StoredResponse {
    fn eq(&self, other: &Self) -> bool {
        let members = |one: &Self| (one.created_at, one.input.clone(), one.response.clone());
        members(self) == members(other)
    }
}

impl StoredResponse {
    /// Returns whether both hold the same texts, as far as they are in memory.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let texts = || self.response == other.response;
        let either_is_released = self.is_released() || other.is_released();
        self.created_at == other.created_at
            && self.input == other.input
            && self.size() == other.size()
            && (either_is_released || texts())
    }

    /// The same without the response, which is on the disk.
    pub(super) fn released(&self) -> Self {
        let released = self.response.len() + self.released;
        Self { released, ..Self::new(self.created_at, self.input.clone(), Bytes::new()) }
    }

    /// Returns whether the response is on the disk alone.
    pub(crate) fn is_released(&self) -> bool {
        self.released > 0
    }

    /// Makes one; see its members.
    pub(crate) fn new(created_at: u64, input: Bytes, response: Bytes) -> Self {
        Self { created_at, input, response, released: 0, ids: OnceLock::new() }
    }

    /// Returns whether it has not come to its end.
    pub(crate) fn is_open(&self) -> bool {
        responses::is_open(std::str::from_utf8(&self.response).unwrap_or_default())
    }

    /// The same with an end, where it has none: whoever made it is gone.
    pub(crate) fn closed(self) -> Self {
        if !self.is_open() {
            return self;
        }
        let message = "the server ended before the answer was complete; ask again";
        let failure = Failure::new(FailureKind::Internal, message).with_code("server_restarted");
        let open: Result<&RawValue, _> = serde_json::from_slice(&self.response);
        match open.and_then(|open| responses::ended(open, Some(&failure), 0)) {
            Ok((ended, _)) => {
                Self::new(self.created_at, self.input.clone(), ended.get().to_owned().into())
            }
            Err(_) => self,
        }
    }

    /// Returns whether it is of an answer without its client.
    pub(crate) fn is_of_background(&self) -> bool {
        let response = std::str::from_utf8(&self.response).unwrap_or_default();
        json::members(response).any(|member| member == ("background", "true"))
    }

    /// The id of the response; empty where it has none.
    fn id(&self) -> String {
        let read: Result<Id<'_>, _> = serde_json::from_slice(&self.response);
        read.ok().and_then(|read| read.id).map(|id| id.0.into_owned()).unwrap_or_default()
    }

    /// Calls `see` with every item and its id, those of the answer first; one of the input without an id has the
    /// one under which it is listed.
    fn each_item<'k>(&'k self, mut see: impl FnMut(&str, &'k str)) {
        let response = std::str::from_utf8(&self.response).unwrap_or_default();
        let input = std::str::from_utf8(&self.input).unwrap_or_default();
        let output = json::members(response).find(|(name, _)| *name == "output");
        for item in output.into_iter().flat_map(|(_, output)| json::items(output)) {
            if let Some(id) = id_of(item) {
                see(&id, item);
            }
        }
        let own = self.id();
        for (index, item) in json::items(input).enumerate() {
            match id_of(item) {
                Some(id) => see(&id, item),
                None => see(&made_id(item, &own, index), item),
            }
        }
    }

    /// Moves the items whose ids are wanted into `found`.
    pub(crate) fn find_items(
        &self,
        wanted: &mut BTreeSet<String>,
        found: &mut BTreeMap<String, Box<RawValue>>,
    ) {
        let ids = self.ids.get_or_init(|| {
            let mut ids = Vec::new();
            self.each_item(|id, _| ids.push(hash(id)));
            ids.sort_unstable();
            ids.into_boxed_slice()
        });
        if !wanted.iter().any(|id| ids.binary_search(&hash(id)).is_ok()) {
            return;
        }
        self.each_item(|id, item| {
            if wanted.contains(id)
                && let Ok(item) = RawValue::from_string(item.to_owned())
            {
                wanted.remove(id);
                found.insert(id.to_owned(), item);
            }
        });
    }

    /// The length of its texts, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.input.len() + self.response.len() + self.released
    }

    /// The items of the input.
    ///
    /// # Errors
    /// When the input is no JSON list, which is this program's fault.
    pub(crate) fn items(&self) -> Result<Vec<&RawValue>, Failure> {
        Ok(serde_json::from_slice(&self.input)?)
    }

    /// The items of the answer.
    ///
    /// # Errors
    /// When the response is no object of JSON, which is this program's fault.
    pub(crate) fn output(&self) -> Result<Vec<&RawValue>, Failure> {
        Ok(serde_json::from_slice::<Output<'_>>(&self.response)?.output)
    }

    /// The same with more items at the end of the input.
    ///
    /// # Errors
    /// When the input is no JSON list, which is this program's fault.
    pub(crate) fn with_items(&self, more: &[&RawValue]) -> Result<Self, Failure> {
        let mut items = self.items()?;
        items.extend(more);
        let input = serde_json::to_vec(&items)?.into();
        Ok(Self::new(self.created_at, input, self.response.clone()))
    }

    /// The conversation continued: the input, the response's output, then the items of `next`, a
    /// JSON list. Every item stays as it was written.
    ///
    /// # Errors
    /// When one of them is not of its shape.
    pub(crate) fn followed_by(&self, next: &RawValue) -> Result<Box<RawValue>, Failure> {
        let mut items = self.items()?;
        items.extend(self.output()?);
        let list = |_| Failure::param("input", "input must be a string or a list of items");
        items.extend(serde_json::from_str::<Vec<&RawValue>>(next.get()).map_err(list)?);
        Ok(raw(&items)?)
    }
}

#[derive(Deserialize)]
struct Id<'k> {
    #[serde(borrow, default)]
    id: Option<Text<'k>>,
}

/// The id of an item, where it has one.
fn id_of(item: &str) -> Option<String> {
    let (_, id) = json::members(item).find(|(name, _)| *name == "id")?;
    serde_json::from_str::<String>(id).ok().filter(|id| !id.is_empty())
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// The id under which an item of a response's input is listed that has none of its own.
pub(crate) fn made_id(item: &str, response: &str, index: usize) -> String {
    let kind = json::members(item).find(|(name, _)| *name == "type").map(|(_, kind)| kind);
    let prefix = match kind {
        None | Some("\"message\"") => "msg",
        Some("\"reasoning\"") => "rs",
        Some("\"function_call\"") => "fc",
        Some("\"function_call_output\"") => "fco",
        Some("\"custom_tool_call\"") => "ctc",
        Some("\"custom_tool_call_output\"") => "ctco",
        Some(_) => "item",
    };
    let digest = Sha256::digest(format!("{response}/{index}"));
    digest.iter().take(24).fold(format!("{prefix}_"), |mut id, byte| {
        // Writing into a string does not fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(input: &'static str, response: &'static str) -> StoredResponse {
        StoredResponse::new(1, input.into(), response.into())
    }

    fn next(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn a_continued_conversation_has_every_item_as_it_was_written() {
        let stored = stored(
            r#"[{"role" : "user","n":1E2}]"#,
            r#"{"id":"resp_1","output":[{"type":"message", "id":"msg_1"}],"x":1}"#,
        );
        let whole = stored.followed_by(&next(r#"[ {"role":"user","content":"\u00e9"} ]"#)).unwrap();
        let items = [
            r#"{"role" : "user","n":1E2}"#,
            r#"{"type":"message", "id":"msg_1"}"#,
            r#"{"role":"user","content":"\u00e9"}"#,
        ];
        assert_eq!(whole.get(), format!("[{}]", items.join(",")));
    }

    #[test]
    fn a_response_without_output_adds_nothing() {
        let whole = stored("[]", r#"{"id":"resp_1"}"#).followed_by(&next("[1]")).unwrap();
        assert_eq!(whole.get(), "[1]");
    }

    #[test]
    fn a_continuation_that_is_no_list_is_a_bad_request() {
        let failure = stored("[]", "{}").followed_by(&next(r#""hi""#)).unwrap_err();
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some("input")));
    }
}
