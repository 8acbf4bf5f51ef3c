//! The modes that break, delay or disguise the transport.

use std::time::Duration;

use bytes::Bytes;

use super::{Mode, ModeContext, half_a_message};
use crate::body::framed;
use crate::composer::Composer;
use crate::default_answer;
use crate::json::{Json, members};
use crate::output_items::{part_position, with_member};
use crate::script::{Script, Step};

/// A time that nobody waits for.
const FOR_EVER: Duration = Duration::from_secs(1 << 32);
/// The largest delta that a prompt can request, in bytes.
const LARGEST: u64 = 256 << 20;
/// A byte order mark.
const MARK: &str = "\u{feff}";

/// Returns the script of a mode.
pub(super) fn script(mode: Mode, context: &ModeContext<'_>, numbers: &[u64]) -> Script {
    let number = |index: usize, usual: u64, most: u64| {
        numbers.get(index).copied().unwrap_or(usual).min(most)
    };
    match mode {
        Mode::Stall | Mode::StallAfter | Mode::Cut | Mode::CutHard | Mode::DoneOnly => {
            ended_early(mode, context.begin())
        }
        Mode::Slow => {
            slow(context, number(0, 20, 100_000), Duration::from_millis(number(1, 50, u64::MAX)))
        }
        Mode::Flood => flood(context, number(0, 1000, u64::MAX), number(1, 64 << 10, LARGEST)),
        Mode::HugeEvent => flood(context, 1, number(0, 65 << 20, LARGEST)),
        Mode::Mute => default_answer::answer(context.request, context.meta).delayed(FOR_EVER),
        Mode::HugeHead => {
            let script = default_answer::answer(context.request, context.meta);
            script.with_header("x-huge", &"h".repeat(1 << 20))
        }
        Mode::EarlyHints => {
            let mut script = default_answer::answer(context.request, context.meta);
            script.preface = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".into();
            script
        }
        Mode::Bytewise => {
            let bytes = Bytes::from(context.bytes());
            let single = |at| [Step::Raw(bytes.slice(at..=at)), Step::Flush];
            Script::stream((0..bytes.len()).flat_map(single).collect())
        }
        mode => Script::stream(vec![Step::Raw(disguised(mode, context).into())]),
    }
}

fn ended_early(mode: Mode, mut composer: Composer) -> Script {
    if mode != Mode::Stall {
        half_a_message(&mut composer, "This is not the whole");
    }
    match mode {
        Mode::Stall | Mode::StallAfter => composer.step(Step::Stall),
        Mode::CutHard => {
            composer.step(Step::Cut("event: response.output_text.delta\ndata: {\"type\"".into()));
        }
        Mode::DoneOnly => composer.step(Step::Raw("data: [DONE]\n\n".into())),
        _ => {}
    }
    composer.stop()
}

fn slow(context: &ModeContext<'_>, count: u64, gap: Duration) -> Script {
    let mut composer = context.begin();
    let open = composer.open_message("final_answer");
    let mut text = String::new();
    for number in 1..=count {
        let word = format!("{number} ");
        composer.step(Step::Wait(gap));
        composer.text_delta(&open, &word);
        text.push_str(&word);
    }
    composer.close_message(&open, &text, Vec::new());
    composer.complete()
}

/// Writes deltas of a number of bytes each, all with the same sequence number; the finished item
/// does not repeat them.
fn flood(context: &ModeContext<'_>, count: u64, bytes: u64) -> Script {
    let mut composer = context.begin();
    let open = composer.open_message("final_answer");
    let delta = "f".repeat(bytes as usize);
    let mut event = members! {"type": "response.output_text.delta", "sequence_number": 4_u64};
    event.extend(with_member(&part_position(&open), "delta", delta.into()));
    let frame = framed(&Json::Object(event).text());
    composer.step(Step::Repeat(frame, count));
    composer.close_message(&open, "", Vec::new());
    composer.complete()
}

/// Returns the default answer in an unusual framing.
fn disguised(mode: Mode, context: &ModeContext<'_>) -> Vec<u8> {
    let plain = context.bytes();
    let text = String::from_utf8_lossy(&plain);
    match mode {
        Mode::Cr => text.replace('\n', "\r").into_bytes(),
        Mode::Crlf => text.replace('\n', "\r\n").into_bytes(),
        Mode::Bom => format!("{MARK}{text}").into_bytes(),
        Mode::NoSpace => text.replace("\ndata: ", "\ndata:").into_bytes(),
        // JSON may be split after any comma outside of strings, as here.
        Mode::MultilineData => {
            text.replace(",\"sequence_number\"", ",\ndata: \"sequence_number\"").into_bytes()
        }
        Mode::WrongEventName => {
            text.replace("event: response.output_text.delta", "event: response.failed").into_bytes()
        }
        Mode::InvalidUtf8 => invalid_utf8(context),
        _ => plain,
    }
}

fn invalid_utf8(context: &ModeContext<'_>) -> Vec<u8> {
    let mut composer = context.begin();
    composer.message("left \u{1} right", "final_answer");
    let script = composer.complete();
    let events = script.steps.iter().filter_map(|step| match step {
        Step::Event(text) => Some(framed(text)),
        _ => None,
    });
    let bytes: Vec<u8> = events.flatten().collect();
    replace(&bytes, br"\u0001", &[0xff, 0xfe])
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(from) {
            replaced.extend_from_slice(to);
            rest = after;
        } else {
            replaced.push(first);
            rest = after;
        }
    }
    replaced
}
