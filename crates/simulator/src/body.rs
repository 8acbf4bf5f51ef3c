//! The response body: it plays the steps of a script, and notices when the client leaves.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use serde_json::Value;
use tokio::time::Sleep;

use crate::faulty_stream::ConnectionFaults;
use crate::record::Recorder;
use crate::script::Step;

/// A body that plays steps.
#[derive(Debug)]
pub(crate) struct Body {
    steps: VecDeque<Step>,
    length: Option<u64>,
    sleep: Option<Pin<Box<Sleep>>>,
    faults: Option<Arc<ConnectionFaults>>,
    watch: Option<StreamWatch>,
}

impl Body {
    /// Returns a complete body of known length.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = Some(bytes.len() as u64);
        let steps = VecDeque::from([Step::Raw(bytes)]);
        Self { steps, length, sleep: None, faults: None, watch: None }
    }

    /// Returns a body of steps, on a connection that can be made to fail.
    pub(crate) fn played(steps: Vec<Step>, faults: Arc<ConnectionFaults>) -> Self {
        let length = match steps.as_slice() {
            [] => Some(0),
            _ => None,
        };
        Self { steps: steps.into(), length, sleep: None, faults: Some(faults), watch: None }
    }

    pub(crate) fn watched(mut self, watch: StreamWatch) -> Self {
        // Even a stream without steps announces no length.
        self.length = None;
        self.watch = Some(watch);
        self
    }

    /// Plays one step; `None` if it gives no bytes and the next step is due.
    fn play(&mut self, step: Step, context: &mut Context<'_>) -> Option<Poll<Bytes>> {
        match step {
            Step::Event(text) => Some(Poll::Ready(framed(&text))),
            Step::Raw(bytes) => Some(Poll::Ready(bytes)),
            Step::Repeat(_, 0) => None,
            Step::Repeat(bytes, times) => {
                if times > 1 {
                    self.steps.push_front(Step::Repeat(bytes.clone(), times - 1));
                }
                Some(Poll::Ready(bytes))
            }
            Step::Flush => {
                context.waker().wake_by_ref();
                Some(Poll::Pending)
            }
            Step::Wait(time) => {
                self.sleep = Some(Box::pin(tokio::time::sleep(time)));
                None
            }
            Step::Stall => {
                self.steps.push_front(Step::Stall);
                Some(Poll::Pending)
            }
            Step::Cut(bytes) => {
                if let Some(faults) = &self.faults {
                    faults.cut();
                }
                // Anything but silence would end the chunk before the connection closes.
                self.steps.push_front(Step::Stall);
                self.finished();
                Some(Poll::Ready(bytes))
            }
        }
    }

    fn finished(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.finished();
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(context));
                self.sleep = None;
            }
            let Some(step) = self.steps.pop_front() else {
                self.finished();
                return Poll::Ready(None);
            };
            let played = self.play(step, context);
            if self.steps.is_empty() && self.sleep.is_none() {
                self.finished();
            }
            match played {
                Some(Poll::Ready(bytes)) if bytes.is_empty() => {}
                Some(Poll::Ready(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Poll::Pending) => return Poll::Pending,
                None => {}
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.sleep.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Counts one open response stream until it is dropped.
#[derive(Debug)]
pub(crate) struct StreamWatch {
    recorder: Arc<Recorder>,
    finished: bool,
}

impl StreamWatch {
    pub(crate) fn open(recorder: Arc<Recorder>) -> Self {
        recorder.update(|stats| {
            stats.streams += 1;
            stats.open_streams += 1;
        });
        Self { recorder, finished: false }
    }

    /// Records that the script has ended.
    pub(crate) fn finished(&mut self) {
        self.finished = true;
    }
}

impl Drop for StreamWatch {
    fn drop(&mut self) {
        self.recorder.stream_closed(!self.finished);
    }
}

/// Frames an event as the backend does: an `event:` line, and one `data:` line for each line of the
/// text.
pub(crate) fn framed(text: &str) -> Bytes {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let mut frame = String::with_capacity(text.len() + 64);
    if let Some(kind) = value.get("type").and_then(Value::as_str) {
        frame.push_str("event: ");
        frame.push_str(kind);
        frame.push('\n');
    }
    for line in text.split('\n') {
        frame.push_str("data: ");
        frame.push_str(line);
        frame.push('\n');
    }
    frame.push('\n');
    frame.into()
}
