//! Scripts of whole turns for properties: any items, interleaved in any way, ended in any way.

use proptest::prelude::*;
use serde_json::json;

use super::{
    added, arguments, call, citation, completed, created, done, failed, incomplete, message,
    raw_reasoning, reasoning, refusal, text,
};

/// What one item says, piece by piece, each with the kind of the item.
pub(crate) type Pieces = Vec<(&'static str, String)>;

/// Words that hold letters of several bytes, line ends, quotes and pieces of stop sequences.
fn words() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[abEND \u{e9}\u{1f600}\n\"]{0,5}", 0..5)
}

/// One item's events, for the output index that it gets.
pub(crate) fn item() -> impl Strategy<Value = Pieces> {
    let pieces =
        |kind: &'static str| words().prop_map(move |w| w.into_iter().map(|w| (kind, w)).collect());
    prop_oneof![
        pieces("summary"),
        pieces("raw"),
        pieces("text"),
        pieces("commentary"),
        pieces("refusal"),
        pieces("call"),
        pieces("sudden call"),
        Just(vec![("call", "{\"a\":".to_owned()), ("call", " [1]}".to_owned())]),
        Just(vec![("search", String::new())]),
        Just(vec![("image", "iVBO".to_owned())]),
    ]
}

/// The events of one item at `index`.
fn events(index: usize, pieces: &[(&'static str, String)]) -> Vec<String> {
    let Some((kind, _)) = pieces.first() else { return Vec::new() };
    let joined: String = pieces.iter().map(|(_, word)| word.as_str()).collect();
    let each =
        |one: &dyn Fn(&str) -> String| pieces.iter().map(|(_, word)| one(word)).collect::<Vec<_>>();
    let (id, name) = (format!("call_{index}"), format!("f{index}"));
    match *kind {
        "summary" => pieces
            .iter()
            .enumerate()
            .map(|(part, (_, word))| reasoning(index, part / 2, word))
            .collect(),
        "raw" => each(&|word| raw_reasoning(index, 0, word)),
        "refusal" => each(&|word| refusal(index, word)),
        "call" => {
            let mut events = vec![added(index, &call(&id, &name, ""))];
            events.extend(each(&|word| arguments(index, word)));
            events.push(done(index, &call(&id, &name, &joined)));
            events
        }
        "sudden call" => vec![done(index, &call(&id, &name, &joined))],
        "search" => vec![done(index, &json!({"type": "web_search_call", "id": "ws"}))],
        "image" => vec![done(index, &json!({"type": "image_generation_call", "result": joined}))],
        kind => {
            let phase = (kind == "commentary").then_some(kind);
            let mut events = vec![added(index, &message(phase, ""))];
            events.extend(each(&|word| text(index, word)));
            events.push(citation(index, 0, 1));
            // The finished item may hold more than the deltas brought.
            events.push(done(index, &message(phase, &format!("{joined}..."))));
            events
        }
    }
}

/// Interleaves the events of the items: `turns` says whose event comes next.
pub(crate) fn script(items: &[Pieces], turns: &[usize], end: usize) -> Vec<String> {
    let mut waiting: Vec<std::vec::IntoIter<String>> =
        items.iter().enumerate().map(|(index, item)| events(index, item).into_iter()).collect();
    let mut script = vec![created()];
    for turn in turns {
        let at = turn % waiting.len().max(1);
        script.extend(waiting.get_mut(at).and_then(Iterator::next));
    }
    script.extend(waiting.into_iter().flatten());
    match end {
        0 => {}
        1 => script.push(failed("server_error", "It broke.")),
        2 => script.push(incomplete("max_output_tokens")),
        3 => script.push(incomplete("content_filter")),
        _ => script.push(completed()),
    }
    script
}
