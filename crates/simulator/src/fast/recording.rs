//! A recording: the bytes of a stream as they are written, and the times between.

use std::fmt::Write;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::json;

use super::Fast;
use crate::body::framed;
use crate::composer::{Composer, ResponseMeta};
use crate::model_request::ModelRequest;
use crate::output_items::ToolCall;
use crate::script::Step;

/// A stamp without a time.
pub(super) const BLANK: &str = "@0000000000000000@";

/// The size of one write of a burst, in bytes.
const PIECE: usize = 16 * 1024;

/// Pieces of an answer, as long as the tokens of a model: plain words, characters that JSON
/// escapes, and characters of two, three and four bytes.
const TOKENS: [&str; 24] = [
    " the",
    " proxy",
    " reads",
    ",",
    " each",
    " event",
    " and",
    "\n\n",
    " naïve",
    " 数据",
    "ing",
    " \"quoted\"",
    " of",
    " text",
    "\t",
    " fn",
    " main",
    "()",
    " {",
    "\n   ",
    " let",
    " x",
    " 🙂",
    " then",
];

/// The bytes of one write.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    /// The position of the stamp, if it holds one.
    pub(super) stamp: Option<usize>,
}

/// An encoded stream.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) pieces: Vec<Piece>,
    /// The time before each piece with a stamp.
    pub(super) pause: Duration,
}

impl Recording {
    /// Composes and encodes an answer.
    pub(super) fn of(fast: Fast) -> Self {
        let events = events(fast);
        let (writes, pause) = match fast {
            Fast::Paced(_, pause) => (events, pause),
            Fast::Burst(_) => (cut(&events.concat(), PIECE), 0),
            Fast::Split(_, bytes) => (cut(&events.concat(), bytes as usize), 0),
            Fast::Escaped(_) => (events.iter().map(|event| escaped(event)).collect(), 0),
            Fast::Flood(_) | Fast::Calls(_) | Fast::Large(_) => (events, 0),
        };
        // Events that repeat a text hold its stamps, too. Only those in deltas get a time.
        let is_delta = |bytes: &[u8]| bytes.starts_with(b"event: response.output_text.delta\n");
        let stamped = |bytes: &Bytes| {
            let at = memchr::memmem::find(bytes, BLANK.as_bytes());
            at.filter(|_| pause > 0 && is_delta(bytes))
        };
        let piece = |bytes: Bytes| Piece { stamp: stamped(&bytes), bytes };
        let pieces = writes.into_iter().map(piece).collect();
        Self { pieces, pause: Duration::from_millis(pause.into()) }
    }
}

/// Returns the text of a complete answer.
pub(super) fn text(fast: Fast) -> String {
    match fast {
        Fast::Calls(count) => (0..count as usize).map(|index| call(index).text).collect(),
        _ => deltas(fast).concat(),
    }
}

fn deltas(fast: Fast) -> Vec<String> {
    let token = |index: u32| TOKENS[index as usize % TOKENS.len()].to_owned();
    match fast {
        Fast::Paced(count, _) => vec![BLANK.to_owned(); count as usize],
        Fast::Flood(count) | Fast::Burst(count) | Fast::Split(count, _) | Fast::Escaped(count) => {
            (0..count).map(token).collect()
        }
        Fast::Large(bytes) => {
            vec![TOKENS.concat().repeat(1 + bytes as usize / TOKENS.concat().len())]
        }
        Fast::Calls(_) => Vec::new(),
    }
}

fn call(index: usize) -> ToolCall {
    let name = "get_weather".to_owned();
    let text = json!({"city": TOKENS.concat(), "day": index}).to_string();
    ToolCall { call_id: format!("call_{index:024}"), name, namespace: None, text, custom: false }
}

/// Returns the framed events.
fn events(fast: Fast) -> Vec<Bytes> {
    let instructions = "Be precise. ".repeat(80);
    let request = ModelRequest::new(json!({"model": "gpt-5.5", "instructions": instructions}));
    let meta = ResponseMeta {
        serial: 1,
        created_at: 1_790_000_000,
        pace: Duration::ZERO,
        fill_output: false,
        input_tokens: 120,
        cached_tokens: 0,
        encrypted_content: None,
        turn_state: String::new(),
    };
    let mut composer = Composer::begin(&request, &meta);
    composer.reasoning(&["**Reading the question**"]);
    match fast {
        Fast::Calls(count) => {
            let calls: Vec<_> = (0..count as usize).map(call).collect();
            composer.calls(&calls);
        }
        _ => {
            let open = composer.open_message("final_answer");
            let deltas = deltas(fast);
            for delta in &deltas {
                composer.text_delta(&open, delta);
            }
            composer.close_message(&open, &deltas.concat(), Vec::new());
        }
    }
    let steps = composer.complete().steps.into_iter();
    let framed = steps.map(|step| match step {
        Step::Event(text) => framed(&text),
        _ => Bytes::new(),
    });
    framed.filter(|bytes| !bytes.is_empty()).collect()
}

fn cut(bytes: &[u8], longest: usize) -> Vec<Bytes> {
    bytes.chunks(longest.max(1)).map(Bytes::copy_from_slice).collect()
}

/// Escapes every character beyond ASCII.
fn escaped(event: &[u8]) -> Bytes {
    let mut written = BytesMut::with_capacity(2 * event.len());
    for letter in String::from_utf8_lossy(event).chars() {
        if letter.is_ascii() {
            written.extend_from_slice(&[letter as u8]);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            // Writing to memory cannot fail.
            let _ = write!(written, "\\u{unit:04x}");
        }
    }
    written.freeze()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Joins the deltas of one kind, read from the bytes of a recording.
    fn joined(recording: &Recording, kind: &str) -> String {
        let bytes: Vec<u8> =
            recording.pieces.iter().flat_map(|piece| piece.bytes.clone()).collect();
        let text = String::from_utf8(bytes).unwrap();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let events = data.map(|data| serde_json::from_str::<Value>(data).unwrap());
        let deltas = events.filter(|event| event["type"] == kind);
        deltas.map(|event| event["delta"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_recording_holds_its_text() {
        let (text, calls) =
            ("response.output_text.delta", "response.function_call_arguments.delta");
        for (fast, kind) in [
            (Fast::Paced(5, 1), text),
            (Fast::Flood(50), text),
            (Fast::Burst(500), text),
            (Fast::Split(50, 37), text),
            (Fast::Escaped(50), text),
            (Fast::Large(100_000), text),
            (Fast::Calls(1), calls),
        ] {
            let recording = Recording::of(fast);
            assert_eq!(joined(&recording, kind), fast.text(), "{fast:?}");
        }
        assert!(Fast::Large(100_000).text().len() >= 100_000);
    }

    #[test]
    fn writes_are_cut_as_their_kind_says() {
        assert!(Recording::of(Fast::Burst(500)).pieces.len() < 20);
        assert!(Recording::of(Fast::Flood(500)).pieces.len() > 500);
        let split = Recording::of(Fast::Split(50, 37));
        assert!(split.pieces.iter().any(|piece| std::str::from_utf8(&piece.bytes).is_err()));
        let paced = Recording::of(Fast::Paced(5, 1));
        assert_eq!(paced.pieces.iter().filter(|piece| piece.stamp.is_some()).count(), 5);
        let escaped = Recording::of(Fast::Escaped(50));
        assert!(escaped.pieces.iter().all(|piece| piece.bytes.is_ascii()));
    }
}
