//! The one stream machine: Responses events in, the steps of a reply out.
//!
//! The backend says most things twice, first in deltas and then in the completed item, and does not
//! always send both: calls may come in `response.output_item.done` alone, a terminal event may carry
//! the only copy of the output or an empty one, and pieces of several items may alternate. So the
//! machine keeps how much of each item it has handed on, and takes the completed item for the
//! authority: what is missing at its end is supplied from there. Handing on only completed items
//! would be half the code, and would make every client wait for the end of what it could have read.

mod call;
mod completed;
mod encoder;
mod in_row;
mod markers;
mod message;
mod repetition;
mod slot;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chatmock_protocol::json::RawStr;
use chatmock_protocol::responses::event::{Body, Channel};
use chatmock_protocol::responses::item::OutputKind;
use chatmock_protocol::responses::{Event, OutputItem, Response};

use crate::delta::{Delta, Piece, Sink};
use crate::end::{End, Finish, Step};
use crate::failure::Failure;
use call::Call;
use markers::Markers;
use message::{Message, TextSoFar};
use slot::Slot;

pub use encoder::ReaderEncoder;
pub use in_row::InRow;

/// Turns events into steps, with a slot per `output_index`, so that interleaved items stay apart.
#[derive(Debug, Default)]
pub struct EventReader {
    slots: BTreeMap<usize, Slot>,
    begun: bool,
    hide_commentary: bool,
    /// True if no blank line stands between items.
    items_apart: bool,
    /// The number of calls that were announced.
    calls: usize,
    /// The text of all messages.
    so_far: TextSoFar,
    /// Markers in the part of reasoning that was written last.
    reasoning_markers: Markers,
    /// The part of reasoning that was written last.
    last_reasoning: Option<ReasoningPart>,
    /// Text whose escapes were decoded; kept so that a delta allocates nothing.
    scratch: String,
}

/// Identifies a part of reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReasoningPart {
    output_index: usize,
    part: usize,
    channel: Channel,
}

impl EventReader {
    /// Makes a reader; with `hide_commentary`, text between tool calls is left out.
    #[must_use]
    pub fn new(hide_commentary: bool) -> Self {
        Self { hide_commentary, ..Self::default() }
    }

    /// Leaves out the blank lines between messages and between items of reasoning.
    #[must_use]
    pub(crate) fn with_items_apart(self) -> Self {
        let mut reader = Self { items_apart: true, ..self };
        reader.so_far.apart = true;
        reader
    }

    /// Reads one event and gives its steps to `sink`.
    pub fn read(&mut self, event: &Event<'_>, sink: &mut impl Sink) -> Step {
        let flow = match &event.body {
            Body::Created(response) => self.begin(response.id.as_deref(), sink),
            Body::Text { output_index, delta, .. } => self.text(*output_index, *delta, sink),
            Body::Refusal { output_index, delta } => self.refusal(*output_index, *delta, sink),
            Body::Annotation { output_index, annotation } => {
                self.annotation(*output_index, annotation, sink)
            }
            Body::Reasoning { output_index, part, channel, delta } => {
                let (output_index, part, channel) = (*output_index, *part, *channel);
                self.reasoning(ReasoningPart { output_index, part, channel }, *delta, sink)
            }
            Body::ItemAdded { output_index, item } => self.item_added(*output_index, item, sink),
            Body::ItemDone { output_index, item } => self.item_done(*output_index, item, sink),
            Body::Arguments { output_index, delta } => self.arguments(*output_index, *delta, sink),
            Body::ArgumentsDone { output_index, arguments } => {
                self.arguments_done(*output_index, *arguments, sink)
            }
            Body::Completed(response) => return self.completed(response, sink),
            Body::Incomplete(response) => return self.incomplete(response, sink),
            Body::Failed(response) => {
                let error = response.error.clone().unwrap_or_default();
                return ControlFlow::Break(Err(Failure::from_api(error, None, None)));
            }
            Body::Error(error) => {
                return ControlFlow::Break(Err(Failure::from_api((**error).clone(), None, None)));
            }
            Body::Progress | Body::Private | Body::Other => ControlFlow::Continue(()),
        };
        flow.map_break(|finish| Ok(End::new(finish)))
    }

    /// Returns the number of items of the answer so far.
    pub(crate) fn items(&self) -> usize {
        self.slots.len()
    }

    fn begin(&mut self, id: Option<&str>, sink: &mut impl Sink) -> ControlFlow<Finish> {
        if std::mem::replace(&mut self.begun, true) {
            return ControlFlow::Continue(());
        }
        sink.step(Delta::Begin { response_id: id.unwrap_or_default() })
    }

    fn refusal(
        &mut self,
        index: usize,
        delta: RawStr<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        self.begin(None, sink)?;
        let mut scratch = std::mem::take(&mut self.scratch);
        let piece = Piece::read(delta, &mut scratch);
        sink.item(index);
        if let Slot::Message(message) = self.slots.entry(index).or_insert_with(Slot::message) {
            message.refusal += piece.text().len();
        }
        let flow = match piece.text() {
            "" => ControlFlow::Continue(()),
            _ => sink.step(Delta::Refusal(piece)),
        };
        self.scratch = scratch;
        flow
    }

    fn reasoning(
        &mut self,
        part: ReasoningPart,
        delta: RawStr<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        self.begin(None, sink)?;
        let mut scratch = std::mem::take(&mut self.scratch);
        let flow = self.write_reasoning(part, Piece::read(delta, &mut scratch), sink);
        self.scratch = scratch;
        flow
    }

    /// Writes reasoning, with a paragraph break before each later part.
    fn write_reasoning(
        &mut self,
        part: ReasoningPart,
        text: Piece<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        if text.text().is_empty() {
            return ControlFlow::Continue(());
        }
        let slot = self.slots.entry(part.output_index).or_insert_with(Slot::reasoning);
        if let Slot::Reasoning(reasoning) = slot {
            reasoning.written = true;
        }
        sink.item(part.output_index);
        let apart =
            |last: ReasoningPart| self.items_apart && last.output_index != part.output_index;
        let last = self.last_reasoning.replace(part).filter(|last| *last != part);
        if last.is_some() {
            self.reasoning_markers = Markers::default();
        }
        if last.is_some_and(|last| !apart(last)) {
            sink.step(Delta::ReasoningBreak(part.channel))?;
        }
        let mut scratch = String::new();
        let text = self.reasoning_markers.strip(text, &mut scratch);
        if text.text().is_empty() {
            return ControlFlow::Continue(());
        }
        sink.step(Delta::Reasoning { channel: part.channel, text })
    }

    fn item_added(
        &mut self,
        index: usize,
        item: &OutputItem<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        self.begin(None, sink)?;
        sink.item(index);
        if self.slots.contains_key(&index) {
            return ControlFlow::Continue(());
        }
        let slot = match &item.kind {
            OutputKind::Message { phase, .. } => {
                Slot::Message(Message::new(phase.as_deref(), self.hide_commentary))
            }
            OutputKind::Reasoning { .. } => Slot::reasoning(),
            OutputKind::Call { custom, call_id, name, .. } => {
                Slot::Call(Call::new(call_id, name, *custom))
            }
            OutputKind::Image { .. } => Slot::Image { sent: false },
            OutputKind::WebSearch(_) => Slot::Search { reported: false },
            OutputKind::Other => Slot::Other,
        };
        self.slots.insert(index, slot);
        ControlFlow::Continue(())
    }

    fn completed(&mut self, response: &Response<'_>, sink: &mut impl Sink) -> Step {
        self.terminal(response, sink).map_break(|finish| Ok(End::new(finish)))?;
        self.end_items(sink).map_break(|finish| Ok(End::new(finish)))?;
        if self.calls == 0 {
            self.so_far.write_hidden(sink).map_break(|finish| Ok(End::new(finish)))?;
        }
        let finish = if self.calls > 0 { Finish::ToolCalls } else { Finish::Stop };
        ControlFlow::Break(Ok(end(finish, response)))
    }

    fn incomplete(&mut self, response: &Response<'_>, sink: &mut impl Sink) -> Step {
        self.terminal(response, sink).map_break(|finish| Ok(End::new(finish)))?;
        let finish = match response.incomplete.as_deref() {
            Some("content_filter") => Finish::ContentFilter,
            Some("max_output_tokens") => Finish::Length,
            _ => Finish::Incomplete,
        };
        ControlFlow::Break(Ok(end(finish, response)))
    }

    /// Reads what a terminal event alone may bring: the id, and items that no event announced.
    fn terminal(&mut self, response: &Response<'_>, sink: &mut impl Sink) -> ControlFlow<Finish> {
        let unannounced = self.slots.is_empty();
        self.begin(response.id.as_deref(), sink)?;
        if unannounced { self.whole_output(response, sink) } else { ControlFlow::Continue(()) }
    }
}

fn end(finish: Finish, response: &Response<'_>) -> End {
    let service_tier = response.service_tier.as_deref().map(str::to_owned);
    End { finish, usage: response.usage, service_tier }
}

#[cfg(test)]
mod tests;
