//! A running answer on a socket, as the body that an answer over HTTP has.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use futures::Stream;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::pool::{Login, Place, Taken};
use super::{FrameState, Key, SentRequest, Socket, SocketPool};
use crate::error::Error;

/// What becomes of a socket after its answer.
pub(crate) struct Finish {
    pub(crate) pool: Arc<SocketPool>,
    pub(crate) key: Key,
    pub(crate) login: Login,
    pub(crate) sent: SentRequest,
    pub(crate) opened: Instant,
    pub(crate) place: Place,
}

/// The events of one answer, framed as server-sent events.
///
/// Dropped before its end, it closes the socket: the rest of the answer would reach whoever uses it next.
pub(crate) struct SocketAnswer {
    socket: Option<Socket>,
    /// Messages that came before this was made.
    first: VecDeque<Bytes>,
    finish: Option<Finish>,
    output: Vec<String>,
    state: FrameState,
    over: bool,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Response {
    id: Option<String>,
}

impl SocketAnswer {
    pub(crate) fn new(
        socket: Socket,
        first: Vec<Bytes>,
        finish: Finish,
        state: FrameState,
    ) -> Self {
        let (socket, finish) = (Some(socket), Some(finish));
        Self { socket, first: first.into(), finish, output: Vec::new(), state, over: false }
    }

    /// Looks at what an event means for the connection.
    fn note(&mut self, text: &[u8]) {
        // Nearly all events are deltas, which need no look at their members.
        let may_matter = [
            &b"output_item.done"[..],
            b"response.completed",
            b"response.failed",
            b"response.incomplete",
            b"\"error\"",
            b"response.metadata",
        ];
        if !may_matter.iter().any(|words| contains(text, words)) {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Event<'_>>(text) else { return };
        match &*event.kind {
            "response.output_item.done" => {
                self.output.extend(event.item.map(|item| item.get().to_owned()));
            }
            "response.completed" => {
                self.over = true;
                let id = event.response.and_then(|response| response.id);
                self.put_back(id);
            }
            "response.failed" | "response.incomplete" | "error" => {
                self.over = true;
                (self.socket, self.finish) = (None, None);
            }
            "response.metadata" | "codex.response.metadata" => self.state.note(text),
            _ => {}
        }
    }

    fn put_back(&mut self, id: Option<String>) {
        let (Some(socket), Some(finish), Some(id)) = (self.socket.take(), self.finish.take(), id)
        else {
            return;
        };
        let Finish { pool, key, login, sent, opened, place } = finish;
        let chain = Some(sent.answered(id, &std::mem::take(&mut self.output)));
        let headers = HeaderMap::new();
        pool.put(key, Taken { socket, headers, chain, login, opened, place });
    }
}

impl Stream for SocketAnswer {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(text) = self.first.pop_front() {
                self.note(&text);
                return Poll::Ready(Some(Ok(framed(&text))));
            }
            if self.over {
                return Poll::Ready(None);
            }
            let Some(socket) = &mut self.socket else { return Poll::Ready(None) };
            match ready!(Pin::new(socket).poll_next(cx)) {
                Some(Ok(Message::Text(text))) => {
                    let text = Bytes::from(text);
                    self.note(&text);
                    return Poll::Ready(Some(Ok(framed(&text))));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                // An answer without its end is reported as one by whoever reads it.
                _ => {
                    self.socket = None;
                    return Poll::Ready(None);
                }
            }
        }
    }
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}

/// A message as a server-sent event. A line end in it is white space, since strings of JSON have none.
fn framed(text: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(text.len() + 8);
    framed.put_slice(b"data: ");
    framed.extend(text.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    framed.put_slice(b"\n\n");
    framed.freeze()
}
