//! Recordings: an answer under way, which several clients may read from its beginning.
//!
//! One task writes, at the pace of the reader that is furthest; the others may be as slow as they like while all of the
//! answer is held. Once it has grown too large for that, the recording holds only what is new, and who is further behind
//! is cut off: otherwise one slow client could hold any amount of memory, or hold up the others.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use chatmock_translate::Failure;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Budget;
use super::kept::KeptAnswer;
use crate::http::response::CutOff;

/// The most that the furthest reader may be behind, and any reader once not all is held, in bytes.
const BEHIND: usize = 2 * 1024 * 1024;

/// The head of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The answer's own record was written.
    pub(crate) is_logged: bool,
    /// The body comes in one piece with the head.
    pub(crate) is_whole: bool,
}

/// The end of an answer.
#[derive(Clone, Debug)]
enum Ended {
    /// It was written to its end.
    Written,
    /// There is no answer but this.
    Failed(Failure),
    /// Nobody writes it any more.
    Cut,
}

/// An answer under way.
#[derive(Debug)]
pub(super) struct Recording {
    state: Mutex<State>,
    /// The number of clients that read it.
    readers: watch::Sender<usize>,
    /// The most that is held, in bytes.
    most: usize,
    budget: Budget,
}

#[derive(Debug, Default)]
struct State {
    head: Option<Head>,
    /// The pieces that are held, without the first `gone`.
    pieces: VecDeque<Bytes>,
    gone: usize,
    /// The bytes of all pieces so far, and of those that are held.
    written: usize,
    held: usize,
    /// Not all of it is held.
    is_partial: bool,
    ended: Option<Ended>,
    places: BTreeMap<u64, Place>,
    next: u64,
    writer: Option<Waker>,
    /// When the last reader left, and whether it had everything.
    left: Option<(Instant, bool)>,
}

/// A reader's place.
#[derive(Debug, Default)]
struct Place {
    piece: usize,
    bytes: usize,
    waker: Option<Waker>,
}

impl Recording {
    /// Begins an answer, with its first reader.
    pub(super) fn begun(most: usize, budget: &Budget) -> (Arc<Self>, Reader) {
        let (readers, budget) = (watch::Sender::new(0), budget.clone());
        let recording = Arc::new(Self { state: Mutex::default(), readers, most, budget });
        let reader = recording.reader(recording.state());
        (recording, reader)
    }

    /// Begins to read from the beginning; `None` where that is not held any more.
    pub(super) fn join(self: &Arc<Self>) -> Option<Reader> {
        let state = self.state();
        if state.is_partial {
            return None;
        }
        Some(self.reader(state))
    }

    fn reader(self: &Arc<Self>, mut state: MutexGuard<'_, State>) -> Reader {
        let number = state.next;
        state.next += 1;
        state.places.insert(number, Place::default());
        state.left = None;
        drop(state);
        self.readers.send_modify(|readers| *readers += 1);
        Reader { recording: Arc::clone(self), number, has_all: false }
    }

    /// Returns whether all of it is held, and is no more than it should be.
    pub(super) fn is_held(&self) -> bool {
        let state = self.state();
        !state.is_partial && state.held <= self.most
    }

    /// Returns when the last reader left, and whether it had everything; `None` while one reads.
    pub(super) fn left(&self) -> Option<(Instant, bool)> {
        self.state().left
    }

    /// Returns the number of readers, to be waited for.
    pub(super) fn readers(&self) -> watch::Receiver<usize> {
        self.readers.subscribe()
    }

    /// Writes the head.
    pub(super) fn begin(&self, head: Head) {
        self.change(|state| state.head = Some(head));
    }

    /// Writes a piece.
    pub(super) fn piece(&self, piece: Bytes) {
        self.change(|state| {
            state.written += piece.len();
            state.held += piece.len();
            self.budget.take(piece.len());
            state.pieces.push_back(piece);
            // One piece that comes with its head is there in any case.
            let is_whole = state.head.as_ref().is_some_and(|head| head.is_whole);
            if !is_whole && (state.held > self.most || self.budget.is_exceeded()) {
                state.is_partial = true;
            }
            self.budget.give_back(state.trim());
        });
    }

    /// Waits until the furthest reader has come near enough; nobody is waited for where nobody reads.
    pub(super) async fn pace(&self) {
        std::future::poll_fn(|cx| {
            let mut state = self.state();
            let furthest = state.places.values().map(|place| place.bytes).max();
            if furthest.is_none_or(|bytes| state.written - bytes <= BEHIND) {
                return Poll::Ready(());
            }
            state.writer = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Ends it after its last piece.
    pub(super) fn end(&self) {
        self.finish(Ended::Written);
    }

    /// Ends it with a failure in place of an answer.
    pub(super) fn fail(&self, failure: Failure) {
        self.finish(Ended::Failed(failure));
    }

    /// Ends it where it has not been ended.
    pub(super) fn cut(&self) {
        self.finish(Ended::Cut);
    }

    fn finish(&self, end: Ended) {
        self.change(|state| _ = state.ended.get_or_insert(end));
    }

    /// Gives the whole answer, if all of it is held; `last` is its last piece, where that is yet to come.
    pub(super) fn answer(&self, last: Option<&Bytes>) -> Option<KeptAnswer> {
        let state = self.state();
        let head = state.head.clone().filter(|_| !state.is_partial)?;
        if !head.is_whole && state.held + last.map_or(0, Bytes::len) > self.most {
            return None;
        }
        let all = || state.pieces.iter().chain(last);
        let mut pieces = all();
        let body = match (pieces.next(), pieces.next()) {
            (None, _) => Bytes::new(),
            (Some(piece), None) => piece.clone(),
            _ => all().flat_map(|piece| piece.iter().copied()).collect(),
        };
        Some(KeptAnswer { status: head.status, headers: head.headers, body })
    }

    /// Changes the state, and wakes the readers.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let wakers: Vec<Waker> =
            state.places.values_mut().filter_map(|place| place.waker.take()).collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.budget.give_back(self.state().held);
    }
}

impl State {
    /// Drops what nobody near enough has yet to read, where not all is held; returns the bytes.
    fn trim(&mut self) -> usize {
        if !self.is_partial {
            return 0;
        }
        let mut freed = 0;
        let furthest = self.places.values().map(|place| place.piece).max();
        let near =
            |place: &&Place| Some(place.piece) == furthest || self.written - place.bytes <= BEHIND;
        let first = self.places.values().filter(near).map(|place| place.piece).min();
        let first = first.unwrap_or(self.gone + self.pieces.len());
        while self.gone < first
            && let Some(piece) = self.pieces.pop_front()
        {
            self.gone += 1;
            freed += piece.len();
        }
        self.held -= freed;
        freed
    }

    fn piece(&self, number: usize) -> Option<Option<&Bytes>> {
        Some(self.pieces.get(number.checked_sub(self.gone)?))
    }
}

/// One client's reading of an answer under way.
#[derive(Debug)]
pub(crate) struct Reader {
    recording: Arc<Recording>,
    number: u64,
    has_all: bool,
}

impl Reader {
    /// Waits for the head, and, where the body comes with it, for the body.
    ///
    /// # Errors
    /// The failure that there is in place of an answer; `None` where nobody writes one any more.
    pub(crate) async fn head(&mut self) -> Result<Head, Option<Failure>> {
        std::future::poll_fn(|cx| {
            let mut state = self.recording.state();
            match (&state.head, &state.ended) {
                (_, Some(Ended::Failed(failure))) => Poll::Ready(Err(Some(failure.clone()))),
                (Some(head), ended) if ended.is_some() || !head.is_whole => {
                    Poll::Ready(Ok(head.clone()))
                }
                (None, Some(_)) => Poll::Ready(Err(None)),
                _ => {
                    state.wait(self.number, cx);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Gives the body of an answer that came with its head.
    pub(crate) fn whole(mut self) -> Bytes {
        self.has_all = true;
        self.recording.answer(None).map(|answer| answer.body).unwrap_or_default()
    }
}

impl State {
    fn wait(&mut self, reader: u64, cx: &Context<'_>) {
        if let Some(place) = self.places.get_mut(&reader) {
            place.waker = Some(cx.waker().clone());
        }
    }
}

impl Body for Reader {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let this = self.get_mut();
        let recording = Arc::clone(&this.recording);
        let mut state = recording.state();
        let number = state.places.get(&this.number).map_or(0, |place| place.piece);
        let Some(piece) = state.piece(number) else { return Poll::Ready(Some(Err(CutOff))) };
        if let Some(piece) = piece.cloned() {
            if let Some(place) = state.places.get_mut(&this.number) {
                place.piece += 1;
                place.bytes += piece.len();
            }
            recording.budget.give_back(state.trim());
            let writer = state.writer.take();
            drop(state);
            writer.into_iter().for_each(Waker::wake);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match &state.ended {
            None => {
                state.wait(this.number, cx);
                Poll::Pending
            }
            Some(Ended::Written) => {
                this.has_all = true;
                Poll::Ready(None)
            }
            Some(_) => Poll::Ready(Some(Err(CutOff))),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.recording.state();
        state.places.remove(&self.number);
        if state.places.is_empty() {
            state.left = Some((Instant::now(), self.has_all));
        }
        self.recording.budget.give_back(state.trim());
        let writer = state.writer.take();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
        self.recording.readers.send_modify(|readers| *readers -= 1);
    }
}
