//! Reasoning of earlier turns that the backend kept from the model, as its response objects say.
//!
//! The backend answers all the same, without that reasoning, and says so in `input_transformations` alone: a
//! model that was kept from what it thought works worse, and nobody would know why.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::Ordering;

use chatmock_protocol::json::{RawObject, RawValue, Text};
use chatmock_protocol::sse::Frame;
use chatmock_translate::{Notice, NoticeKind};
use memchr::memmem::Finder;

use super::TurnServices;
use super::attempt::EventSource;

/// The member of a response object.
const MEMBER: &str = "input_transformations";

/// Prepared once: every event before the first output is searched.
static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(MEMBER));

/// The words that are passed on are no longer than this.
const MAX_WORD: usize = 40;

impl EventSource {
    /// Notes what the last event of an answer says was kept from the model, unless an earlier one did.
    pub(crate) fn note_withheld(
        &mut self,
        frame: &Frame,
        services: &TurnServices,
    ) -> Option<Notice> {
        match self {
            Self::Running(attempt) if !attempt.withheld => {
                let notice = note(frame, services)?;
                attempt.withheld = true;
                Some(notice)
            }
            _ => None,
        }
    }
}

/// Counts and logs what an event says was withheld; returns the notice of it, if anything was.
pub(super) fn note(frame: &Frame, services: &TurnServices) -> Option<Notice> {
    let reasons = reasons(frame)?;
    let count: u64 = reasons.values().sum();
    services.state.reasoning_withheld.fetch_add(count, Ordering::Relaxed);
    let words: Vec<String> =
        reasons.iter().map(|(reason, count)| format!("{reason}: {count}")).collect();
    let words = words.join(", ");
    tracing::warn!(
        items = count,
        reasons = words,
        "the backend kept earlier reasoning from the model"
    );
    let detail = format!("the backend kept reasoning of earlier turns from the model ({words})");
    Some(Notice::new("input.reasoning", NoticeKind::Changed, detail))
}

/// Returns how many items were withheld for each reason; `None` where none were.
fn reasons(frame: &Frame) -> Option<BTreeMap<String, u64>> {
    // Most events say nothing of it, and are not read for it.
    let text = frame.text();
    FINDER.find(text.as_bytes())?;
    let event: RawObject<'_> = serde_json::from_str(text).ok()?;
    let response: RawObject<'_> = serde_json::from_str(event.get("response")?.get()).ok()?;
    let list: Vec<&RawValue> = serde_json::from_str(response.get(MEMBER)?.get()).ok()?;
    let mut reasons = BTreeMap::new();
    for transformation in list {
        let members: RawObject<'_> = serde_json::from_str(transformation.get()).unwrap_or_default();
        let reason =
            members.get("reason").and_then(|raw| serde_json::from_str::<Text<'_>>(raw.get()).ok());
        let reason = reason.map_or_else(|| "no reason given".to_owned(), |text| plain(&text));
        *reasons.entry(reason).or_default() += 1;
    }
    (!reasons.is_empty()).then_some(reasons)
}

/// Keeps a word that is one.
fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(MAX_WORD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(event: &str) -> Option<BTreeMap<String, u64>> {
        reasons(&Frame::new(event.to_owned().into()))
    }

    #[test]
    fn withheld_items_are_counted_by_their_reasons() {
        let event = r#"{"type":"response.completed","response":{"id":"r","input_transformations":[
            {"id":"rs_1","type":"reasoning","action":"removed","reason":"prefix_mismatch"},
            {"id":"rs_2","type":"reasoning","action":"removed","reason":"prefix_mismatch"},
            {"id":"rs_3","type":"reasoning","action":"removed","reason":"model_mismatch\u001b"},
            {"id":"rs_4"}]}}"#;
        let counted = of(event).unwrap();
        let expected = [("model_mismatch", 1), ("no reason given", 1), ("prefix_mismatch", 2)];
        assert_eq!(counted, expected.map(|(reason, count)| (reason.to_owned(), count)).into());
    }

    #[test]
    fn events_that_say_nothing_of_it_are_none() {
        for event in [
            r#"{"type":"response.completed","response":{"id":"r"}}"#,
            r#"{"type":"response.completed","response":{"input_transformations":[]}}"#,
            r#"{"type":"response.completed","response":{"input_transformations":null}}"#,
            r#"{"type":"response.output_text.delta","delta":"input_transformations"}"#,
            "input_transformations",
        ] {
            assert_eq!(of(event), None, "{event}");
        }
    }
}
