//! Helpers of this crate's tests: requests settled, events written, replies driven to their end.

pub(crate) mod script;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::Frame;
use serde_json::{Value, json};

use crate::dialect::{Dialect, Output};
use crate::encoder::Encoder;
use crate::end::{End, Finish};
use crate::shape::Shape;
use crate::{Catalog, Failure, Family, Framing, Notice, Out, Policy, ReasoningSeal, settle};

/// A moment for `created`.
pub(crate) const CREATED: u64 = 1_795_338_734;

/// A shape without anything special.
pub(crate) fn shape<O: Default>() -> Shape<O> {
    Shape::new("gpt-6-sol", CREATED)
}

/// What a request settles to: the upstream body as a value, and the rest.
#[derive(Debug)]
pub(crate) struct Settled<O = ()> {
    pub(crate) text: String,
    pub(crate) body: Value,
    pub(crate) shape: Arc<Shape<O>>,
    pub(crate) stream: bool,
    pub(crate) choices: u32,
    pub(crate) immediate_finish: Option<Finish>,
    pub(crate) more_inputs: Vec<Value>,
    pub(crate) notices: Vec<Notice>,
}

impl<O> Settled<O> {
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
pub(crate) fn settled<D: Dialect>(body: &str, policy: &Policy) -> Result<Settled<D::Own>, Failure> {
    settled_by::<D>(body, policy, &Catalog::builtin())
}

/// Reads, drafts and settles a body.
pub(crate) fn settled_by<D: Dialect>(
    body: &str,
    policy: &Policy,
    catalog: &Catalog,
) -> Result<Settled<D::Own>, Failure> {
    let draft = D::draft(D::read(body.as_bytes())?, &ReasoningSeal::default())?;
    let turn = settle(draft, catalog, policy, CREATED)?;
    let text = serde_json::to_string(&turn.request).unwrap();
    Ok(Settled {
        body: value(&text),
        text,
        shape: turn.shape,
        stream: turn.stream,
        choices: turn.choices,
        immediate_finish: turn.immediate_finish,
        more_inputs: turn.more_inputs.iter().map(|raw| value(raw.get())).collect(),
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

/// A response object with all its members, and with these in place of the usual ones.
pub(crate) fn response(more: &Value) -> Value {
    let mut response = json!({
        "id": "resp_0a1b", "object": "response", "created_at": CREATED, "completed_at": null,
        "status": "in_progress", "incomplete_details": null, "model": "gpt-6-sol",
        "previous_response_id": null, "instructions": null, "output": [], "error": null, "tools": [],
        "tool_choice": "auto", "truncation": "disabled", "parallel_tool_calls": true,
        "text": {"format": {"type": "text"}}, "top_p": 1.0, "presence_penalty": 0.0,
        "frequency_penalty": 0.0, "top_logprobs": 0, "temperature": 1.0, "reasoning": null,
        "usage": null, "max_output_tokens": null, "max_tool_calls": null, "store": false,
        "background": false, "service_tier": "default", "metadata": {}, "safety_identifier": null,
        "prompt_cache_key": null,
    });
    let members = response.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    response
}

pub(crate) fn created() -> String {
    event("response.created", &json!({"response": response(&json!({}))}))
}

pub(crate) fn completed() -> String {
    let usage = json!({
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 60},
        "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 8}, "total_tokens": 120,
    });
    let more = json!({
        "status": "completed", "completed_at": CREATED, "usage": usage,
    });
    event("response.completed", &json!({"response": response(&more)}))
}

pub(crate) fn incomplete(reason: &str) -> String {
    let details = json!({"reason": reason});
    let more = json!({"status": "incomplete", "incomplete_details": details});
    event("response.incomplete", &json!({"response": response(&more)}))
}

pub(crate) fn failed(code: &str, message: &str) -> String {
    let error = json!({"code": code, "message": message});
    let more = json!({"status": "failed", "error": error});
    event("response.failed", &json!({"response": response(&more)}))
}

/// An item with the id that it gets where the backend gave none.
pub(crate) fn with_id(index: usize, mut item: Value) -> Value {
    let prefix = if item["type"] == "message" { "msg" } else { "fc" };
    item["id"] = crate::tool_names::made_id(prefix, "resp_0a1b", index).into();
    item
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
///
/// Each comes `step` after the one before.
fn run<E: Encoder>(
    encoder: &mut E,
    events: &[String],
    step: Duration,
    out: &mut Out,
) -> Result<End, Failure> {
    out.at = Duration::ZERO;
    for event in events {
        let frame = Frame::new(Bytes::copy_from_slice(event.as_bytes()));
        let event = Event::parse(&frame).unwrap();
        out.at += step;
        if let std::ops::ControlFlow::Break(end) = encoder.event(&frame, &event, out) {
            return end;
        }
    }
    Err(Failure::incomplete())
}

/// The bytes of a streamed reply of one choice.
pub(crate) fn stream<D: Dialect>(shape: &Shape<D::Own>, events: &[String]) -> String {
    stream_at::<D>(shape, events, Duration::ZERO)
}

/// The same where each event comes `step` after the one before.
pub(crate) fn stream_at<D: Dialect>(
    shape: &Shape<D::Own>,
    events: &[String],
    step: Duration,
) -> String {
    let mut out = Out::new(D::FRAMING);
    write_stream::<D>(shape, events, step, &mut out);
    written(&mut out)
}

/// The same as one message per event.
pub(crate) fn messages<D: Dialect>(shape: &Shape<D::Own>, events: &[String]) -> Vec<Value> {
    let mut out = Out::new(Framing::Message);
    write_stream::<D>(shape, events, Duration::ZERO, &mut out);
    let messages = std::iter::from_fn(|| out.frames.take_message());
    messages.map(|message| serde_json::from_slice(&message).unwrap()).collect()
}

fn write_stream<D: Dialect>(
    shape: &Shape<D::Own>,
    events: &[String],
    step: Duration,
    out: &mut Out,
) {
    let shape = Arc::new(shape.clone());
    let mut encoder = D::encoder(&shape, 0);
    match run(&mut encoder, events, step, out) {
        Ok(end) => {
            let output = encoder.finish(end, out);
            D::tail(Ok(&[output]), &shape, out);
        }
        Err(failure) => {
            encoder.fail(&failure, out);
            D::tail(Err(&failure), &shape, out);
        }
    }
}

/// The bytes of a streamed reply of several choices, one after the other; all come to their end.
pub(crate) fn streams<D: Dialect>(shape: &Shape<D::Own>, choices: &[Vec<String>]) -> String {
    let shape = Arc::new(shape.clone());
    let mut out = Out::new(D::FRAMING);
    let choices = (0..).zip(choices).map(|(choice, events)| {
        let mut encoder = D::encoder(&shape, choice);
        let end = run(&mut encoder, events, Duration::ZERO, &mut out).unwrap();
        encoder.finish(end, &mut out)
    });
    let outputs: Vec<Output<D>> = choices.collect();
    D::tail(Ok(&outputs), &shape, &mut out);
    written(&mut out)
}

/// A reply to what asks nothing, as a stream and whole.
pub(crate) fn immediate_finish<D: Dialect>(
    shape: &Shape<D::Own>,
    finish: Finish,
) -> (String, Value) {
    let shape = Arc::new(shape.clone());
    let mut out = Out::new(D::FRAMING);
    let output = D::encoder(&shape, 0).finish(End::new(finish), &mut out);
    D::tail(Ok(&[output]), &shape, &mut out);
    let stream = written(&mut out);
    let replies = [D::whole(&shape, 0).finish(End::new(finish), &mut out)];
    (stream, serde_json::to_value(D::render(&replies, &shape, Duration::ZERO)).unwrap())
}

/// A whole reply of one choice.
pub(crate) fn whole<D: Dialect>(
    shape: &Shape<D::Own>,
    events: &[String],
) -> Result<Value, Failure> {
    whole_at::<D>(shape, events, Duration::ZERO)
}

/// The same where each event comes `step` after the one before.
pub(crate) fn whole_at<D: Dialect>(
    shape: &Shape<D::Own>,
    events: &[String],
    step: Duration,
) -> Result<Value, Failure> {
    wholes::<D>(shape, &[events.to_vec()], step)
}

/// A whole reply of several choices.
pub(crate) fn wholes<D: Dialect>(
    shape: &Shape<D::Own>,
    choices: &[Vec<String>],
    step: Duration,
) -> Result<Value, Failure> {
    let shape = Arc::new(shape.clone());
    let (mut out, mut replies) = (Out::default(), Vec::new());
    for (choice, events) in (0..).zip(choices) {
        let mut encoder = D::whole(&shape, choice);
        let end = run(&mut encoder, events, step, &mut out)?;
        replies.push(encoder.finish(end, &mut out));
    }
    assert!(out.frames.is_empty(), "a whole reply writes nothing");
    Ok(serde_json::to_value(D::render(&replies, &shape, out.at)).unwrap())
}

/// A failure in the shape of the dialect's family.
pub(crate) fn error<D: Dialect>(failure: &Failure) -> Value {
    serde_json::to_value(D::Family::error(failure)).unwrap()
}

fn written(out: &mut Out) -> String {
    String::from_utf8(out.frames.take().unwrap_or_default().to_vec()).unwrap()
}

/// A JSON text as a value.
pub(crate) fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// The lines of a stream of JSON lines, parsed.
pub(crate) fn lines(stream: &str) -> Vec<Value> {
    assert!(stream.is_empty() || stream.ends_with('\n'), "the last line has no end: {stream}");
    stream.lines().map(value).collect()
}

/// The data of a stream's events, parsed; `[DONE]` is the string.
pub(crate) fn data(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into())).collect()
}
