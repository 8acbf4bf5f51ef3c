//! Lines of a streamed reply, and the figures of its last one.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use chatmock_protocol::json::{RawObject, RawValue, raw};
use chatmock_protocol::ollama::chat::{Reply as ChatLine, ReplyCall, ReplyFunction, ReplyMessage};
use chatmock_protocol::ollama::generate::Reply as GenerateLine;
use chatmock_protocol::ollama::shared::Figures;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Ollama, Streamed};
use crate::chain::chain;
use crate::delta::{Delta, Piece};
use crate::encoder::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::family::Family;
use crate::frames::{Frames, Framing, Out};
use crate::reply::ReplyCall as Call;
use crate::shape::Shape;
use crate::template::{PLACEHOLDER, Template};
use crate::text_only::TextOnly;
use crate::tool_names::{self, ShortenedName};

/// Which of the two APIs' lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Chat,
    Generate,
}

/// Writes the lines of a reply; a tool call is written whole, once it is complete.
#[derive(Debug)]
pub struct Lines {
    shape: Arc<Shape>,
    kind: Kind,
    /// A line with places for a time and a piece of text.
    text: Template<2>,
    /// A line with places for a time and a piece of thinking.
    thinking: Template<2>,
    /// The time of the last piece, as it is written.
    time: LineTime,
    /// When the first output came.
    first_at: Option<Duration>,
    calls: Vec<Call>,
}

/// The chain of a streamed reply.
pub(super) fn streamed(shape: &Arc<Shape>, kind: Kind) -> Streamed {
    chain(shape, TextOnly(Lines::new(shape, kind)))
}

/// The content of one line.
#[derive(Default)]
struct Line<'l> {
    text: &'l str,
    thinking: &'l str,
    call: Option<ReplyCall<'l>>,
    figures: Option<Figures>,
}

impl Lines {
    fn new(shape: &Arc<Shape>, kind: Kind) -> Self {
        Self {
            shape: Arc::clone(shape),
            kind,
            text: Template::default(),
            thinking: Template::default(),
            time: LineTime::default(),
            first_at: None,
            calls: Vec::new(),
        }
    }

    fn begin(&mut self, framing: Framing) {
        self.text = self.template(framing, Line { text: PLACEHOLDER, ..Line::default() });
        self.thinking = self.template(framing, Line { thinking: PLACEHOLDER, ..Line::default() });
    }

    fn template(&self, framing: Framing, line: Line<'_>) -> Template<2> {
        Template::of(framing, |frames| self.line(line, PLACEHOLDER.to_owned(), frames))
    }

    fn write(&self, line: Line<'_>, out: &mut Out) {
        self.line(
            line,
            line_time(self.shape.created, self.shape.since_created(out.at)),
            &mut out.frames,
        );
    }

    fn line(&self, line: Line<'_>, created_at: String, frames: &mut Frames) {
        let model = &*self.shape.model;
        let (done, figures) = (line.figures.is_some(), line.figures);
        let thinking = Cow::Borrowed(line.thinking);
        match self.kind {
            Kind::Chat => {
                let tool_calls = line.call.into_iter().collect();
                let (role, content) = ("assistant", Cow::Borrowed(line.text));
                let message = ReplyMessage { role, content, thinking, tool_calls };
                frames.message_json(None, &ChatLine { model, created_at, message, done, figures });
            }
            Kind::Generate => {
                let response = Cow::Borrowed(line.text);
                frames.message_json(
                    None,
                    &GenerateLine { model, created_at, response, thinking, done, figures },
                );
            }
        }
    }

    fn think(&mut self, text: Piece<'_>, out: &mut Out) {
        let time = self.time.of(self.shape.created, self.shape.since_created(out.at));
        self.thinking.write([time, text], &mut out.frames);
    }

    fn call_end(&self, index: usize, out: &mut Out) {
        // An answer to a single prompt has no place for calls.
        let Some(call) = self.calls.get(index).filter(|_| self.kind == Kind::Chat) else { return };
        let call = Some(reply_call(index, call, &self.shape.shortened));
        self.write(Line { call, ..Line::default() }, out);
    }
}

impl DeltaEncoder for Lines {
    type Output = ();

    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
        if delta.is_output() {
            self.first_at.get_or_insert(out.at);
        }
        match delta {
            Delta::Begin { .. } => self.begin(out.frames.framing()),
            Delta::Text(text) => {
                let time = self.time.of(self.shape.created, self.shape.since_created(out.at));
                self.text.write([time, text], &mut out.frames);
            }
            Delta::Reasoning { text, .. } => self.think(text, out),
            Delta::ReasoningBreak(_) => self.think("\n\n".into(), out),
            Delta::CallStart(start) => self.calls.push(start.into()),
            Delta::CallArguments { index, fragment } => {
                if let Some(call) = self.calls.get_mut(index) {
                    call.arguments.push_str(fragment.text());
                }
            }
            Delta::CallEnd { index } => self.call_end(index, out),
            // Refusals and images came as text, and citations are in it; searches and ends have no words.
            Delta::Refusal(_)
            | Delta::Annotation(_)
            | Delta::Image { .. }
            | Delta::Search(_)
            | Delta::TextEnd
            | Delta::ReasoningEnd { .. } => {}
        }
        ControlFlow::Continue(())
    }

    fn end(self, end: End, out: &mut Out) {
        let figures = Some(figures(&end, self.first_at, out.at));
        self.write(Line { figures, ..Line::default() }, out);
    }

    fn fail(self, _: &Failure, _: &mut Out) {}
}

/// Ends the stream: nothing after the last line, or the failure as one, without `done`.
pub(super) fn tail(outcome: Result<&[()], &Failure>, out: &mut Out) {
    if let Err(failure) = outcome {
        out.frames.message_json(None, &Ollama::error(failure));
    }
}

/// Words a call, its arguments as an object.
pub(super) fn reply_call<'c>(
    index: usize,
    call: &'c Call,
    shortened: &'c [ShortenedName],
) -> ReplyCall<'c> {
    ReplyCall {
        id: tool_names::original(shortened, &call.id),
        function: ReplyFunction {
            index,
            name: tool_names::original(shortened, &call.name),
            arguments: object(&call.arguments),
        },
    }
}

/// The arguments as an object: no arguments are an empty one, and what is not JSON of an object,
/// such as a freeform tool's input, is given under `input`.
fn object(arguments: &str) -> Cow<'_, RawValue> {
    if let Ok(raw) = serde_json::from_str::<&RawValue>(arguments)
        && raw.get().starts_with('{')
    {
        return Cow::Borrowed(raw);
    }
    let mut members = RawObject::default();
    // Text and members of text always serialise.
    if !arguments.trim().is_empty() && members.set("input", arguments).is_err() {
        return Cow::Borrowed(RawValue::NULL);
    }
    raw(&members).map_or(Cow::Borrowed(RawValue::NULL), Cow::Owned)
}

/// The figures of a reply that began its output at `first_at` and ended at `at`.
pub(super) fn figures(end: &End, first_at: Option<Duration>, at: Duration) -> Figures {
    let done_reason = match end.finish {
        Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls => "stop",
        Finish::Length | Finish::Incomplete => "length",
        Finish::ContentFilter => "content_filter",
        Finish::Loaded => "load",
        Finish::Unloaded => "unload",
    };
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let first = first_at.unwrap_or(at);
    let written = match first_at {
        // Where all of it came at once, nobody can tell the writing from the waiting.
        Some(first) if first >= at => at,
        Some(first) => at.saturating_sub(first),
        None => Duration::ZERO,
    };
    let idle = matches!(end.finish, Finish::Loaded | Finish::Unloaded);
    // Clients divide by these, so none is 0.
    let measured = |time: Duration| (!idle).then_some(nanoseconds(time).max(1));
    Figures {
        done_reason,
        total_duration: measured(at),
        load_duration: measured(Duration::ZERO),
        prompt_eval_count: end.usage.filter(|usage| usage.input > 0).map(|usage| usage.input),
        prompt_eval_duration: measured(first),
        eval_count: end.usage.map(|usage| usage.output),
        eval_duration: measured(written),
    }
}

/// The time `at` after `created`, in the form of RFC 3339.
pub(super) fn line_time(created: u64, at: Duration) -> String {
    moment(created, at).format(&Rfc3339).unwrap_or_default()
}

fn moment(created: u64, at: Duration) -> OffsetDateTime {
    let created = i64::try_from(created).unwrap_or(i64::MAX);
    let begun = OffsetDateTime::from_unix_timestamp(created).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    begun.saturating_add(time::Duration::try_from(at).unwrap_or_default())
}

/// The last time that was written: all pieces that arrive together have the same.
#[derive(Debug, Default)]
struct LineTime {
    at: Option<Duration>,
    written: Vec<u8>,
}

impl LineTime {
    /// The time `at` after `created`; see [`line_time`].
    fn of(&mut self, created: u64, at: Duration) -> Piece<'_> {
        if self.at.replace(at) != Some(at) {
            self.written.clear();
            // Writing to memory cannot fail, nor has such a time a form that does not exist.
            let _ = moment(created, at).format_into(&mut self.written, &Rfc3339);
        }
        Piece::from(std::str::from_utf8(&self.written).unwrap_or_default())
    }
}

/// A time in seconds of the Unix epoch, in the form of RFC 3339.
#[must_use]
pub fn timestamp(seconds: u64) -> String {
    line_time(seconds, Duration::ZERO)
}
