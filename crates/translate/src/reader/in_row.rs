//! The adapter from events to steps for APIs of blocks: items that alternate are put in a row.
//!
//! The backend may write several items at once, as with parallel calls. An API whose blocks must not
//! overlap is given the first of them as it comes; the steps of the others wait until it is complete.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::Frame;

use super::EventReader;
use crate::delta::{Delta, Sink};
use crate::encoder::{DeltaEncoder, Encoder};
use crate::end::{End, Finish, Step};
use crate::failure::Failure;
use crate::frames::Out;
use crate::gathered::{self, Gathered, Keeps};
use crate::owned_step::OwnedStep;

/// Reads events and gives the encoder under it the steps of one item after the other.
///
/// Messages are not joined by a blank line, as they are where a reply has one text.
#[derive(Debug)]
pub struct InRow<E> {
    reader: EventReader,
    gathered: Gathered,
    row: Row,
    encoder: E,
}

/// The items that were begun and are not over.
#[derive(Debug, Default)]
struct Row {
    /// The item that is being written.
    current: Option<usize>,
    /// The items whose steps wait, in the order in which they began.
    waiting: VecDeque<Waiting>,
    /// The bytes of all steps that wait.
    bytes: usize,
    /// True once the encoder has ended the reply.
    over: bool,
}

/// An item whose steps wait.
#[derive(Debug)]
struct Waiting {
    item: usize,
    steps: Vec<OwnedStep>,
    complete: bool,
}

impl<E: DeltaEncoder> InRow<E> {
    /// Wraps `encoder`; see [`EventReader::new`].
    #[must_use]
    pub fn new(hide_commentary: bool, encoder: E) -> Self {
        let keeps = if encoder.keeps_text() { Keeps::Everything } else { Keeps::Items };
        let reader = EventReader::new(hide_commentary).with_items_apart();
        Self { reader, gathered: Gathered::new(keeps), row: Row::default(), encoder }
    }
}

impl<E: DeltaEncoder> Encoder for InRow<E> {
    type Output = E::Output;

    fn event(&mut self, frame: &Frame, event: &Event<'_>, out: &mut Out) -> Step {
        self.gathered.add(frame, event, self.reader.items())?;
        let Self { reader, row, encoder, .. } = self;
        let step = reader.read(event, &mut InRowSink { row, encoder, out, item: 0 });
        match step {
            ControlFlow::Continue(()) if self.row.bytes > gathered::MAX_BYTES => {
                ControlFlow::Break(Err(gathered::too_large()))
            }
            step => step,
        }
    }

    fn finish(mut self, end: End, out: &mut Out) -> Self::Output {
        let Self { row, encoder, .. } = &mut self;
        // Where the reply was cut here, what waits came after the cut.
        if !row.over {
            let _ = row.write_all(encoder, out);
        }
        self.encoder.end(end, out)
    }

    fn fail(self, failure: &Failure, out: &mut Out) {
        self.encoder.fail(failure, out);
    }
}

/// Sorts the steps of one event.
struct InRowSink<'s, E> {
    row: &'s mut Row,
    encoder: &'s mut E,
    out: &'s mut Out,
    /// The item of the next steps.
    item: usize,
}

impl<E: DeltaEncoder> Sink for InRowSink<'_, E> {
    fn step(&mut self, delta: Delta<'_>) -> ControlFlow<Finish> {
        let of_reply = matches!(delta, Delta::Begin { .. });
        if of_reply || *self.row.current.get_or_insert(self.item) == self.item {
            let flow = self.encoder.delta(delta, self.out);
            self.row.over |= flow.is_break();
            return flow;
        }
        self.row.keep(self.item, &delta);
        ControlFlow::Continue(())
    }

    fn item(&mut self, item: usize) {
        self.item = item;
    }

    fn item_end(&mut self, item: usize) -> ControlFlow<Finish> {
        if self.row.current != Some(item) {
            let mut waiting = self.row.waiting.iter_mut();
            if let Some(waiting) = waiting.find(|waiting| waiting.item == item) {
                waiting.complete = true;
            }
            return ControlFlow::Continue(());
        }
        self.row.current = None;
        self.row.write(self.encoder, self.out)
    }
}

impl Row {
    /// Keeps a step until its item's turn.
    fn keep(&mut self, item: usize, delta: &Delta<'_>) {
        let step = OwnedStep::from(delta);
        self.bytes += step.bytes();
        match self.waiting.iter_mut().find(|waiting| waiting.item == item) {
            Some(waiting) => waiting.push(step),
            None => {
                let (steps, complete) = (vec![step], false);
                self.waiting.push_back(Waiting { item, steps, complete });
            }
        }
    }

    /// Writes the items whose turn it is, up to one that is not over.
    fn write(&mut self, encoder: &mut impl DeltaEncoder, out: &mut Out) -> ControlFlow<Finish> {
        while self.current.is_none()
            && let Some(waiting) = self.waiting.pop_front()
        {
            self.current = (!waiting.complete).then_some(waiting.item);
            for step in &waiting.steps {
                self.bytes = self.bytes.saturating_sub(step.bytes());
                let flow = encoder.delta(step.as_delta(), out);
                self.over |= flow.is_break();
                flow?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Writes all that waits.
    fn write_all(&mut self, encoder: &mut impl DeltaEncoder, out: &mut Out) -> ControlFlow<Finish> {
        while !self.waiting.is_empty() {
            self.current = None;
            self.write(encoder, out)?;
        }
        ControlFlow::Continue(())
    }
}

impl Waiting {
    fn push(&mut self, step: OwnedStep) {
        if !self.steps.last_mut().is_some_and(|last| last.takes(&step)) {
            self.steps.push(step);
        }
    }
}
