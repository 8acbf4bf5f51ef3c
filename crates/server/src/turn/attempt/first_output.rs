//! The beginning of an answer: what is held back until the first output, and what arrived together with it.

use std::collections::VecDeque;
use std::task::Poll;

use chatmock_protocol::responses::event::Body;
use chatmock_protocol::responses::{ApiError, Event};
use chatmock_protocol::sse::Frame;
use chatmock_translate::{Failure, FailureKind};
use chatmock_upstream::Events;

use super::{frame, parse, unreadable};
use crate::clock::unix_now;
use crate::{failure, remedies};

/// The most that is taken after the first output before the head is sent, in bytes.
const MAX_TAKEN: usize = 64 * 1024;

/// The most that is held back before the first output, in bytes: the real handshake has a few hundred kilobytes.
const MAX_HELD: usize = 64 * 1024 * 1024;

/// The memory that a held frame takes in addition to its text, roughly.
const FRAME: usize = 256;

/// The scheduler turns to wait for more before the head is sent: a short answer comes in one piece or two.
const TURNS: u32 = 3;

/// Events that were read and not yet encoded; a failure is the last of them.
pub(super) type HeldFrames = VecDeque<Result<Frame, Failure>>;

/// Reads up to the first output; a failure in its place is given as one.
pub(super) async fn first_output(mut events: Events) -> Result<(Events, HeldFrames), Failure> {
    let (mut held, mut size) = (HeldFrames::new(), 0);
    loop {
        let frame = frame(events.next().await)?;
        // Its events repeat the whole request, and are read when they are encoded.
        if Event::is_handshake(&frame).map_err(unreadable)? {
            size += frame.data().len() + FRAME;
            if size > MAX_HELD {
                return Err(no_output());
            }
            // It may be minutes until the output comes, so nothing but the event itself is kept.
            held.push_back(Ok(frame.detached()));
            continue;
        }
        match parse(&frame)?.body {
            Body::Failed(response) => return Err(failed(response.error.unwrap_or_default())),
            Body::Error(error) => return Err(failed(*error)),
            _ => {}
        }
        held.push_back(Ok(frame));
        take_arrived(&mut events, &mut held).await;
        return Ok((events, held));
    }
}

/// Takes what has arrived together with the first output, so that it leaves in one write with the
/// head: a short answer as a whole.
///
/// The backend's connection hands over one piece a turn, and so gets some turns for it, as do those
/// tasks that are ready; nothing is waited for.
async fn take_arrived(events: &mut Events, held: &mut HeldFrames) {
    let (mut turns, mut size) = (0, 0);
    std::future::poll_fn(|cx| {
        let before = held.len();
        while size < MAX_TAKEN
            && let Poll::Ready(next) = events.poll_frame(cx)
        {
            let Some(next) = next else { return Poll::Ready(()) };
            size += next.as_ref().map_or(0, |frame| frame.data().len());
            held.push_back(next.map_err(failure::from_upstream));
        }
        turns += 1;
        let more = turns == 1 || held.len() > before;
        if !more || turns == TURNS || size >= MAX_TAKEN {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A backend that sends one beginning after the other.
fn no_output() -> Failure {
    let message =
        format!("the backend sent {} MiB of events and no output", MAX_HELD / 1024 / 1024);
    Failure::new(FailureKind::Failed, message).with_code("upstream_answer_too_large")
}

fn failed(error: ApiError) -> Failure {
    let wait = error.wait(unix_now());
    Failure::from_api(error, None, wait).with_remedy(&remedies::BY_CODE)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use chatmock_upstream::Limits;
    use futures::SinkExt;
    use futures::channel::mpsc;

    use super::*;

    /// Events of pieces of which each is handed over in a turn of its own, as hyper does.
    fn handed_over(pieces: &'static [&'static str]) -> Events {
        let (mut sender, receiver) = mpsc::channel(0);
        tokio::spawn(async move {
            for piece in pieces {
                sender.send(Ok(Bytes::from_static(piece.as_bytes()))).await.unwrap();
            }
            // The connection stays open after them.
            std::future::pending::<()>().await;
        });
        Events::new(receiver, &Limits::default())
    }

    #[tokio::test]
    async fn what_arrived_with_the_first_output_is_taken_and_nothing_is_waited_for() {
        let events = handed_over(&[
            "data: {\"type\":\"response.created\"}\n\n",
            "data: {\"type\":\"a\"}\n\ndata: {\"type\":\"b\"}\n\n",
            "data: {\"type\":\"c\"}\n\n",
        ]);
        let (_, held) = first_output(events).await.unwrap();
        let texts: Vec<_> =
            held.iter().map(|frame| frame.as_ref().unwrap().text().to_owned()).collect();
        assert_eq!(texts.len(), 4, "{texts:?}");
        assert_eq!(texts[3], r#"{"type":"c"}"#);
    }

    #[tokio::test]
    async fn a_handshake_without_end_fails_before_it_fills_the_memory() {
        let progress = Bytes::from(format!(
            "data: {{\"type\":\"response.in_progress\",\"response\":{{\"id\":\"{}\"}}}}\n\n",
            "x".repeat(1024 * 1024)
        ));
        let endless = futures::stream::repeat_with(move || Ok(progress.clone()));
        let Err(failure) = first_output(Events::new(endless, &Limits::default())).await else {
            panic!("an answer without output was opened");
        };
        assert_eq!(
            (failure.status(), failure.code.as_deref()),
            (502, Some("upstream_answer_too_large"))
        );
    }

    #[tokio::test]
    async fn a_failure_that_arrived_with_the_first_output_is_told_after_it() {
        let pieces = [Ok(Bytes::from_static(b"data: {\"type\":\"a\"}\n\n"))];
        let cut = Err(chatmock_upstream::Error::Stalled { limit: Duration::ZERO });
        let body = futures::stream::iter(pieces.into_iter().chain([cut]));
        let events = Events::new(body, &Limits::default());
        let (mut events, held) = first_output(events).await.unwrap();
        assert!(matches!(held.iter().collect::<Vec<_>>()[..], [Ok(_), Err(_)]), "{held:?}");
        assert!(events.next().await.is_none());
    }

    #[tokio::test]
    async fn what_is_held_back_lets_go_of_what_was_read_with_it() {
        let created = r#"{"type":"response.created","response":{"id":"resp_1"}}"#;
        let delta = r#"{"type":"response.output_text.delta","output_index":0,"delta":"a"}"#;
        let read = [created, delta].map(|data| Bytes::from(format!("data: {data}\n\n")));
        let arriving = futures::stream::iter(read.clone().map(Ok));
        let (_, held) = first_output(Events::new(arriving, &Limits::default())).await.unwrap();
        let held: Vec<_> = held.iter().map(|frame| frame.as_ref().unwrap().text()).collect();
        assert_eq!(held, [created, delta]);
        assert!(read[0].is_unique());
    }
}
