//! The cut of an answer, at a cap on its tokens or before a stop sequence.
//!
//! A delta goes out as it came, unless its end may be the start of a stop sequence: then it waits for the next event, so
//! that no event is added and the numbers of all others hold.

use std::ops::ControlFlow;

use chatmock_protocol::sse::Frame;

use super::{LastEvent, PartIndex, Passthrough, TextDelta, synthesized};
use crate::delta::Piece;
use crate::end::{End, Finish, Step};
use crate::failure::Failure;
use crate::frames::Out;
use crate::openai::responses::synthesized::{Cut, OutputText, PartDone};
use crate::stop::Limiter;

/// A delta of which a part is held back.
#[derive(Debug)]
pub(super) struct HeldDelta {
    part: PartIndex,
    frame: Frame,
    /// The part of its text that is visible.
    text: String,
}

impl Passthrough {
    /// Reads a text delta; where it goes over the cap, or completes a stop sequence, the response ends within it.
    pub(super) fn text(
        &mut self,
        frame: &Frame,
        delta: TextDelta<'_>,
        out: &mut Out,
    ) -> Option<Step> {
        let TextDelta { part, text } = delta;
        let Some(limiter) = &mut self.limiter else {
            match text.raw() {
                Some(raw) => self.partials.push_raw(part, raw),
                None => self.partials.push(part, Piece::read(text, &mut self.scratch)),
            }
            return None;
        };
        let piece = Piece::read(text, &mut self.scratch);
        if !self.open_calls.is_empty() {
            // A call is never cut, so limits wait while one is being written.
            limiter.count(piece.text());
            self.partials.push(part, piece);
            return None;
        }
        self.visible.clear();
        let visible = &mut self.visible;
        let flow = limiter.push(piece, &mut |piece| {
            visible.push_str(piece.text());
            ControlFlow::Continue(())
        });
        let holds = limiter.held() > 0;
        if flow.is_continue() && !holds && self.held.is_none() {
            self.partials.push(part, piece);
            return None;
        }
        self.write_held(out);
        let text = std::mem::take(&mut self.visible);
        self.partials.push(part, text.as_str().into());
        if let ControlFlow::Break(finish) = flow {
            self.write_delta(frame, &text, out);
            self.visible = text;
            return Some(self.end_here(finish, out));
        }
        if holds {
            self.held = Some(HeldDelta { part, frame: frame.clone(), text });
        } else {
            self.write_delta(frame, &text, out);
            self.visible = text;
        }
        Some(ControlFlow::Continue(()))
    }

    /// Writes what is held back, since no stop sequence can become complete any more; ends the response where that goes
    /// over the cap.
    pub(super) fn release(&mut self, out: &mut Out) -> Option<Step> {
        let (Some(limiter), Some(mut held)) = (&mut self.limiter, self.held.take()) else {
            return None;
        };
        let mut more = String::new();
        let flow = limiter.release(&mut |piece| {
            more.push_str(piece.text());
            ControlFlow::Continue(())
        });
        self.partials.push(held.part, more.as_str().into());
        held.text.push_str(&more);
        self.write_delta(&held.frame, &held.text, out);
        match flow {
            ControlFlow::Break(finish) => Some(self.end_here(finish, out)),
            ControlFlow::Continue(()) => None,
        }
    }

    /// Writes the delta that waits, as far as it is visible.
    fn write_held(&mut self, out: &mut Out) {
        if let Some(HeldDelta { frame, text, .. }) = self.held.take() {
            self.write_delta(&frame, &text, out);
        }
    }

    /// Writes the text delta of `frame` with only the visible part of its text.
    fn write_delta(&mut self, frame: &Frame, text: &str, out: &mut Out) {
        if !text.is_empty()
            && self.streams
            && let Some(event) = synthesized::with_delta(frame, text)
        {
            out.frames.message(Some("response.output_text.delta"), event.get().as_bytes());
            self.last = LastEvent::Frame(frame.clone());
        }
    }

    /// Ends the response within its text, with the events by which the API ends one.
    fn end_here(&mut self, finish: Finish, out: &mut Out) -> Step {
        let over_cap = finish == Finish::Length;
        let (status, kind) = match over_cap {
            true => ("incomplete", synthesized::INCOMPLETE),
            false => ("completed", synthesized::COMPLETED),
        };
        let mut sequence = self.next_sequence();
        if self.streams {
            self.write_partial_ends(&mut sequence, status, out);
        }
        self.finish_partials(status);
        let usage = self.limiter.as_ref().map(Limiter::usage).unwrap_or_default();
        let cut = Cut { over_cap, tokens: usage.output, after: out.at };
        let created = self.created.as_ref();
        let Some(response) = created.and_then(|c| synthesized::cut(c, &self.items, cut)) else {
            return ControlFlow::Break(Err(Failure::incomplete()));
        };
        if self.streams {
            let event = synthesized::event(kind, &response, sequence);
            out.frames.message_json(Some(kind), &event);
        }
        self.response = self.collects.then_some(response);
        ControlFlow::Break(Ok(End { usage: Some(usage), ..End::new(finish) }))
    }

    fn write_partial_ends(&self, sequence: &mut u64, status: &str, out: &mut Out) {
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
            if let Some(event) = partial.item_done(output_index, next(), status) {
                out.frames.message(Some(synthesized::ITEM_DONE), event.data());
            }
        }
    }
}
