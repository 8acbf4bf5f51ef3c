//! The one stream machine: Responses events in, the steps of a reply out.

mod completed;
mod encoder;
mod slot;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chatmock_protocol::json::{RawStr, RawValue};
use chatmock_protocol::responses::event::{Body, Channel};
use chatmock_protocol::responses::item::OutputKind;
use chatmock_protocol::responses::{Event, OutputItem, Response};

use crate::delta::{Delta, Piece, Sink};
use crate::end::{End, Finish, Step};
use crate::failure::Failure;
use slot::Slot;

pub use encoder::ReaderEncoder;

/// Turns events into steps.
///
/// It keeps a slot per `output_index`, so interleaved calls stay apart, and treats the finished
/// item as the authority: what its deltas did not bring is supplied from there.
#[derive(Debug, Default)]
pub struct EventReader {
    slots: BTreeMap<usize, Slot>,
    begun: bool,
    hide_commentary: bool,
    calls: usize,
    /// Characters of text so far.
    characters: u64,
    /// The reasoning part that was written last.
    reasoning: Option<(usize, usize, Channel)>,
    scratch: String,
}

impl EventReader {
    /// Makes a reader; with `hide_commentary`, text between tool calls is left out.
    #[must_use]
    pub fn new(hide_commentary: bool) -> Self {
        Self { hide_commentary, ..Self::default() }
    }

    /// Takes one event and gives its steps to `sink`.
    pub fn read(&mut self, event: &Event<'_>, sink: &mut impl Sink) -> Step {
        let flow = match &event.body {
            Body::Created(response) => self.begin(response.id.as_deref(), sink),
            Body::Text { output_index, delta, .. } => self.text(*output_index, *delta, sink),
            Body::Refusal { output_index, delta } => self.refusal(*output_index, *delta, sink),
            Body::Annotation { output_index, annotation } => {
                self.annotation(*output_index, annotation, sink)
            }
            Body::Reasoning { output_index, part, channel, delta } => {
                self.reasoning((*output_index, *part), *channel, *delta, sink)
            }
            Body::ItemAdded { output_index, item } => self.added(*output_index, item, sink),
            Body::ItemDone { output_index, item } => self.done(*output_index, item, sink),
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

    fn begin(&mut self, id: Option<&str>, sink: &mut impl Sink) -> ControlFlow<Finish> {
        if std::mem::replace(&mut self.begun, true) {
            return ControlFlow::Continue(());
        }
        sink.step(Delta::Begin { response_id: id.unwrap_or_default() })
    }

    fn text(
        &mut self,
        index: usize,
        delta: RawStr<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        self.begin(None, sink)?;
        let mut scratch = std::mem::take(&mut self.scratch);
        let flow = self.say(index, Piece::read(delta, &mut scratch), sink);
        self.scratch = scratch;
        flow
    }

    /// Writes text of the message at `index`, with a blank line before a later message.
    fn say(&mut self, index: usize, piece: Piece<'_>, sink: &mut impl Sink) -> ControlFlow<Finish> {
        let text = piece.text();
        let slot = self.slots.entry(index).or_insert_with(Slot::message);
        let Slot::Message(message) = slot else { return ControlFlow::Continue(()) };
        let first = message.text == 0;
        message.text += text.len();
        if message.hidden || text.is_empty() {
            return ControlFlow::Continue(());
        }
        if first {
            if self.characters > 0 {
                self.characters += 2;
                sink.step(Delta::Text("\n\n".into()))?;
            }
            message.base = self.characters;
        }
        self.characters += text.chars().count() as u64;
        sink.step(Delta::Text(piece))
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

    fn annotation(
        &mut self,
        index: usize,
        raw: &RawValue,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        self.begin(None, sink)?;
        let Slot::Message(message) = self.slots.entry(index).or_insert_with(Slot::message) else {
            return ControlFlow::Continue(());
        };
        message.annotations += 1;
        if message.hidden {
            return ControlFlow::Continue(());
        }
        sink.step(Delta::Annotation(slot::annotation(raw, message.base)))
    }

    fn reasoning(
        &mut self,
        place: (usize, usize),
        channel: Channel,
        delta: RawStr<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        self.begin(None, sink)?;
        let mut scratch = std::mem::take(&mut self.scratch);
        let flow = self.think(place, channel, Piece::read(delta, &mut scratch), sink);
        self.scratch = scratch;
        flow
    }

    /// Writes reasoning, with a paragraph break before each later part.
    fn think(
        &mut self,
        place: (usize, usize),
        channel: Channel,
        text: Piece<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        if text.text().is_empty() {
            return ControlFlow::Continue(());
        }
        if let Slot::Reasoning { written } =
            self.slots.entry(place.0).or_insert(Slot::Reasoning { written: false })
        {
            *written = true;
        }
        let place = (place.0, place.1, channel);
        if self.reasoning.replace(place).is_some_and(|last| last != place) {
            sink.step(Delta::ReasoningBreak(channel))?;
        }
        sink.step(Delta::Reasoning { channel, text })
    }

    fn added(
        &mut self,
        index: usize,
        item: &OutputItem<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        self.begin(None, sink)?;
        if self.slots.contains_key(&index) {
            return ControlFlow::Continue(());
        }
        let slot = match &item.kind {
            OutputKind::Message { phase, .. } => {
                let commentary = phase.as_deref() == Some("commentary");
                Slot::message_with(self.hide_commentary && commentary)
            }
            OutputKind::Reasoning { .. } => Slot::Reasoning { written: false },
            OutputKind::Call { custom, call_id, name, .. } => {
                let slot = self.calls;
                self.calls += 1;
                self.slots.insert(index, Slot::Call { slot, sent: 0, open: true });
                let custom = *custom;
                return sink.step(Delta::CallStart { slot, id: call_id, name, custom });
            }
            OutputKind::Image { .. } => Slot::Image { sent: false },
            OutputKind::Other => Slot::Other,
        };
        self.slots.insert(index, slot);
        ControlFlow::Continue(())
    }

    fn arguments(
        &mut self,
        index: usize,
        delta: RawStr<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let fragment = Piece::read(delta, &mut scratch);
        let flow = match self.slots.get_mut(&index) {
            Some(Slot::Call { slot, sent, .. }) if !delta.is_empty() => {
                *sent += fragment.text().len();
                sink.step(Delta::CallArguments { slot: *slot, fragment })
            }
            _ => ControlFlow::Continue(()),
        };
        self.scratch = scratch;
        flow
    }

    fn completed(&mut self, response: &Response<'_>, sink: &mut impl Sink) -> Step {
        self.last(response, sink).map_break(|finish| Ok(End::new(finish)))?;
        self.close_calls(sink).map_break(|finish| Ok(End::new(finish)))?;
        let finish = if self.calls > 0 { Finish::ToolCalls } else { Finish::Stop };
        ControlFlow::Break(Ok(end(finish, response)))
    }

    fn incomplete(&mut self, response: &Response<'_>, sink: &mut impl Sink) -> Step {
        self.last(response, sink).map_break(|finish| Ok(End::new(finish)))?;
        // Reasons other than these two are possible; `length` tells of each that the answer was cut.
        let finish = match response.incomplete.as_deref() {
            Some("content_filter") => Finish::ContentFilter,
            _ => Finish::Length,
        };
        ControlFlow::Break(Ok(end(finish, response)))
    }

    /// Reads what the last event alone may bring: the id, and items that no event announced.
    fn last(&mut self, response: &Response<'_>, sink: &mut impl Sink) -> ControlFlow<Finish> {
        let unannounced = self.slots.is_empty();
        self.begin(response.id.as_deref(), sink)?;
        if unannounced { self.whole(response, sink) } else { ControlFlow::Continue(()) }
    }
}

fn end(finish: Finish, response: &Response<'_>) -> End {
    let service_tier = response.service_tier.as_deref().map(str::to_owned);
    End { finish, usage: response.usage, service_tier }
}

#[cfg(test)]
mod tests;
