//! Stream chunks of one choice of a completion, and the end of the stream.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use chatmock_protocol::openai::completions::{Choice, Completion};
use chatmock_protocol::responses::Usage;

use super::CompletionsShape;
use crate::delta::Delta;
use crate::encoder::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::family::Family;
use crate::frames::{Frames, Out};
use crate::openai::OpenAi;
use crate::shape::Shape;
use crate::template::{PLACEHOLDER, Template};

/// Writes the chunks of one choice.
#[derive(Debug)]
pub struct TextChunks {
    shape: Arc<Shape<CompletionsShape>>,
    choice: u32,
    id: String,
    /// A chunk with a place for a piece of text.
    text: Template<1>,
}

/// The end of a choice, for the stream's tail.
#[derive(Debug)]
pub struct Ended {
    id: String,
    usage: Option<Usage>,
}

impl TextChunks {
    /// Makes the writer of choice number `choice`.
    #[must_use]
    pub fn new(shape: &Arc<Shape<CompletionsShape>>, choice: u32) -> Self {
        Self { shape: Arc::clone(shape), choice, id: String::new(), text: Template::default() }
    }

    fn begin(&mut self, response_id: &str, frames: &mut Frames) {
        self.id = id(response_id, &self.shape);
        self.text = Template::of(frames.framing(), |frames| self.write(PLACEHOLDER, None, frames));
        if let Some(prompt) = echo(&self.shape, self.choice) {
            self.write(prompt, None, frames);
        }
    }

    fn write(&self, text: &str, finish_reason: Option<&'static str>, frames: &mut Frames) {
        let text = Cow::Borrowed(text);
        let choice = Choice { text, index: self.choice, logprobs: None, finish_reason };
        frames.message_json(None, &completion(&self.id, &self.shape, vec![choice], None));
    }
}

impl DeltaEncoder for TextChunks {
    type Output = Ended;

    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
        let frames = &mut out.frames;
        match delta {
            Delta::Begin { response_id } => self.begin(response_id, frames),
            Delta::Text(text) => self.text.write([text], frames),
            // No tools are offered here, and this API has no words for reasoning or citations.
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn end(mut self, end: End, out: &mut Out) -> Ended {
        let frames = &mut out.frames;
        if self.id.is_empty() {
            self.begin("", frames);
        }
        self.write("", Some(finish_reason(end.finish)), frames);
        Ended { id: self.id, usage: end.usage }
    }

    fn fail(self, _: &Failure, _: &mut Out) {}
}

/// Ends the stream: token counts if asked for and `[DONE]`, or the failure alone.
pub(super) fn tail(
    outcome: Result<&[Ended], &Failure>,
    shape: &Shape<CompletionsShape>,
    out: &mut Out,
) {
    let frames = &mut out.frames;
    let ended = match outcome {
        Ok(ended) => ended,
        Err(failure) => return frames.message_json(None, &OpenAi::error(failure)),
    };
    let usage = ended.iter().filter_map(|choice| choice.usage).reduce(Usage::plus);
    if let (true, Some(usage), Some(first)) = (shape.own.stream_usage, usage, ended.first()) {
        frames.message_json(None, &completion(&first.id, shape, Vec::new(), Some(usage)));
    }
    frames.done();
}

fn completion<'a>(
    id: &'a str,
    shape: &'a Shape<CompletionsShape>,
    choices: Vec<Choice<'a>>,
    usage: Option<Usage>,
) -> Completion<'a> {
    Completion {
        id: Cow::Borrowed(id),
        object: "text_completion",
        created: shape.created,
        model: &shape.model,
        choices,
        usage: shape.own.stream_usage.then(|| usage.map(Into::into)),
    }
}

/// The reply's id: the backend's, under this API's prefix; all choices share the first one's.
pub(super) fn id(response_id: &str, shape: &Shape<CompletionsShape>) -> String {
    let response_id = shape.response_id.get_or_init(|| response_id.to_owned());
    match response_id.strip_prefix("resp_").unwrap_or(response_id) {
        "" => format!("cmpl-{}", shape.created),
        id => format!("cmpl-{id}"),
    }
}

/// The prompt that a choice repeats, if it does.
pub(super) fn echo(shape: &Shape<CompletionsShape>, choice: u32) -> Option<&str> {
    let per_prompt = shape.own.choices_per_prompt.max(1);
    let prompt = usize::try_from(choice / per_prompt).ok()?;
    shape.own.echo.get(prompt).map(String::as_str)
}

/// The word for an end.
pub(super) fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Length | Finish::Incomplete => "length",
        Finish::ContentFilter => "content_filter",
        _ => "stop",
    }
}
