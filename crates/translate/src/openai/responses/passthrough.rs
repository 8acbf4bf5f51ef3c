//! The passthrough: events copied as they came, less those for the backend's own client.
//!
//! Writing them anew from deltas, as the other dialects do, would need one path less. It would also lose every
//! member and every kind of event that this program does not know, and the clients of this dialect are those
//! that use new ones first. The price is that whatever has to be changed on the way (an end by a local cap,
//! an empty `output`) is edited into events of the backend; tests compare the two paths on recorded streams.

mod cut;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use bytes::Bytes;
use chatmock_protocol::json::{RawStr, RawValue};
use chatmock_protocol::responses::event::Body;
use chatmock_protocol::responses::item::OutputKind;
use chatmock_protocol::responses::{Event, Response};
use chatmock_protocol::sse::Frame;

use super::ResponsesShape;
use super::partial::{PartIndex, Partials};
use super::rewording::Rewording;
use super::socket::ErrorMessage;
use super::synthesized;
use crate::encoder::Encoder;
use crate::end::{End, Finish, Step};
use crate::failure::Failure;
use crate::frames::{Framing, Out};
use crate::gathered::{Gathered, Keeps};
use crate::shape::Shape;
use crate::stop::Limiter;
use cut::HeldDelta;

/// Copies events, keeps completed items, and fills an empty `output` at the end.
#[derive(Debug)]
pub struct Passthrough {
    /// True if events are written; else only the final response is collected.
    streams: bool,
    /// True if the final response is handed back.
    collects: bool,
    /// `response.created`, from which a synthesized end takes the response.
    created: Option<Frame>,
    /// `response.output_item.done` by output index.
    items: BTreeMap<usize, Frame>,
    /// The extent of the items and texts that are kept.
    gathered: Gathered,
    /// Messages that are not complete.
    partials: Partials,
    /// The cap on tokens and the stop sequences, where there are any.
    limiter: Option<Limiter>,
    /// The delta whose end may be the start of a stop sequence.
    held: Option<HeldDelta>,
    /// Calls that are being written, by output index.
    open_calls: BTreeSet<usize>,
    last: LastEvent,
    reported: Reported,
    rewording: Rewording,
    response: Option<Box<RawValue>>,
    /// Text whose escapes were decoded; kept so that a delta allocates nothing.
    scratch: String,
    /// The visible part of a text; kept for the same reason.
    visible: String,
}

/// The last event that was written, from which the next one's number follows.
#[derive(Debug)]
enum LastEvent {
    None,
    Number(u64),
    /// One whose number was not read on the way.
    Frame(Frame),
}

impl LastEvent {
    fn of(frame: &Frame, event: &Event<'_>) -> Self {
        match event.sequence_number {
            Some(number) => Self::Number(number),
            None => Self::Frame(frame.clone()),
        }
    }
}

/// The form in which the backend itself reported a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reported {
    Nothing,
    /// `error`.
    Error,
    /// `response.failed`.
    Failed,
}

/// Makes the end of a response that was broken off.
type EndOf = fn(&Frame, &BTreeMap<usize, Frame>, &Failure, u64) -> Option<Box<RawValue>>;

/// A text delta: where in the output it belongs, and its text.
#[derive(Clone, Copy)]
struct TextDelta<'a> {
    part: PartIndex,
    text: RawStr<'a>,
}

impl Passthrough {
    /// Makes an encoder that writes events (`streams`), or one that gathers the final response.
    #[must_use]
    pub fn new(shape: &Shape<ResponsesShape>, streams: bool) -> Self {
        let limited = shape.stop.max_tokens.is_some() || !shape.stop.sequences.is_empty();
        let limiter = limited.then(|| Limiter::new(shape.stop.clone(), &*shape.tokenizer));
        Self {
            streams,
            collects: !streams || shape.store,
            created: None,
            items: BTreeMap::new(),
            gathered: Gathered::new(Keeps::Everything),
            partials: Partials::default(),
            limiter,
            held: None,
            open_calls: BTreeSet::new(),
            last: LastEvent::None,
            reported: Reported::Nothing,
            rewording: Rewording::new(shape),
            response: None,
            scratch: String::new(),
            visible: String::new(),
        }
    }

    fn copy(&mut self, frame: &Frame, event: &Event<'_>, out: &mut Out) {
        if self.streams {
            out.frames.message(Some(&event.kind), frame.data());
            self.last = LastEvent::of(frame, event);
        }
    }

    /// Ends with the backend's terminal event; an empty `output` is filled from the finished items.
    fn terminal(
        &mut self,
        frame: &Frame,
        event: &Event<'_>,
        response: &Response<'_>,
        out: &mut Out,
    ) {
        self.finish_partials("incomplete");
        let whole = self.items.is_empty() || !response.output().is_empty();
        let repaired = if whole { None } else { synthesized::with_output(frame, &self.items) };
        let Some(repaired) = repaired else {
            let gathered = self.collects.then(|| synthesized::response(frame)).flatten();
            self.response = gathered.map(ToOwned::to_owned);
            return self.copy(frame, event, out);
        };
        if self.streams
            && let Some(whole) = synthesized::with_response(frame, &repaired)
        {
            out.frames.message(Some(&event.kind), whole.get().as_bytes());
        }
        self.response = self.collects.then_some(repaired);
    }

    /// Makes items of the messages that the backend began and did not finish.
    fn finish_partials(&mut self, status: &str) {
        let sequence = self.next_sequence();
        for (index, partial) in self.partials.iter() {
            if let Some(done) = partial.item_done(index, sequence, status) {
                self.items.entry(index).or_insert(done);
            }
        }
    }

    fn next_sequence(&self) -> u64 {
        let last = match &self.last {
            LastEvent::None => None,
            LastEvent::Number(number) => Some(*number),
            LastEvent::Frame(frame) => synthesized::sequence_number(frame),
        };
        last.map_or(0, |n| n.saturating_add(1))
    }
}

impl Passthrough {
    /// Handles an event in the form in which it is written.
    fn take(&mut self, frame: &Frame, event: &Event<'_>, out: &mut Out) -> Step {
        if !matches!(event.body, Body::Private | Body::Text { .. })
            && let Some(end) = self.release(out)
        {
            return end;
        }
        match &event.body {
            Body::Private => return ControlFlow::Continue(()),
            Body::Completed(response) => {
                self.terminal(frame, event, response, out);
                return ended(Finish::Stop, response);
            }
            Body::Incomplete(response) => {
                self.terminal(frame, event, response, out);
                return ended(Finish::Length, response);
            }
            Body::Failed(response) => {
                self.copy(frame, event, out);
                self.reported = Reported::Failed;
                let error = response.error.clone().unwrap_or_default();
                return ControlFlow::Break(Err(Failure::from_api(error, None, None)));
            }
            Body::Error(error) => {
                // A socket has another shape for it, which the end of the response writes.
                if out.frames.framing() != Framing::Message {
                    self.copy(frame, event, out);
                    self.reported = Reported::Error;
                }
                return ControlFlow::Break(Err(Failure::from_api((**error).clone(), None, None)));
            }
            Body::Created(_) => self.created = Some(frame.clone()),
            Body::ItemAdded { output_index, item } => match item.kind {
                OutputKind::Message { .. } => self.partials.begin(*output_index, frame),
                OutputKind::Call { .. } => {
                    self.open_calls.insert(*output_index);
                }
                _ => {}
            },
            Body::ItemDone { output_index, .. } => {
                self.items.insert(*output_index, frame.clone());
                self.partials.done(*output_index);
                self.open_calls.remove(output_index);
            }
            Body::Text { output_index, content_index, delta } => {
                let (output_index, content_index) = (*output_index, *content_index);
                let part = PartIndex { output_index, content_index };
                if let Some(end) = self.text(frame, TextDelta { part, text: *delta }, out) {
                    return end;
                }
            }
            _ => {}
        }
        self.copy(frame, event, out);
        ControlFlow::Continue(())
    }
}

impl Encoder for Passthrough {
    type Output = Option<Box<RawValue>>;

    fn event(&mut self, frame: &Frame, event: &Event<'_>, out: &mut Out) -> Step {
        self.gathered.add(frame, event, self.items.len())?;
        if let Some(text) = self.rewording.event(frame, event, out.at) {
            let frame = Frame::new(Bytes::from(text));
            if let Ok(event) = Event::parse(&frame) {
                return self.take(&frame, &event, out);
            }
        }
        self.take(frame, event, out)
    }

    fn finish(self, _: End, _: &mut Out) -> Self::Output {
        self.response
    }

    fn fail(mut self, failure: &Failure, out: &mut Out) {
        // What is held back was said before the failure; that it could end the response does not matter any more.
        let _ = self.release(out);
        if self.reported == Reported::Failed || !self.streams {
            return;
        }
        // Some clients end on `response.failed` alone, so it follows the backend's `error` too.
        let sequence = self.next_sequence();
        let (kind, end): (_, EndOf) = match failure.is_interruption() {
            true => (synthesized::INCOMPLETE, synthesized::interrupted),
            false => (synthesized::FAILED, synthesized::failed),
        };
        match self.created.as_ref().and_then(|f| end(f, &self.items, failure, sequence)) {
            Some(event) => out.frames.message(Some(kind), event.get().as_bytes()),
            None if self.reported == Reported::Error => {}
            None if out.frames.framing() == Framing::Message => {
                let error = ErrorMessage::new(failure, None);
                out.frames.message_json(Some(synthesized::ERROR), &error);
            }
            None => out
                .frames
                .message_json(Some(synthesized::ERROR), &synthesized::error(failure, sequence)),
        }
    }
}

fn ended(finish: Finish, response: &Response<'_>) -> Step {
    let service_tier = response.service_tier.as_deref().map(str::to_owned);
    ControlFlow::Break(Ok(End { finish, usage: response.usage, service_tier }))
}
