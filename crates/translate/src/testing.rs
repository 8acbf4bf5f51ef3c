//! Helpers of this crate's tests: requests settled, events written, replies driven to their end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::Frame;
use serde_json::{Value, json};

use crate::bounds::Bounds;
use crate::dialect::{Dialect, Encoder, End, Shape};
use crate::thinking::ReasoningStyle;
use crate::{Catalog, Failure, Frames, Notice, Policy, settle};

/// A moment for `created`.
pub(crate) const CREATED: u64 = 1_795_338_734;

/// A shape without anything special.
pub(crate) fn shape() -> Shape {
    Shape {
        created: CREATED,
        model: "gpt-6-sol".to_owned(),
        stream_usage: false,
        reasoning: ReasoningStyle::ReasoningContent,
        json: false,
        hide_commentary: false,
        legacy_functions: false,
        bounds: Bounds::default(),
        tokenizer: Arc::new(crate::tokens::Estimate),
        echo: Vec::new(),
        choices_per_prompt: 1,
        keep: false,
        response_id: std::sync::OnceLock::new(),
        renamed: Vec::new(),
    }
}

/// What a request settles to: the upstream body as a value, and the rest.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) text: String,
    pub(crate) body: Value,
    pub(crate) shape: Arc<Shape>,
    pub(crate) stream: bool,
    pub(crate) choices: u32,
    pub(crate) notices: Vec<Notice>,
}

impl Settled {
    /// Whether a notice of that member and kind was given.
    pub(crate) fn notes(&self, field: &str, kind: &str) -> bool {
        self.notices.iter().any(|n| n.field == field && n.kind.as_str() == kind)
    }

    /// Names and kinds of the notices.
    pub(crate) fn noted(&self) -> Vec<(&str, &str)> {
        self.notices.iter().map(|notice| (&*notice.field, notice.kind.as_str())).collect()
    }
}

/// Reads, drafts and settles a body by the built-in catalogue.
pub(crate) fn settled<D: Dialect>(body: &str, policy: &Policy) -> Result<Settled, Failure> {
    settled_by::<D>(body, policy, &Catalog::builtin())
}

/// Reads, drafts and settles a body.
pub(crate) fn settled_by<D: Dialect>(
    body: &str,
    policy: &Policy,
    catalog: &Catalog,
) -> Result<Settled, Failure> {
    let draft = D::draft(D::read(body.as_bytes())?)?;
    let turn = settle(draft, catalog, policy, CREATED)?;
    let text = serde_json::to_string(&turn.request).unwrap();
    Ok(Settled {
        body: serde_json::from_str(&text).unwrap(),
        text,
        shape: turn.shape,
        stream: turn.stream,
        choices: turn.choices,
        notices: turn.notices,
    })
}

/// Writes an event whose kind comes first, as the backend does.
pub(crate) fn event(kind: &str, members: &Value) -> String {
    let members = members.to_string();
    match members.trim_start_matches('{') {
        "}" => format!(r#"{{"type":"{kind}"}}"#),
        members => format!(r#"{{"type":"{kind}",{members}"#),
    }
}

pub(crate) fn created() -> String {
    let response = json!({"id": "resp_0a1b", "status": "in_progress", "model": "gpt-6-sol"});
    event("response.created", &json!({"response": response}))
}

pub(crate) fn completed() -> String {
    let usage = json!({
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 60},
        "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 8}, "total_tokens": 120,
    });
    let response = json!({"id": "resp_0a1b", "status": "completed", "output": [], "usage": usage});
    event("response.completed", &json!({"response": response}))
}

pub(crate) fn incomplete(reason: &str) -> String {
    let details = json!({"reason": reason});
    let response = json!({"id": "resp_0a1b", "incomplete_details": details, "usage": null});
    event("response.incomplete", &json!({"response": response}))
}

pub(crate) fn failed(code: &str, message: &str) -> String {
    let error = json!({"code": code, "message": message});
    event("response.failed", &json!({"response": {"id": "resp_0a1b", "error": error}}))
}

pub(crate) fn added(index: usize, item: &Value) -> String {
    event("response.output_item.added", &json!({"output_index": index, "item": item}))
}

pub(crate) fn done(index: usize, item: &Value) -> String {
    event("response.output_item.done", &json!({"output_index": index, "item": item}))
}

pub(crate) fn text(index: usize, delta: &str) -> String {
    event("response.output_text.delta", &json!({"output_index": index, "delta": delta}))
}

pub(crate) fn refusal(index: usize, delta: &str) -> String {
    event("response.refusal.delta", &json!({"output_index": index, "delta": delta}))
}

pub(crate) fn reasoning(index: usize, part: usize, delta: &str) -> String {
    let members = json!({"output_index": index, "summary_index": part, "delta": delta});
    event("response.reasoning_summary_text.delta", &members)
}

pub(crate) fn raw_reasoning(index: usize, part: usize, delta: &str) -> String {
    let members = json!({"output_index": index, "content_index": part, "delta": delta});
    event("response.reasoning_text.delta", &members)
}

pub(crate) fn arguments(index: usize, delta: &str) -> String {
    event("response.function_call_arguments.delta", &json!({"output_index": index, "delta": delta}))
}

pub(crate) fn citation(index: usize, start: u64, end: u64) -> String {
    let annotation = json!({
        "type": "url_citation", "start_index": start, "end_index": end,
        "url": "https://example.org/a", "title": "A",
    });
    let members = json!({"output_index": index, "annotation": annotation});
    event("response.output_text.annotation.added", &members)
}

pub(crate) fn message(phase: Option<&str>, text: &str) -> Value {
    let content = match text {
        "" => json!([]),
        text => json!([{"type": "output_text", "text": text, "annotations": []}]),
    };
    json!({"type": "message", "role": "assistant", "phase": phase, "content": content})
}

pub(crate) fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments})
}

/// Gives `events` to an encoder until it breaks off; their end without that is a failure.
fn run<E: Encoder>(encoder: &mut E, events: &[String], out: &mut Frames) -> Result<End, Failure> {
    for event in events {
        let frame = Frame::new(Bytes::copy_from_slice(event.as_bytes()));
        let event = Event::parse(&frame).unwrap();
        if let std::ops::ControlFlow::Break(end) =
            encoder.event(&frame, &event, Duration::ZERO, out)
        {
            return end;
        }
    }
    Err(Failure::incomplete())
}

/// The bytes of a streamed reply of one choice.
pub(crate) fn stream<D: Dialect>(shape: &Shape, events: &[String]) -> String {
    let shape = Arc::new(shape.clone());
    let (mut out, mut encoder) = (Frames::default(), D::encoder(&shape, 0));
    match run(&mut encoder, events, &mut out) {
        Ok(end) => {
            let output = encoder.finish(end, Duration::ZERO, &mut out);
            D::tail(Ok(&[output]), &shape, &mut out);
        }
        Err(failure) => {
            encoder.fail(&failure, &mut out);
            D::tail(Err(&failure), &shape, &mut out);
        }
    }
    String::from_utf8(out.take().unwrap_or_default().to_vec()).unwrap()
}

/// A whole reply of one choice.
pub(crate) fn whole<D: Dialect>(shape: &Shape, events: &[String]) -> Result<Value, Failure> {
    let shape = Arc::new(shape.clone());
    let (mut out, mut encoder) = (Frames::default(), D::whole(&shape, 0));
    let end = run(&mut encoder, events, &mut out)?;
    let replies = [encoder.finish(end, Duration::ZERO, &mut out)];
    assert!(out.is_empty(), "a whole reply writes no frames");
    Ok(serde_json::to_value(D::render(&replies, &shape, Duration::ZERO)).unwrap())
}

/// The data of a stream's events, parsed; `[DONE]` is the string.
pub(crate) fn data(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into())).collect()
}
