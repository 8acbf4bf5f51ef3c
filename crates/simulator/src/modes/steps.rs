//! The mode of a long task: the model calls a tool step by step, and remembers what it thought through encrypted
//! reasoning alone.

use serde_json::Value;

use super::{Mode, ModeContext};
use crate::script::Script;

/// The number of steps when the mode names none.
const STEPS: u64 = 10;

/// Returns the script of the mode, if it is this one.
///
/// What it thought before each earlier call comes back with the request, or has to be thought again: then the usage
/// counts that, too.
pub(super) fn script(mode: Mode, context: &ModeContext<'_>, numbers: &[u64]) -> Option<Script> {
    if mode != Mode::Steps {
        return None;
    }
    let steps = numbers.first().copied().unwrap_or(STEPS);
    let input = context.request.input();
    let asked = input.iter().rposition(|item| item["role"] == "user").unwrap_or_default();
    let since = input.get(asked..).unwrap_or_default();
    let called = since.iter().filter(|item| is_call(item)).count();
    let mut composer = context.begin();
    composer.reasoning(&[]);
    composer.think_again(called.saturating_sub(remembered(since)));
    if called as u64 == steps {
        composer.message(&format!("Done after {called} steps."), "final_answer");
    } else {
        composer.calls(&[context.call(0)]);
    }
    Some(composer.complete())
}

/// Returns the number of calls before which the model finds what it thought.
fn remembered(items: &[Value]) -> usize {
    let pairs = items.iter().zip(items.iter().skip(1));
    let is_thought =
        |item: &Value| item["type"] == "reasoning" && item["encrypted_content"].is_string();
    pairs.filter(|(before, item)| is_call(item) && is_thought(before)).count()
}

fn is_call(item: &Value) -> bool {
    item["type"] == "function_call"
}
