//! The events of a running answer, polled from its body as they arrive.
//!
//! Frames are owned, and there is no `Stream` of parsed events: a parsed event borrows from its
//! frame, and a stream whose items borrow from itself does not compile. So the consumer polls a
//! frame, parses it, and drops it before the next poll. It is polled and not fed through a channel,
//! so that a slow client slows the backend, and a client that disconnects drops the body and ends
//! the call.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use chatmock_protocol::sse::{Decoder, Frame};
use futures::Stream;
use futures::stream::BoxStream;
use tokio::time::{Instant, Sleep};

use crate::config::Limits;
use crate::error::Error;
use crate::namespace::Namespace;

/// A running answer: owned frames, in order.
///
/// Dropping it ends the call at the backend. After an error or the end it yields nothing more. The
/// end alone does not mean that the answer is complete: only its terminal event does.
pub struct Events {
    /// `None` once the answer is over, which returns the connection to the pool.
    body: Option<BoxStream<'static, Result<Bytes, Error>>>,
    decoder: Decoder,
    idle: Idle,
    /// The namespace that the request put the client's tools into; it is removed from every event.
    namespace: Option<Arc<Namespace>>,
}

impl Events {
    /// Reads events from a body, within the limits on silence and on the size of one event.
    pub fn new<S>(body: S, limits: &Limits) -> Self
    where
        S: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        Self {
            body: Some(Box::pin(body)),
            decoder: Decoder::new(limits.frame),
            idle: Idle { limit: limits.idle, sleep: None, armed: false },
            namespace: None,
        }
    }

    /// Removes `namespace` from the events, so that the client sees its tools as it offered them.
    pub(crate) fn without_namespace(self, namespace: Option<Arc<Namespace>>) -> Self {
        Self { namespace, ..self }
    }

    /// Polls for the next frame; `Pending` means that every frame that has arrived was returned.
    ///
    /// # Errors
    /// [`Error::Cut`] when the connection breaks, [`Error::Stalled`] when it is silent for longer
    /// than the limit while it is polled, [`Error::FrameTooLarge`] when one event exceeds its
    /// limit.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        let next = match &mut self.body {
            Some(body) => ready!(poll_body(body, &mut self.decoder, &mut self.idle, cx)),
            None => None,
        };
        match (&next, &self.namespace) {
            (Some(Ok(frame)), Some(namespace)) => {
                if let Some(frame) = namespace.strip(frame) {
                    return Poll::Ready(Some(Ok(frame)));
                }
            }
            (Some(Ok(_)), None) => {}
            _ => self.body = None,
        }
        Poll::Ready(next)
    }

    /// Waits for the next frame; see [`Events::poll_frame`].
    pub async fn next(&mut self) -> Option<Result<Frame, Error>> {
        std::future::poll_fn(|cx| self.poll_frame(cx)).await
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("over", &self.body.is_none()).finish_non_exhaustive()
    }
}

fn poll_body(
    body: &mut BoxStream<'static, Result<Bytes, Error>>,
    decoder: &mut Decoder,
    idle: &mut Idle,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame, Error>>> {
    loop {
        match decoder.next_frame() {
            Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
            Ok(None) => {}
            Err(too_large) => return Poll::Ready(Some(Err(too_large.into()))),
        }
        match body.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                idle.armed = false;
                decoder.push(bytes);
            }
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {
                ready!(idle.poll(cx));
                return Poll::Ready(Some(Err(Error::Stalled { limit: idle.limit })));
            }
        }
    }
}

/// The timer of silence in a stream.
struct Idle {
    limit: Duration,
    /// Made on the first wait, since a short answer may never wait.
    sleep: Option<Pin<Box<Sleep>>>,
    /// True if the current silence is being timed.
    armed: bool,
}

impl Idle {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if !self.armed {
            self.armed = true;
            // A limit beyond the range of `Instant` is no limit.
            if let Some(deadline) = Instant::now().checked_add(limit) {
                sleep.as_mut().reset(deadline);
            }
        }
        sleep.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::StreamExt;
    use futures::channel::mpsc;
    use futures::stream;

    use super::*;

    fn events(chunks: &[&'static str], limits: &Limits) -> Events {
        let chunks: Vec<_> =
            chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
        Events::new(stream::iter(chunks), limits)
    }

    async fn texts(mut events: Events) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(frame) = events.next().await {
            texts.push(frame.unwrap().text().to_owned());
        }
        texts
    }

    #[tokio::test]
    async fn frames_come_in_order_however_the_bytes_are_cut() {
        let chunks = ["data: a\n", "\ndata: b\n\ndata:", " c\n\n", "data: unfinished"];
        assert_eq!(texts(events(&chunks, &Limits::default())).await, ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn pending_means_that_all_that_arrived_was_given_out() {
        let (sender, receiver) = mpsc::unbounded();
        let mut events = Events::new(receiver, &Limits::default());
        sender.unbounded_send(Ok(Bytes::from_static(b"data: a\n\ndata: b\n\nda"))).unwrap();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut ready = 0;
        while let Poll::Ready(Some(Ok(_))) = events.poll_frame(&mut cx) {
            ready += 1;
        }
        assert_eq!(ready, 2);
        assert!(events.poll_frame(&mut cx).is_pending());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_timed_anew_after_every_byte() {
        let limits = Limits { idle: Duration::from_secs(300), ..Limits::default() };
        let drip = stream::unfold(0, |count| async move {
            let wait = if count < 3 { 299 } else { 301 };
            tokio::time::sleep(Duration::from_secs(wait)).await;
            Some((Ok(Bytes::from_static(b"data: x\n\n")), count + 1))
        });
        let mut events = Events::new(drip, &limits);
        let start = Instant::now();
        for _ in 0..3 {
            assert!(events.next().await.unwrap().is_ok());
        }
        let error = events.next().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Stalled { .. }), "{error:?}");
        assert_eq!(start.elapsed().as_secs(), 3 * 299 + 300);
        assert!(events.next().await.is_none());
    }

    #[tokio::test]
    async fn an_event_over_the_limit_ends_the_answer_and_drops_the_body() {
        let polls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&polls);
        let flood = stream::repeat_with(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Bytes::from_static(b"data: xxxxxxxxxxxxxxxxxxxxxxxx"))
        });
        let mut events = Events::new(flood.boxed(), &Limits { frame: 100, ..Limits::default() });
        let error = events.next().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::FrameTooLarge(_)), "{error:?}");
        assert!(events.next().await.is_none());
        assert_eq!((polls.load(Ordering::Relaxed), Arc::strong_count(&polls)), (4, 1));
    }
}
