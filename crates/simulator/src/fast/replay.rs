//! The body of a fast answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep_until};

use super::Clock;
use super::recording::{BLANK, Recording};
use crate::body::StreamWatch;

/// A body that replays a recording.
#[derive(Debug)]
pub(crate) struct Replay {
    recording: Arc<Recording>,
    next: usize,
    clock: Clock,
    /// The time when the next piece with a stamp is due.
    due: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
    /// True if the previous piece had time to leave in a write of its own.
    flushed: bool,
    watch: StreamWatch,
}

impl Replay {
    pub(super) fn new(recording: Arc<Recording>, clock: Clock, watch: StreamWatch) -> Self {
        let due = Instant::now() + recording.pause;
        Self { recording, next: 0, clock, due, sleep: None, flushed: true, watch }
    }

    /// Waits until the next piece is due. Times are relative to the beginning, so that a late timer
    /// does not slow down the whole stream.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = self.due;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
        ready!(sleep.as_mut().poll(cx));
        self.due += self.recording.pause;
        sleep.as_mut().reset(self.due);
        Poll::Ready(())
    }
}

impl Body for Replay {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let recording = Arc::clone(&this.recording);
        let Some(piece) = recording.pieces.get(this.next) else {
            return Poll::Ready(None);
        };
        if piece.stamp.is_some() && !recording.pause.is_zero() {
            ready!(this.poll_due(cx));
        } else if !std::mem::replace(&mut this.flushed, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.next += 1;
        this.flushed = false;
        if this.next == recording.pieces.len() {
            this.watch.finished();
        }
        let bytes = match piece.stamp {
            Some(at) => stamped(&piece.bytes, at, this.clock),
            None => piece.bytes.clone(),
        };
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.next == self.recording.pieces.len()
    }
}

fn stamped(bytes: &Bytes, at: usize, clock: Clock) -> Bytes {
    let mut bytes = BytesMut::from(bytes.as_ref());
    if let Some(stamp) = bytes.get_mut(at..at + BLANK.len()) {
        clock.stamp(stamp);
    }
    bytes.freeze()
}
