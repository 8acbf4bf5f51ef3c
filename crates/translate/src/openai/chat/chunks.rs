//! Stream chunks of one choice of a chat completion, and the end of the stream.

use std::ops::ControlFlow;
use std::sync::Arc;

use chatmock_protocol::openai::chat::reply::{
    ChunkChoice, ChunkHead, CustomCall, Delta as Wire, FunctionCall, ToolCall, Usage,
};
use chatmock_protocol::responses;

use super::ChatShape;
use super::reply::{self, finish_reason};
use crate::delta::{CallStart, Delta, Piece};
use crate::encoder::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::family::Family;
use crate::frames::{Frames, Framing, Out};
use crate::openai::OpenAi;
use crate::reply::{Collector, Reply};
use crate::shape::Shape;
use crate::template::{PLACEHOLDER, Template};
use crate::tool_names;
use chatmock_protocol::responses::event::Channel;

/// Writes the chunks of one choice.
#[derive(Debug)]
pub struct Chunks {
    shape: Arc<Shape<ChatShape>>,
    choice: u32,
    /// The beginning of every chunk, up to the choice; made when the reply's id is known.
    prefix: String,
    /// A chunk with a place for a piece of text.
    text: Template<1>,
    /// Chunks with a place for a piece of reasoning, summary and raw.
    reasoning: [Template<1>; 2],
    /// Chunks with a place for a piece of each call's arguments.
    calls: Vec<Template<1>>,
    /// The summary of the item of reasoning that is being written.
    summary: String,
    /// The number of items of reasoning so far.
    reasoned: usize,
    /// The whole reply, where it is kept.
    kept: Option<Collector>,
}

/// The end of a choice, for the stream's tail.
#[derive(Debug)]
pub struct Ended {
    prefix: String,
    usage: Option<responses::Usage>,
    service_tier: Option<String>,
    /// The whole reply, where it is kept.
    pub(super) reply: Option<Reply>,
}

impl Chunks {
    /// Makes the writer of choice number `choice`.
    #[must_use]
    pub fn new(shape: &Arc<Shape<ChatShape>>, choice: u32) -> Self {
        Self {
            shape: Arc::clone(shape),
            choice,
            prefix: String::new(),
            text: Template::default(),
            reasoning: <[Template<1>; 2]>::default(),
            calls: Vec::new(),
            summary: String::new(),
            reasoned: 0,
            kept: shape.store.then(Collector::new),
        }
    }

    fn begin(&mut self, response_id: &str, frames: &mut Frames) {
        let head = ChunkHead {
            id: &reply::id(response_id, &self.shape),
            object: "chat.completion.chunk",
            created: self.shape.created,
            model: &self.shape.model,
            system_fingerprint: None,
        };
        // A head of strings and a number always serialises.
        let mut prefix = serde_json::to_string(&head).unwrap_or_default();
        prefix.pop();
        self.prefix = prefix + ",\"choices\":[";
        let framing = frames.framing();
        self.text = self.template(framing, Wire { content: Some(PLACEHOLDER), ..Wire::default() });
        self.reasoning = [Channel::Summary, Channel::Raw].map(|channel| {
            let reasoning = reply::reasoning(self.shape.reasoning, channel, PLACEHOLDER.into());
            self.template(framing, Wire { reasoning, ..Wire::default() })
        });
        self.write(Wire { role: Some("assistant"), content: Some(""), ..Wire::default() }, frames);
    }

    fn write(&self, delta: Wire<'_>, frames: &mut Frames) {
        let index = self.choice;
        self.chunk(
            &ChunkChoice { index, delta, logprobs: None, finish_reason: None },
            None,
            frames,
        );
    }

    /// Writes a chunk; the tier is known at the end of the answer only, and `null` before.
    fn chunk(&self, choice: &ChunkChoice<'_>, tier: Option<&str>, frames: &mut Frames) {
        frames.begin_message(None);
        frames.text(&self.prefix);
        frames.json(choice);
        frames.text("],\"service_tier\":");
        frames.json(&tier);
        frames.text(if self.shape.own.stream_usage { ",\"usage\":null}" } else { "}" });
        frames.end_message();
    }

    /// A chunk with a place in it.
    fn template(&self, framing: Framing, delta: Wire<'_>) -> Template<1> {
        Template::of(framing, |frames| self.write(delta, frames))
    }

    fn reason(&mut self, channel: Channel, text: Piece<'_>, frames: &mut Frames) {
        if channel == Channel::Summary && reply::hands_out_reasoning(&self.shape) {
            self.summary.push_str(text.text());
        }
        let [summary, raw] = &self.reasoning;
        let template = match channel {
            Channel::Summary => summary,
            Channel::Raw => raw,
        };
        template.write([text], frames);
    }

    /// Hands out an item of reasoning, to be sent back in later requests.
    fn reasoning_end(&mut self, id: Option<&str>, content: Option<&str>, frames: &mut Frames) {
        let summary = std::mem::take(&mut self.summary);
        let details = reply::details(&self.shape, self.reasoned, &summary, id.zip(content));
        self.reasoned += 1;
        if !details.is_empty() {
            self.write(Wire { reasoning_details: details, ..Wire::default() }, frames);
        }
    }

    fn call_start(&mut self, start: CallStart<'_>, frames: &mut Frames) {
        let CallStart { index, id, name, custom } = start;
        self.calls.push(self.arguments(index, custom, frames.framing()));
        let shape = Arc::clone(&self.shape);
        let name = Some(tool_names::original(&shape.shortened, name));
        if shape.own.legacy_functions {
            if index == 0 {
                let function_call = Some(FunctionCall { name, arguments: "" });
                self.write(Wire { function_call, ..Wire::default() }, frames);
            }
            return;
        }
        let function = (!custom).then_some(FunctionCall { name, arguments: "" });
        let call = ToolCall {
            index: Some(index),
            id: Some(tool_names::original(&shape.shortened, id)),
            kind: Some(if custom { "custom" } else { "function" }),
            function,
            custom: custom.then_some(CustomCall { name, input: "" }),
        };
        self.write(Wire { tool_calls: Some([call]), ..Wire::default() }, frames);
    }

    /// Makes the chunk with a place for a piece of a call's arguments; the old form has room for the
    /// first call alone.
    fn arguments(&self, index: usize, custom: bool, framing: Framing) -> Template<1> {
        if self.shape.own.legacy_functions {
            let function_call = Some(FunctionCall { name: None, arguments: PLACEHOLDER });
            return self.template(framing, Wire { function_call, ..Wire::default() });
        }
        let function = (!custom).then_some(FunctionCall { name: None, arguments: PLACEHOLDER });
        let custom = custom.then_some(CustomCall { name: None, input: PLACEHOLDER });
        let call = ToolCall { index: Some(index), id: None, kind: None, function, custom };
        self.template(framing, Wire { tool_calls: Some([call]), ..Wire::default() })
    }

    fn call_arguments(&self, index: usize, fragment: Piece<'_>, frames: &mut Frames) {
        if self.shape.own.legacy_functions && index > 0 {
            return;
        }
        if let Some(template) = self.calls.get(index) {
            template.write([fragment], frames);
        }
    }
}

impl DeltaEncoder for Chunks {
    type Output = Ended;

    fn keeps_text(&self) -> bool {
        self.kept.is_some()
    }

    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
        if let Some(kept) = &mut self.kept {
            kept.delta(delta.clone(), out)?;
        }
        let frames = &mut out.frames;
        match delta {
            Delta::Begin { response_id } => self.begin(response_id, frames),
            Delta::Text(text) => self.text.write([text], frames),
            Delta::Refusal(text) => {
                self.write(Wire { refusal: Some(text.text()), ..Wire::default() }, frames);
            }
            Delta::Annotation(annotation) => {
                let annotation = annotation.into();
                let annotations = Some([reply::annotation(&annotation)]);
                self.write(Wire { annotations, ..Wire::default() }, frames);
            }
            Delta::Reasoning { channel, text } => self.reason(channel, text, frames),
            Delta::ReasoningBreak(channel) => self.reason(channel, "\n\n".into(), frames),
            Delta::CallStart(start) => self.call_start(start, frames),
            Delta::CallArguments { index, fragment } => {
                self.call_arguments(index, fragment, frames);
            }
            Delta::ReasoningEnd { id, encrypted_content } => {
                self.reasoning_end(id, encrypted_content, frames);
            }
            // This API has no words for these ends, nor for the backend's own searches.
            Delta::TextEnd | Delta::CallEnd { .. } | Delta::Search(_) => {}
            Delta::Image { format, base64 } => {
                let images = Some([reply::image(format, base64)]);
                self.write(Wire { images, ..Wire::default() }, frames);
            }
        }
        ControlFlow::Continue(())
    }

    fn end(mut self, end: End, out: &mut Out) -> Ended {
        let reply = self.kept.take().map(|kept| kept.end(end.clone(), out));
        let frames = &mut out.frames;
        if self.prefix.is_empty() {
            self.begin("", frames);
        }
        let reason = finish_reason(end.finish, &self.shape);
        let (index, delta) = (self.choice, Wire::default());
        let choice = ChunkChoice { index, delta, logprobs: None, finish_reason: Some(reason) };
        self.chunk(&choice, end.service_tier.as_deref(), frames);
        Ended { prefix: self.prefix, usage: end.usage, service_tier: end.service_tier, reply }
    }

    fn fail(self, _: &Failure, _: &mut Out) {}
}

/// Ends the stream: token counts if asked for and `[DONE]`, or the failure alone.
pub(super) fn tail(outcome: Result<&[Ended], &Failure>, shape: &Shape<ChatShape>, out: &mut Out) {
    let frames = &mut out.frames;
    let ended = match outcome {
        Ok(ended) => ended,
        Err(failure) => return frames.message_json(None, &OpenAi::error(failure)),
    };
    let usage = ended.iter().filter_map(|choice| choice.usage).reduce(responses::Usage::plus);
    if let (true, Some(usage), Some(first)) = (shape.own.stream_usage, usage, ended.first()) {
        frames.begin_message(None);
        frames.text(&first.prefix);
        frames.text("],\"service_tier\":");
        frames.json(&first.service_tier);
        frames.text(",\"usage\":");
        frames.json(&Usage::from(usage));
        frames.text("}");
        frames.end_message();
    }
    frames.done();
}
