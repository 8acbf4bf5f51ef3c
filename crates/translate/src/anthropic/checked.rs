//! The check of answers that a message has no words for.

use std::ops::ControlFlow;

use chatmock_protocol::json::RawValue;
use chatmock_protocol::responses::Event;
use chatmock_protocol::responses::event::Body;
use chatmock_protocol::sse::Frame;

use crate::delta::Delta;
use crate::encoder::{DeltaEncoder, Encoder};
use crate::end::{End, Finish, Step};
use crate::failure::{Failure, FailureKind};
use crate::frames::Out;
use crate::reply::{Collector, Reply};

/// Fails answers that would be worded as something else: one that the backend cut for a reason unknown
/// here, and one with a call that cannot be worded.
#[derive(Debug)]
pub struct Checked<E>(pub(super) E);

impl<E: Encoder> Encoder for Checked<E> {
    type Output = E::Output;

    fn event(&mut self, frame: &Frame, event: &Event<'_>, out: &mut Out) -> Step {
        match self.0.event(frame, event, out) {
            ControlFlow::Break(Ok(End { finish: Finish::Incomplete, .. })) => {
                let is_cut = matches!(event.body, Body::Incomplete(_));
                ControlFlow::Break(Err(if is_cut { Failure::incomplete() } else { no_object() }))
            }
            step => step,
        }
    }

    fn finish(self, end: End, out: &mut Out) -> Self::Output {
        self.0.finish(end, out)
    }

    fn fail(self, failure: &Failure, out: &mut Out) {
        self.0.fail(failure, out);
    }
}

/// Collects a whole reply, up to a call whose arguments are no object: an empty object in their place
/// would run the tool.
#[derive(Debug, Default)]
pub struct WholeBlocks(Collector);

impl DeltaEncoder for WholeBlocks {
    type Output = Reply;

    fn keeps_text(&self) -> bool {
        self.0.keeps_text()
    }

    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
        let ended = match delta {
            Delta::CallEnd { index } => Some(index),
            _ => None,
        };
        self.0.delta(delta, out)?;
        match ended.filter(|index| object(self.0.arguments(*index)).is_none()) {
            Some(_) => ControlFlow::Break(Finish::Incomplete),
            None => ControlFlow::Continue(()),
        }
    }

    fn end(self, end: End, out: &mut Out) -> Reply {
        self.0.end(end, out)
    }

    fn fail(self, failure: &Failure, out: &mut Out) {
        self.0.fail(failure, out);
    }
}

/// Reads arguments as the object that a whole reply holds.
pub(super) fn object(arguments: &str) -> Option<&RawValue> {
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    let value: &RawValue = serde_json::from_str(arguments).ok()?;
    value.get().starts_with('{').then_some(value)
}

fn no_object() -> Failure {
    let message = "the model called a tool with arguments that are no JSON object";
    Failure::new(FailureKind::Failed, message).with_code("upstream_unexpected")
}
