//! Events copied as they came, less what is meant for the backend's own client.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use chatmock_protocol::json::RawValue;
use chatmock_protocol::responses::event::Body;
use chatmock_protocol::responses::{Event, Response};
use chatmock_protocol::sse::Frame;

use super::made;
use crate::dialect::{Encoder, End, Finish, Shape, Step};
use crate::failure::Failure;
use crate::frames::Frames;

/// Copies events, keeps finished items, and mends an empty `output` at the end.
#[derive(Debug)]
pub struct Verbatim {
    streams: bool,
    /// `response.created`, from which a made end takes the response.
    created: Option<Frame>,
    /// `response.output_item.done` by output index.
    items: BTreeMap<usize, Frame>,
    last: Option<Frame>,
    told: Told,
    reply: Option<Box<RawValue>>,
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

impl Verbatim {
    /// Makes an encoder that writes events (`streams`), or one that gathers the final response.
    #[must_use]
    pub fn new(_: &Arc<Shape>, streams: bool) -> Self {
        Self {
            streams,
            created: None,
            items: BTreeMap::new(),
            last: None,
            told: Told::Nothing,
            reply: None,
        }
    }

    fn copy(&mut self, frame: &Frame, event: &Event<'_>, frames: &mut Frames) {
        if self.streams {
            frames.event(Some(&event.kind), frame.text());
            self.last = Some(frame.clone());
        }
    }

    /// Ends with the backend's terminal event; an empty `output` is filled from the finished items.
    fn terminal(
        &mut self,
        frame: &Frame,
        event: &Event<'_>,
        response: &Response<'_>,
        frames: &mut Frames,
    ) {
        if self.items.is_empty() || !response.output().is_empty() {
            self.reply = (!self.streams).then(|| response.raw.to_owned());
            return self.copy(frame, event, frames);
        }
        let Some(mended) = made::with_output(response, &self.items) else {
            return self.copy(frame, event, frames);
        };
        if self.streams
            && let Some(whole) = made::with_response(frame, &mended)
        {
            frames.event(Some(&event.kind), whole.get());
        }
        self.reply = Some(mended);
    }
}

impl Encoder for Verbatim {
    type Output = Option<Box<RawValue>>;

    fn event(
        &mut self,
        frame: &Frame,
        event: &Event<'_>,
        _: Duration,
        frames: &mut Frames,
    ) -> Step {
        match &event.body {
            Body::Private => return ControlFlow::Continue(()),
            Body::Completed(response) => {
                self.terminal(frame, event, response, frames);
                return ended(Finish::Stop, response);
            }
            Body::Incomplete(response) => {
                self.terminal(frame, event, response, frames);
                return ended(Finish::Length, response);
            }
            Body::Failed(response) => {
                self.copy(frame, event, frames);
                self.told = Told::Failed;
                let error = response.error.clone().unwrap_or_default();
                return ControlFlow::Break(Err(Failure::from_api(error, None, None)));
            }
            Body::Error(error) => {
                self.copy(frame, event, frames);
                self.told = Told::Error;
                return ControlFlow::Break(Err(Failure::from_api(error.clone(), None, None)));
            }
            Body::Created(_) => self.created = Some(frame.clone()),
            Body::ItemDone { output_index, .. } => {
                self.items.insert(*output_index, frame.clone());
            }
            _ => {}
        }
        self.copy(frame, event, frames);
        ControlFlow::Continue(())
    }

    fn finish(self, _: End, _: Duration, _: &mut Frames) -> Self::Output {
        self.reply
    }

    fn fail(self, failure: &Failure, frames: &mut Frames) {
        if self.told == Told::Failed || !self.streams {
            return;
        }
        // Some clients end on `response.failed` alone, so it follows the backend's `error` too.
        let sequence = self.last.as_ref().and_then(made::sequence_number).map_or(0, |n| n + 1);
        match self.created.as_ref().and_then(|f| made::failed(f, &self.items, failure, sequence)) {
            Some(event) => frames.event(Some(made::FAILED), event.get()),
            None if self.told == Told::Error => {}
            None => frames.event_json(Some(made::ERROR), &made::error(failure, sequence)),
        }
    }
}

fn ended(finish: Finish, response: &Response<'_>) -> Step {
    let service_tier = response.service_tier.as_deref().map(str::to_owned);
    ControlFlow::Break(Ok(End { finish, usage: response.usage, service_tier }))
}
