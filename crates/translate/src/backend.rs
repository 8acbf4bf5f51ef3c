//! What a backend takes, so far as it decides what is done here in its place.

use std::borrow::Cow;

use chatmock_protocol::json::{RawValue, raw};
use serde::Serialize;

use crate::draft::Draft;
use crate::failure::Failure;
use crate::notice::{Notice, NoticeKind};

/// The least cap on tokens that OpenAI's API takes; below it, the reply is cut here too.
const LEAST_CAP: u64 = 16;

/// The member by which a backend is told a cap on tokens.
const CAP: &str = "max_output_tokens";

/// What a backend takes beyond what every one takes. The default is the Codex backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Members of a request that are passed on, rather than done here or reported.
    pub takes: &'static [&'static str],
    /// Whether a model may be asked for a summary of its reasoning unasked: one that does not
    /// reason refuses that.
    pub reasons: bool,
}

impl Default for Backend {
    fn default() -> Self {
        Self { takes: &[], reasons: true }
    }
}

impl Backend {
    /// Whether it takes this member.
    #[must_use]
    pub fn takes(&self, member: &str) -> bool {
        self.takes.contains(&member)
    }
}

/// What a client asked for that only some backends do.
#[derive(Clone, Debug)]
pub struct OptionalParam {
    /// The member in a request of the Responses API.
    pub member: &'static str,
    /// The member in the client's request.
    pub field: &'static str,
    /// What it asks for.
    pub value: Box<RawValue>,
    /// Why it has no effect elsewhere; `None` where nothing is lost.
    pub otherwise: Option<&'static str>,
}

impl Draft<'_> {
    /// Notes an optional parameter; `lost` tells whether a value says something that would be missed.
    ///
    /// # Errors
    /// Only where a value cannot be written.
    pub(crate) fn optional_param<T: Serialize>(
        &mut self,
        (member, field): (&'static str, &'static str),
        value: Option<T>,
        (lost, why): (impl Fn(&T) -> bool, &'static str),
    ) -> Result<(), Failure> {
        if let Some(value) = value {
            let otherwise = lost(&value).then_some(why);
            self.optional_params.push(OptionalParam {
                member,
                field,
                value: raw(&value)?,
                otherwise,
            });
        }
        Ok(())
    }
}

/// Passes on what the backend takes; what it does not is reported, or left to the bounds.
///
/// # Errors
/// Only where a value cannot be written.
pub(crate) fn pass_on(draft: &mut Draft<'_>, backend: &Backend) -> Result<(), Failure> {
    for optional_param in std::mem::take(&mut draft.optional_params) {
        if backend.takes(optional_param.member) {
            draft.request.put(optional_param.member, Cow::Owned(optional_param.value));
        } else if let Some(why) = optional_param.otherwise {
            draft.notices.push(Notice::ignored(optional_param.field, why));
        }
    }
    // A backend that keeps responses is asked for them.
    draft.keep &= !backend.takes("store");
    // What the backend is told, it repeats by itself.
    draft.echoed_params.retain(|(name, _)| !backend.takes(name));
    let Some(most) = draft.stop.max_tokens else { return Ok(()) };
    if backend.takes(CAP) {
        draft.request.set(CAP, &most.max(LEAST_CAP))?;
        if most >= LEAST_CAP {
            draft.stop.max_tokens = None;
            return Ok(());
        }
    }
    let how = "the answer is cut here, at about four characters a token";
    draft.notices.push(Notice::new(draft.cap_member, NoticeKind::Emulated, how));
    Ok(())
}

#[cfg(test)]
mod tests {
    use chatmock_protocol::json::read_text;

    use super::*;
    use crate::Dialect;
    use crate::chat::Chat;
    use crate::responses::Responses;

    const ALL: Backend = Backend {
        takes: &["max_output_tokens", "metadata", "store", "temperature", "top_p"],
        reasons: false,
    };

    fn passed<D: Dialect>(body: &str, backend: &Backend) -> (String, Option<u64>, Vec<String>) {
        let mut draft = D::draft(D::read(body.as_bytes()).unwrap()).unwrap();
        pass_on(&mut draft, backend).unwrap();
        let notices = draft.notices.iter();
        let notices = notices.map(|n| format!("{} {}", n.field, n.kind.as_str())).collect();
        draft.request.remove("input");
        (serde_json::to_string(&draft.request).unwrap(), draft.stop.max_tokens, notices)
    }

    const ASKS: &str = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":50,
        "temperature":0.5,"top_p":1.0,"metadata":{"a": "b"},"seed":1}"#;

    #[test]
    fn what_a_backend_takes_is_passed_on_and_not_done_here() {
        let (request, cap, notices) = passed::<Chat>(ASKS, &ALL);
        let sent = r#"{"temperature":0.5,"top_p":1.0,"metadata":{"a": "b"},"store":false,"max_output_tokens":50}"#;
        assert_eq!(request, sent);
        assert_eq!((cap, notices), (None, vec!["seed ignored".to_owned()]));
    }

    #[test]
    fn elsewhere_it_is_done_here_or_reported() {
        let (request, cap, notices) = passed::<Chat>(ASKS, &Backend::default());
        assert_eq!((request.as_str(), cap), ("{}", Some(50)));
        let told =
            ["seed ignored", "temperature ignored", "metadata ignored", "max_tokens emulated"];
        assert_eq!(notices, told);
    }

    #[test]
    fn a_cap_below_the_least_is_also_kept_here() {
        let body = r#"{"model":"m","input":"x","max_output_tokens":3}"#;
        let (request, cap, notices) = passed::<Responses>(body, &ALL);
        assert!(request.contains(r#""max_output_tokens":16"#), "{request}");
        assert_eq!((cap, notices), (Some(3), vec!["max_output_tokens emulated".to_owned()]));
    }

    #[test]
    fn a_value_leaves_as_it_was_written() {
        let optional_param: Box<RawValue> = read_text("1E2").unwrap();
        let mut draft = Draft::default();
        draft
            .optional_param(("top_p", "top_p"), Some(&optional_param), (|_: &_| true, ""))
            .unwrap();
        pass_on(&mut draft, &ALL).unwrap();
        assert_eq!(serde_json::to_string(&draft.request).unwrap(), r#"{"top_p":1E2}"#);
    }
}
