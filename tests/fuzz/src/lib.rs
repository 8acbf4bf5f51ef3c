//! What the fuzz targets have in common: requests lowered, streams driven to their end.

use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use chatmock_protocol::effort::Effort;
use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::{Decoder, Frame};
use chatmock_translate::anthropic::{MessagesShape, ShownThinking};
use chatmock_translate::openai::{ChatShape, CompletionsShape};
use chatmock_translate::reasoning_style::ReasoningStyle;
use chatmock_translate::stop::StopCriteria;
use chatmock_translate::{
    Catalog, Chat, Completions, Dialect, Encoder, End, Failure, Family, Framing, Messages,
    OllamaChat, OllamaGenerate, Out, Policy, ReasoningSeal, Responses, Shape, settle,
};
use serde_json::Value;

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

/// The default policy, and one in which everything is different.
static POLICIES: LazyLock<[Policy; 2]> = LazyLock::new(|| {
    let mut other = Policy::default();
    other.reasoning_style = ReasoningStyle::ThinkTags;
    other.effort = Some(Effort::High);
    other.summary = Some("detailed".to_owned());
    (other.fast, other.web_search, other.hide_commentary) = (true, true, true);
    other.debug_model = Some("gpt-5.4".to_owned());
    [Policy::default(), other]
});

/// Reads, drafts and settles a body: what comes out is a JSON object, or a failure that can be worded.
pub fn lower<D: Dialect>(body: &[u8]) {
    for policy in &*POLICIES {
        let seal = ReasoningSeal::default();
        let draft = D::read(body).and_then(|request| D::draft(request, &seal));
        match draft.and_then(|draft| settle(draft, &CATALOG, policy, 1_795_338_734)) {
            Ok(turn) => {
                let text = serde_json::to_string(&turn.request).expect("a request is written");
                let value: Value = serde_json::from_str(&text).expect("and can be read");
                assert!(value.is_object(), "{text}");
                assert!((1..=8).contains(&turn.choices));
            }
            Err(failure) => assert_worded::<D>(&failure),
        }
    }
}

/// Words a failure.
pub fn assert_worded<D: Dialect>(failure: &Failure) {
    let error = serde_json::to_value(D::Family::error(failure)).expect("an error is written");
    assert!(error.is_object());
}

/// The frames of a stream that arrives in pieces of these lengths, the rest at once; and whether
/// all of them were within the limit.
pub fn decode(stream: &[u8], pieces: &[u8], limit: usize) -> (Vec<Frame>, bool) {
    let (mut decoder, mut frames) = (Decoder::new(limit), Vec::new());
    let mut rest = Bytes::copy_from_slice(stream);
    let lengths = pieces.iter().map(|length| usize::from(*length)).chain([usize::MAX]);
    for length in lengths {
        decoder.push(rest.split_to(length.min(rest.len())));
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, false),
            }
        }
    }
    (frames, true)
}

/// Dialects, each with the part of a shape that is its own.
pub trait Special: Dialect {
    /// A part in which everything is asked for.
    fn own() -> Self::Own {
        Self::Own::default()
    }

    /// True if a whole reply fails where a stream has passed what cannot be worded.
    const STREAM_PASSES: bool = false;
}

impl Special for Chat {
    fn own() -> ChatShape {
        ChatShape { stream_usage: true, legacy_functions: true, ..ChatShape::default() }
    }
}

impl Special for Completions {
    fn own() -> CompletionsShape {
        CompletionsShape {
            stream_usage: true,
            echo: vec!["Once".to_owned()],
            choices_per_prompt: 1,
        }
    }
}

impl Special for Messages {
    const STREAM_PASSES: bool = true;

    fn own() -> MessagesShape {
        let thinking = ShownThinking::Text;
        MessagesShape { thinking, fast: true, only_searches: true, ..MessagesShape::default() }
    }
}

impl Special for OllamaChat {}
impl Special for OllamaGenerate {}
impl Special for Responses {}

/// Replies with nothing special about them, and with everything.
fn shapes<D: Special>() -> [Arc<Shape<D::Own>>; 2] {
    let plain = Shape::new("gpt-6-sol", 1_795_338_734);
    let mut special = Shape::new("gpt-6-sol", 1_795_338_734);
    special.reasoning = ReasoningStyle::ThinkTags;
    (special.hide_commentary, special.store) = (true, true);
    special.stop =
        StopCriteria { sequences: vec!["ab".to_owned(), "\u{e9}".to_owned()], max_tokens: Some(9) };
    special.own = D::own();
    [Arc::new(plain), Arc::new(special)]
}

/// Drives streams and whole replies of every shape over the same frames.
pub fn replies<D: Special>(frames: &[Frame]) {
    for shape in &shapes::<D>() {
        reply::<D>(frames, shape);
    }
}

/// Drives a stream and a whole reply over the same frames; they must agree about the end.
fn reply<D: Special>(frames: &[Frame], shape: &Arc<Shape<D::Own>>) {
    let (mut out, mut encoder) = (Out::new(D::FRAMING), D::encoder(shape, 0));
    let streamed = run(&mut encoder, frames, &mut out);
    let whole = wholly::<D>(frames, shape);
    let agrees = streamed.is_ok() == whole || D::STREAM_PASSES && streamed.is_ok();
    assert!(agrees, "a stream and a whole reply end differently");
    match &streamed {
        Ok(end) => {
            let output = encoder.finish(end.clone(), &mut out);
            D::tail(Ok(&[output]), shape, &mut out);
        }
        Err(failure) => {
            assert_worded::<D>(failure);
            encoder.fail(failure, &mut out);
            D::tail(Err(failure), shape, &mut out);
        }
    }
    let bytes = out.frames.take().unwrap_or_default();
    let text = std::str::from_utf8(&bytes).expect("a stream is UTF-8");
    well_formed::<D>(text);
    if streamed.is_err() {
        let last = text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
        let done = last.is_some_and(|line| line.get("done") == Some(&Value::Bool(true)));
        let done = done || text.ends_with("[DONE]\n\n") || text.ends_with("\"message_stop\"}\n\n");
        assert!(!done, "a broken answer is called complete");
    }
}

fn wholly<D: Dialect>(frames: &[Frame], shape: &Arc<Shape<D::Own>>) -> bool {
    let (mut out, mut encoder) = (Out::default(), D::whole(shape, 0));
    let Ok(end) = run(&mut encoder, frames, &mut out) else { return false };
    let replies = [encoder.finish(end, &mut out)];
    assert!(out.frames.is_empty(), "a whole reply writes nothing");
    let reply = serde_json::to_value(D::render(&replies, shape, Duration::ZERO));
    assert!(reply.expect("a reply is written").is_object());
    true
}

fn run<E: Encoder>(encoder: &mut E, frames: &[Frame], out: &mut Out) -> Result<End, Failure> {
    for frame in frames {
        let Ok(event) = Event::parse(frame) else { break };
        if let ControlFlow::Break(end) = encoder.event(frame, &event, out) {
            return end;
        }
    }
    Err(Failure::incomplete())
}

/// Every line of a translated stream is JSON, framed as the dialect frames it.
fn well_formed<D: Dialect>(text: &str) {
    for line in text.lines().filter(|line| !line.is_empty()) {
        let json = match D::FRAMING {
            Framing::Ndjson | Framing::Message => line,
            Framing::Sse if D::NAME == "responses" => continue,
            Framing::Sse => line.strip_prefix("data: ").expect("a line is data"),
        };
        assert!(json == "[DONE]" || serde_json::from_str::<Value>(json).is_ok(), "{json}");
    }
}
