//! The bounds on the parts of an answer that an encoder keeps until later.
//!
//! A stream may be endless, since what is written of it is gone. An encoder that keeps something (a whole reply,
//! a call's arguments, the items from which a final response is filled) would grow with it until the process
//! ends, and everyone's answers with it. So what is kept is bounded, and an answer beyond that fails.

use std::ops::ControlFlow;

use chatmock_protocol::responses::Event;
use chatmock_protocol::responses::event::Body;
use chatmock_protocol::sse::Frame;

use crate::end::Step;
use crate::failure::{Failure, FailureKind};

/// The most bytes of events of which an encoder keeps something: the limit of one event, too.
pub(crate) const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The most items of an answer.
const MAX_ITEMS: usize = 10_000;

/// The kinds of events of which an encoder keeps something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// Items, and calls' arguments: what several dialects write only once it is whole.
    Items,
    /// Text and reasoning, too.
    Everything,
}

/// The extent of what an encoder keeps of an answer.
#[derive(Debug)]
pub(crate) struct Gathered {
    keeps: Keeps,
    bytes: usize,
}

impl Gathered {
    pub(crate) fn new(keeps: Keeps) -> Self {
        Self { keeps, bytes: 0 }
    }

    /// Adds an event of an answer that has `items` items so far; fails the answer beyond a bound.
    pub(crate) fn add(&mut self, frame: &Frame, event: &Event<'_>, items: usize) -> Step {
        let kept = match event.body {
            Body::ItemAdded { .. }
            | Body::ItemDone { .. }
            | Body::Arguments { .. }
            | Body::ArgumentsDone { .. }
            | Body::Annotation { .. } => true,
            Body::Text { .. } | Body::Refusal { .. } | Body::Reasoning { .. } => {
                self.keeps == Keeps::Everything
            }
            _ => false,
        };
        self.bytes += if kept { frame.data().len() } else { 0 };
        if self.bytes > MAX_BYTES || items > MAX_ITEMS {
            return ControlFlow::Break(Err(too_large()));
        }
        ControlFlow::Continue(())
    }
}

/// An answer of which more would have to be kept.
pub(crate) fn too_large() -> Failure {
    let message = format!(
        "the answer is larger than this server gathers: {} MiB, or {MAX_ITEMS} items",
        MAX_BYTES / 1024 / 1024
    );
    Failure::new(FailureKind::Failed, message).with_code("upstream_answer_too_large")
}

#[cfg(test)]
mod tests {
    use chatmock_protocol::sse::Decoder;

    use super::*;

    fn frame(data: &str) -> Frame {
        let mut decoder = Decoder::new(usize::MAX);
        decoder.push(format!("data: {data}\n\n").into());
        decoder.next_frame().unwrap().unwrap()
    }

    fn adds(keeps: Keeps, data: &str) -> usize {
        let frame = frame(data);
        let event = Event::parse(&frame).unwrap();
        let mut gathered = Gathered::new(keeps);
        (0..100).take_while(|_| gathered.add(&frame, &event, 1).is_continue()).count()
    }

    #[test]
    fn text_is_bounded_only_where_it_is_kept() {
        let delta = "x".repeat(1024 * 1024);
        let text = format!(
            r#"{{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"{delta}"}}"#
        );
        assert_eq!(adds(Keeps::Everything, &text), 63);
        assert_eq!(adds(Keeps::Items, &text), 100);
    }

    #[test]
    fn arguments_are_bounded_in_every_encoder() {
        let delta = "x".repeat(1024 * 1024);
        let arguments = format!(
            r#"{{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{delta}"}}"#
        );
        for keeps in [Keeps::Items, Keeps::Everything] {
            assert_eq!(adds(keeps, &arguments), 63);
        }
    }

    #[test]
    fn items_are_bounded_in_number() {
        let frame = frame(r#"{"type":"response.output_text.delta","output_index":1,"delta":"a"}"#);
        let event = Event::parse(&frame).unwrap();
        let mut gathered = Gathered::new(Keeps::Items);
        assert!(gathered.add(&frame, &event, MAX_ITEMS).is_continue());
        let ControlFlow::Break(Err(failure)) = gathered.add(&frame, &event, MAX_ITEMS + 1) else {
            panic!("an answer of too many items goes on");
        };
        assert_eq!(failure.code.as_deref(), Some("upstream_answer_too_large"));
    }
}
