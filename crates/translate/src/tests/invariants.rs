//! Properties that hold in every dialect: a stream collapsed is the whole reply, and stop sequences
//! cut at the same place however the text arrives.

use proptest::prelude::*;
use serde_json::Value;

use super::client::{Client, Options};
use super::support::script::{item, script};
use super::support::{completed, created, error, messages, shape, stream, text, whole};
use crate::for_each_dialect;
use crate::reasoning_style::ReasoningStyle;
use crate::stop::StopCriteria;
use crate::{Dialect, Shape};

/// A shape with the dialect's own part.
fn shaped<D: Client>(shape: &Shape, options: &Options) -> Shape<D::Own> {
    let Shape { created, model, response_id, reasoning, json, hide_commentary, .. } = shape.clone();
    let Shape { stop, tokenizer, store, backend, context_window, shortened, .. } = shape.clone();
    let own = D::own(options);
    Shape {
        created,
        created_nanos: 0,
        model,
        response_id,
        reasoning,
        json,
        hide_commentary,
        stop,
        tokenizer,
        store,
        backend,
        context_window,
        shortened,
        own,
    }
}

/// A stream put together, and the whole reply to the same events; they must be the same.
fn both<D: Client>(shape: &Shape, options: &Options, events: &[String]) -> [Value; 2] {
    let shape = shaped::<D>(shape, options);
    let whole = match whole::<D>(&shape, events) {
        Ok(reply) => D::of_reply(&reply, &shape.own),
        Err(failure) => D::of_error(&error::<D>(&failure)),
    };
    [D::of_stream(&stream::<D>(&shape, events)), whole]
}

/// The visible text of the dialect's stream and of its whole reply, which must be the same.
fn visible<D: Client>(shape: &Shape, events: &[String]) -> Option<String> {
    let [in_message, in_reply] = D::TEXT?;
    let shape = shaped::<D>(shape, &Options::default());
    let messages = D::messages(&stream::<D>(&shape, events));
    let text = |message: &Value| message.pointer(in_message)?.as_str().map(str::to_owned);
    let streamed: String = messages.iter().filter_map(text).collect();
    let whole = whole::<D>(&shape, events).unwrap();
    let whole = whole.pointer(in_reply).and_then(Value::as_str).unwrap_or_default();
    assert_eq!(whole, streamed, "{}", D::NAME);
    Some(streamed)
}

/// The text that each translating dialect shows of these pieces.
fn texts(shape: &Shape, pieces: &[&str]) -> Vec<String> {
    let mut events = vec![created()];
    events.extend(pieces.iter().map(|piece| text(0, piece)));
    events.push(completed());
    for_each_dialect!(D => visible::<D>(shape, &events)).into_iter().flatten().collect()
}

fn stopping(stop: &[&str]) -> Shape {
    let sequences = stop.iter().map(|stop| (*stop).to_owned()).collect();
    Shape { stop: StopCriteria { sequences, max_tokens: None }, ..shape() }
}

#[test]
fn a_stop_sequence_cuts_at_every_split_point_in_every_dialect() {
    let shape = stopping(&["END\u{e9}\u{1f600}", "never"]);
    let text = "one EN END\u{e9} END\u{e9}\u{1f600} two";
    let cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    for &first in &cuts {
        for &second in cuts.iter().filter(|second| **second >= first) {
            let pieces = [&text[..first], &text[first..second], &text[second..]];
            for shown in texts(&shape, &pieces) {
                assert_eq!(shown, "one EN END\u{e9} ", "{pieces:?}");
            }
        }
    }
}

#[test]
fn a_stop_sequence_cuts_where_every_letter_comes_alone() {
    let shape = stopping(&["aab"]);
    let pieces: Vec<String> = "aaaab!".chars().map(String::from).collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    assert_eq!(texts(&shape, &pieces), ["aa"; 5]);
}

const STYLES: [ReasoningStyle; 5] = [
    ReasoningStyle::ReasoningContent,
    ReasoningStyle::ThinkTags,
    ReasoningStyle::O3,
    ReasoningStyle::Legacy,
    ReasoningStyle::None,
];

proptest! {
    #[test]
    fn a_collapsed_stream_is_the_whole_reply_in_every_dialect(
        items in prop::collection::vec(item(), 0..6),
        turns in prop::collection::vec(any::<usize>(), 0..20),
        end in 0_usize..10,
        style in 0..STYLES.len(),
        (stop, cap) in (any::<bool>(), prop::option::weighted(0.3, 0_u64..6)),
        (hide, json, legacy, usage) in any::<(bool, bool, bool, bool)>(),
        (keep, echo) in any::<(bool, bool)>(),
    ) {
        let stop = if stop { vec!["END".to_owned(), "a\u{e9}".to_owned()] } else { Vec::new() };
        let shape = Shape {
            reasoning: STYLES[style],
            stop: StopCriteria { sequences: stop, max_tokens: cap },
            hide_commentary: hide,
            json,
            store: keep,
            ..shape()
        };
        let options = Options {
            stream_usage: usage,
            legacy_functions: legacy,
            echo: if echo { vec!["END of the prompt".to_owned()] } else { Vec::new() },
        };
        let script = script(&items, &turns, end);
        for [streamed, whole] in for_each_dialect!(D => both::<D>(&shape, &options, &script)) {
            if !streamed.is_null() {
                prop_assert_eq!(streamed, whole);
            }
        }
    }

    #[test]
    fn stop_sequences_cut_every_dialect_at_the_same_place(
        words in prop::collection::vec("[abEND\u{e9}\u{1f600}\n]{0,6}", 0..8),
        stop in "[abEND\u{e9}\u{1f600}]{1,4}",
    ) {
        let text = words.concat();
        let expected = text.split(stop.as_str()).next().unwrap().to_owned();
        let pieces: Vec<&str> = words.iter().map(String::as_str).collect();
        for shown in texts(&stopping(&[&stop]), &pieces) {
            prop_assert_eq!(&shown, &expected);
        }
    }
}

/// The messages of a stream in its dialect's own framing, less the marker that is no JSON.
fn delimited<D: Client>(shape: &Shape<D::Own>, events: &[String]) -> Vec<Value> {
    let mut messages = D::messages(&stream::<D>(shape, events));
    messages.retain(|message| message != "[DONE]");
    messages
}

proptest! {
    #[test]
    fn one_message_per_event_holds_what_the_own_framing_holds(
        items in prop::collection::vec(item(), 0..6),
        turns in prop::collection::vec(any::<usize>(), 0..20),
        end in 0_usize..10,
        usage in any::<bool>(),
    ) {
        let options = Options { stream_usage: usage, ..Options::default() };
        let script = script(&items, &turns, end);
        let both = for_each_dialect!(D => {
            let shape = shaped::<D>(&shape(), &options);
            (messages::<D>(&shape, &script), delimited::<D>(&shape, &script))
        });
        for (messages, delimited) in both {
            prop_assert_eq!(messages, delimited);
        }
    }
}

/// The bytes of an answer with one text delta, which is written like this: the stream, and whole.
fn written<D: Dialect>(delta: &str) -> (String, String) {
    let delta =
        format!(r#"{{"type":"response.output_text.delta","output_index":0,"delta":"{delta}"}}"#);
    let events = [created(), delta, completed()];
    let whole = whole::<D>(&shape(), &events).unwrap().to_string();
    (stream::<D>(&shape(), &events), whole)
}

/// Both for every dialect that words text itself.
fn written_everywhere(delta: &str) -> impl Iterator<Item = (String, String)> {
    for_each_dialect!(D => D::TEXT.map(|_| written::<D>(delta))).into_iter().flatten()
}

#[test]
fn escapes_leave_as_they_came() {
    let delta = r#"\u00e9\/\ud83d\ude00\u0000\n\"\\é"#;
    let text: String = serde_json::from_str(&format!("\"{delta}\"")).unwrap();
    for (stream, whole) in written_everywhere(delta) {
        assert!(stream.contains(&format!("\"{delta}\"")), "{stream}");
        assert!(whole.contains(&serde_json::to_string(&text).unwrap()), "{whole}");
    }
}

#[test]
fn half_a_surrogate_leaves_as_a_replacement_character() {
    for (stream, whole) in written_everywhere(r#"a\ud83d\n\"b"#) {
        assert!(stream.contains("\"a\u{fffd}\\n\\\"b\""), "{stream}");
        assert!(whole.contains("\"a\u{fffd}\\n\\\"b\""), "{whole}");
    }
}
