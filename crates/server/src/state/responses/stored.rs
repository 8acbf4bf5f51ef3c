//! A stored response: the input of its conversation and the answer.

use bytes::Bytes;
use chatmock_protocol::json::{RawValue, raw};
use chatmock_translate::Failure;
use serde::Deserialize;

/// A response and the conversation before it.
///
/// Both texts should have buffers of their own: a slice of a larger one keeps all of it in memory,
/// where the store counts the slice alone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoredResponse {
    /// Seconds of the Unix epoch.
    pub(crate) created_at: u64,
    /// The whole input that went to the backend, a JSON list.
    pub(crate) input: Bytes,
    /// The final response, a JSON object.
    pub(crate) response: Bytes,
}

#[derive(Deserialize)]
struct Output<'k> {
    #[serde(borrow, default)]
    output: Vec<&'k RawValue>,
}

impl StoredResponse {
    /// The length of its texts, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.input.len() + self.response.len()
    }

    /// The items of the input.
    ///
    /// # Errors
    /// When the input is no JSON list, which is this program's fault.
    pub(crate) fn items(&self) -> Result<Vec<&RawValue>, Failure> {
        Ok(serde_json::from_slice(&self.input)?)
    }

    /// The conversation continued: the input, the response's output, then the items of `next`, a
    /// JSON list. Every item stays as it was written.
    ///
    /// # Errors
    /// When one of them is not of its shape.
    pub(crate) fn followed_by(&self, next: &RawValue) -> Result<Box<RawValue>, Failure> {
        let mut items = self.items()?;
        items.extend(serde_json::from_slice::<Output<'_>>(&self.response)?.output);
        let list = |_| Failure::param("input", "input must be a string or a list of items");
        items.extend(serde_json::from_str::<Vec<&RawValue>>(next.get()).map_err(list)?);
        Ok(raw(&items)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(input: &'static str, response: &'static str) -> StoredResponse {
        StoredResponse { created_at: 1, input: input.into(), response: response.into() }
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
