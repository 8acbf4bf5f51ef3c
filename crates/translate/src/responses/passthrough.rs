//! Events copied as they came, less what is meant for the backend's own client.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use chatmock_protocol::json::{RawStr, RawValue};
use chatmock_protocol::responses::event::Body;
use chatmock_protocol::responses::item::OutputKind;
use chatmock_protocol::responses::{Event, Response, Usage};
use chatmock_protocol::sse::Frame;

use super::partial::Partials;
use super::synthesized::{self, OutputText, PartDone};
use crate::delta::Piece;
use crate::dialect::Encoder;
use crate::end::{End, Finish, Step};
use crate::failure::Failure;
use crate::frames::Out;
use crate::shape::{EchoedParams, Shape};
use crate::tokens::TokenCount;

/// Copies events, keeps finished items, and mends an empty `output` at the end.
#[derive(Debug)]
pub struct Passthrough {
    streams: bool,
    /// `response.created`, from which a made end takes the response.
    created: Option<Frame>,
    /// `response.output_item.done` by output index.
    items: BTreeMap<usize, Frame>,
    /// Messages that are not finished.
    partials: Partials,
    cap: Option<Cap>,
    /// Calls that are being written, by output index.
    open: BTreeSet<usize>,
    last: Last,
    told: Told,
    /// Whether the final response is handed back.
    gathers: bool,
    echoed_params: EchoedParams,
    reply: Option<Box<RawValue>>,
    scratch: String,
}

/// The last event that was told, from which the next one's number follows.
#[derive(Debug)]
enum Last {
    None,
    Number(u64),
    /// One whose number was not met on the way.
    Frame(Frame),
}

impl Last {
    fn of(frame: &Frame, event: &Event<'_>) -> Self {
        match event.sequence_number {
            Some(number) => Self::Number(number),
            None => Self::Frame(frame.clone()),
        }
    }
}

/// A cap on the tokens of visible text.
#[derive(Debug)]
struct Cap {
    most: u64,
    count: Box<dyn TokenCount>,
}

impl Cap {
    /// As much of the text as is within the cap; a call is never cut, so the cap waits while one
    /// is being written.
    fn take<'p>(&mut self, piece: Piece<'p>, cuts: bool) -> Piece<'p> {
        let most = if cuts { self.most.max(self.count.tokens()) } else { u64::MAX };
        let fits = self.count.take(piece.text(), most);
        match piece.text().split_at_checked(fits) {
            Some((within, over)) if !over.is_empty() => within.into(),
            _ => piece,
        }
    }
}

/// What the backend has said itself of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    /// `error`.
    Error,
    /// `response.failed`.
    Failed,
}

impl Passthrough {
    /// Makes an encoder that writes events (`streams`), or one that gathers the final response.
    #[must_use]
    pub fn new(shape: &Arc<Shape>, streams: bool) -> Self {
        let cap = shape.stop.max_tokens;
        let cap = cap.map(|most| Cap { most, count: shape.tokenizer.start() });
        let gathers = !streams || shape.keep;
        Self {
            streams,
            created: None,
            items: BTreeMap::new(),
            partials: Partials::default(),
            cap,
            open: BTreeSet::new(),
            last: Last::None,
            told: Told::Nothing,
            gathers,
            echoed_params: shape.echoed_params.clone(),
            reply: None,
            scratch: String::new(),
        }
    }

    fn copy(&mut self, frame: &Frame, event: &Event<'_>, out: &mut Out) {
        if self.streams {
            out.frames.message(Some(&event.kind), frame.data());
            self.last = Last::of(frame, event);
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
        self.finish_partials();
        let whole = self.items.is_empty() || !response.output().is_empty();
        let mended = if whole { None } else { synthesized::with_output(frame, &self.items) };
        let Some(mended) = mended else {
            let gathered = self.gathers.then(|| synthesized::response(frame)).flatten();
            self.reply = gathered.map(ToOwned::to_owned);
            return self.copy(frame, event, out);
        };
        if self.streams
            && let Some(whole) = synthesized::with_response(frame, &mended)
        {
            out.frames.message(Some(&event.kind), whole.get().as_bytes());
        }
        self.reply = self.gathers.then_some(mended);
    }

    /// Makes items of the messages that the backend began and did not finish.
    fn finish_partials(&mut self) {
        let sequence = self.next_sequence();
        for (index, partial) in self.partials.iter() {
            if let Some(done) = partial.item_done(index, sequence) {
                self.items.entry(index).or_insert(done);
            }
        }
    }

    fn next_sequence(&self) -> u64 {
        let last = match &self.last {
            Last::None => None,
            Last::Number(number) => Some(*number),
            Last::Frame(frame) => synthesized::sequence_number(frame),
        };
        last.map_or(0, |n| n.saturating_add(1))
    }

    /// Takes text; where it goes over the cap, the response ends within it.
    fn text(
        &mut self,
        frame: &Frame,
        (output_index, content_index, delta): (usize, usize, RawStr<'_>),
        out: &mut Out,
    ) -> Option<Step> {
        let place = (output_index, content_index);
        if let (None, Some(raw)) = (&self.cap, delta.raw()) {
            self.partials.raw(place, raw);
            return None;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let piece = Piece::read(delta, &mut scratch);
        let within = match &mut self.cap {
            Some(cap) => cap.take(piece, self.open.is_empty()),
            None => piece,
        };
        self.partials.text(place, within);
        let over = within.text().len() < piece.text().len();
        let end = over.then(|| {
            self.copy_part(frame, within.text(), out);
            self.cut(out)
        });
        self.scratch = scratch;
        end
    }

    /// Writes the text delta of `frame` with less text in it.
    fn copy_part(&mut self, frame: &Frame, within: &str, out: &mut Out) {
        if !within.is_empty()
            && self.streams
            && let Some(event) = synthesized::with_delta(frame, within)
        {
            out.frames.message(Some("response.output_text.delta"), event.get().as_bytes());
            self.last = Last::Frame(frame.clone());
        }
    }

    /// Ends the response at the cap, with the events by which the API ends one.
    fn cut(&mut self, out: &mut Out) -> Step {
        let mut sequence = self.next_sequence();
        if self.streams {
            self.write_partial_ends(&mut sequence, out);
        }
        self.finish_partials();
        let tokens = self.cap.as_ref().map_or(0, |cap| cap.count.tokens());
        let created = self.created.as_ref();
        let Some(response) = created.and_then(|c| synthesized::cut(c, &self.items, tokens)) else {
            return ControlFlow::Break(Err(Failure::incomplete()));
        };
        if self.streams {
            let event = synthesized::event(synthesized::INCOMPLETE, &response, sequence);
            out.frames.message_json(Some(synthesized::INCOMPLETE), &event);
        }
        self.reply = self.gathers.then_some(response);
        let usage = Usage { output: tokens, total: tokens, ..Usage::default() };
        ControlFlow::Break(Ok(End { usage: Some(usage), ..End::new(Finish::Length) }))
    }

    fn write_partial_ends(&self, sequence: &mut u64, out: &mut Out) {
        let mut next = || std::mem::replace(sequence, *sequence + 1);
        for (output_index, partial) in self.partials.iter() {
            let item_id = partial.id().unwrap_or_default();
            for (content_index, text) in partial.texts() {
                let text = text.as_str();
                let done = |kind, sequence_number, text, logprobs, part| PartDone {
                    kind,
                    sequence_number,
                    item_id: &item_id,
                    output_index,
                    content_index,
                    text,
                    logprobs,
                    part,
                };
                let kind = "response.output_text.done";
                let event = done(kind, next(), Some(text), Some([]), None);
                out.frames.message_json(Some(kind), &event);
                let kind = "response.content_part.done";
                let event = done(kind, next(), None, None, Some(OutputText::new(text)));
                out.frames.message_json(Some(kind), &event);
            }
            if let Some(event) = partial.item_done(output_index, next()) {
                out.frames.message(Some(synthesized::ITEM_DONE), event.data());
            }
        }
    }
}

impl Passthrough {
    /// Takes an event as it is to be told.
    fn take(&mut self, frame: &Frame, event: &Event<'_>, out: &mut Out) -> Step {
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
                self.told = Told::Failed;
                let error = response.error.clone().unwrap_or_default();
                return ControlFlow::Break(Err(Failure::from_api(error, None, None)));
            }
            Body::Error(error) => {
                self.copy(frame, event, out);
                self.told = Told::Error;
                return ControlFlow::Break(Err(Failure::from_api((**error).clone(), None, None)));
            }
            Body::Created(_) => self.created = Some(frame.clone()),
            Body::ItemAdded { output_index, item } => match item.kind {
                OutputKind::Message { .. } => self.partials.begin(*output_index, frame),
                OutputKind::Call { .. } => {
                    self.open.insert(*output_index);
                }
                _ => {}
            },
            Body::ItemDone { output_index, .. } => {
                self.items.insert(*output_index, frame.clone());
                self.partials.done(*output_index);
                self.open.remove(output_index);
            }
            Body::Text { output_index, content_index, delta } => {
                let place = (*output_index, *content_index, *delta);
                if let Some(end) = self.text(frame, place, out) {
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
        // What is done here stands in the response as the client asked for it.
        if !self.echoed_params.is_empty()
            && holds_response(&event.body)
            && let Some(frame) = synthesized::with_echoes(frame, &self.echoed_params)
            && let Ok(event) = Event::parse(&frame)
        {
            return self.take(&frame, &event, out);
        }
        self.take(frame, event, out)
    }

    fn finish(self, _: End, _: &mut Out) -> Self::Output {
        self.reply
    }

    fn kept(reply: &Self::Output) -> Option<&RawValue> {
        reply.as_deref()
    }

    fn fail(self, failure: &Failure, out: &mut Out) {
        if self.told == Told::Failed || !self.streams {
            return;
        }
        // Some clients end on `response.failed` alone, so it follows the backend's `error` too.
        let sequence = self.next_sequence();
        match self
            .created
            .as_ref()
            .and_then(|f| synthesized::failed(f, &self.items, failure, sequence))
        {
            Some(event) => out.frames.message(Some(synthesized::FAILED), event.get().as_bytes()),
            None if self.told == Told::Error => {}
            None => out
                .frames
                .message_json(Some(synthesized::ERROR), &synthesized::error(failure, sequence)),
        }
    }
}

fn holds_response(body: &Body<'_>) -> bool {
    use Body::{Completed, Created, Failed, Incomplete, Progress};
    matches!(body, Created(_) | Progress | Completed(_) | Incomplete(_) | Failed(_))
}

fn ended(finish: Finish, response: &Response<'_>) -> Step {
    let service_tier = response.service_tier.as_deref().map(str::to_owned);
    ControlFlow::Break(Ok(End { finish, usage: response.usage, service_tier }))
}
