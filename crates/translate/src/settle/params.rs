//! Parameters that the backend may accept: passed on, emulated or reported.

use std::borrow::Cow;

use crate::backend::Backend;
use crate::draft::Draft;
use crate::failure::Failure;
use crate::notice::{Notice, NoticeKind};

/// The least cap on tokens that OpenAI's API accepts; below it, the reply is cut here too.
const MIN_OUTPUT_TOKENS: u64 = 16;

/// The parameter that caps the tokens of an answer.
const MAX_OUTPUT_TOKENS: &str = "max_output_tokens";

/// Passes on the parameters that the backend accepts; others are reported, or emulated.
///
/// # Errors
/// Only where a value cannot be written.
pub(super) fn apply(draft: &mut Draft<'_>, backend: &Backend) -> Result<(), Failure> {
    for param in std::mem::take(&mut draft.optional_params) {
        if backend.accepts(param.name.name) {
            draft.request.put(param.name.name, Cow::Owned(param.value));
        } else if param.matters {
            draft.notices.push(Notice::ignored(param.name.path, param.name.reason));
        }
    }
    // A backend that stores responses is asked for them, except for those that are kept here in any case.
    draft.storage.store &= draft.storage.kept_here || !backend.accepts("store");
    let Some(most) = draft.caps.stop.max_tokens else { return Ok(()) };
    if backend.accepts(MAX_OUTPUT_TOKENS) {
        draft.request.set(MAX_OUTPUT_TOKENS, &most.max(MIN_OUTPUT_TOKENS))?;
        if most >= MIN_OUTPUT_TOKENS {
            draft.caps.stop.max_tokens = None;
            return Ok(());
        }
    }
    let how = "the answer is cut here, at about four characters a token";
    if let Some(member) = draft.caps.max_tokens_member {
        draft.notices.push(Notice::new(member, NoticeKind::Emulated, how));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chatmock_protocol::json::{RawValue, read_text};

    use super::*;
    use crate::draft::ParamName;
    use crate::openai::chat::Chat;
    use crate::openai::responses::Responses;
    use crate::{Dialect, ReasoningSeal};

    const ALL: Backend = Backend {
        accepted_params: &["max_output_tokens", "metadata", "store", "temperature", "top_p"],
        default_summary: false,
        closed: false,
        refused_items: &[],
    };

    fn applied<D: Dialect>(body: &str, backend: &Backend) -> (String, Option<u64>, Vec<String>) {
        let mut draft =
            D::draft(D::read(body.as_bytes()).unwrap(), &ReasoningSeal::default()).unwrap().draft;
        apply(&mut draft, backend).unwrap();
        let notices = draft.notices.iter();
        let notices = notices.map(|n| format!("{} {}", n.field, n.kind.as_str())).collect();
        draft.request.remove("input");
        let request = serde_json::to_string(&draft.request).unwrap();
        (request, draft.caps.stop.max_tokens, notices)
    }

    const BODY: &str = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":50,
        "temperature":0.5,"top_p":1.0,"metadata":{"a": "b"},"seed":1}"#;

    #[test]
    fn what_a_backend_accepts_is_passed_on_and_not_emulated() {
        let (request, cap, notices) = applied::<Chat>(BODY, &ALL);
        let sent = r#"{"temperature":0.5,"top_p":1.0,"metadata":{"a": "b"},"store":false,"max_output_tokens":50}"#;
        assert_eq!(request, sent);
        assert_eq!((cap, notices), (None, vec!["seed ignored".to_owned()]));
    }

    #[test]
    fn elsewhere_it_is_emulated_or_reported() {
        let (request, cap, notices) = applied::<Chat>(BODY, &Backend::default());
        assert_eq!((request.as_str(), cap), ("{}", Some(50)));
        let expected =
            ["seed ignored", "temperature ignored", "metadata ignored", "max_tokens emulated"];
        assert_eq!(notices, expected);
    }

    #[test]
    fn a_cap_below_the_least_is_also_kept_here() {
        let body = r#"{"model":"m","input":"x","max_output_tokens":3}"#;
        let (request, cap, notices) = applied::<Responses>(body, &ALL);
        assert!(request.contains(r#""max_output_tokens":16"#), "{request}");
        assert_eq!((cap, notices), (Some(3), vec!["max_output_tokens emulated".to_owned()]));
    }

    #[test]
    fn a_value_leaves_as_it_was_written() {
        let value: Box<RawValue> = read_text("1E2").unwrap();
        let mut draft = Draft::default();
        draft.optional_param(ParamName::new("top_p", ""), Some(&value), |_| true).unwrap();
        apply(&mut draft, &ALL).unwrap();
        assert_eq!(serde_json::to_string(&draft.request).unwrap(), r#"{"top_p":1E2}"#);
    }
}
