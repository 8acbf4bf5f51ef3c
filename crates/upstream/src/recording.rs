//! Recording: what goes over the wire in a turn, handed to whoever keeps it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use reqwest::Response;
use reqwest::header::HeaderMap;
use serde::Serialize;
use tokio::time::Instant;

use crate::config::Limits;
use crate::credentials::Credentials;
use crate::error::{Error, ErrorResponse};
use crate::events::Events;
use crate::outgoing::Outgoing;
use crate::recorder::{Exchange, ExchangeEnd, Recorder};
use crate::session::SessionId;

/// A turn that is being recorded.
pub(crate) struct Tape {
    recorder: Arc<dyn Recorder>,
    began: Instant,
    /// `None` once it was handed over.
    exchange: Option<Box<Exchange>>,
}

impl Tape {
    pub(crate) fn new(
        recorder: Arc<dyn Recorder>,
        request: Outgoing,
        session: SessionId,
        credentials: Arc<Credentials>,
    ) -> Self {
        let (headers, chunks, end) = (Vec::new(), Vec::new(), ExchangeEnd::Left);
        let exchange = Exchange { request, session, credentials, status: 0, headers, chunks, end };
        Self { recorder, began: Instant::now(), exchange: Some(Box::new(exchange)) }
    }

    /// Notes the head of the answer.
    pub(crate) fn answered(mut self, status: u16, headers: &HeaderMap) -> Self {
        if let Some(exchange) = &mut self.exchange {
            exchange.status = status;
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            let pairs =
                headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
            exchange.headers = pairs.collect();
        }
        self
    }

    /// Hands a refusal over, and gives the error back. Other errors are no answer, and so are not kept.
    pub(crate) fn refused(tape: Option<Self>, error: Error) -> Error {
        if let (Some(mut tape), Error::Refused(refusal)) = (tape, &error) {
            if let Some(exchange) = &mut tape.exchange {
                exchange.status = refusal.status;
                exchange.headers = refusal_headers(refusal);
            }
            tape.take(refusal_body(refusal));
            tape.end(ExchangeEnd::Closed);
        }
        error
    }

    fn take(&mut self, bytes: Bytes) {
        let at = self.began.elapsed();
        if let Some(exchange) = &mut self.exchange {
            exchange.chunks.push((at, bytes));
        }
    }

    fn end(&mut self, end: ExchangeEnd) {
        if let Some(exchange) = self.exchange.take() {
            self.recorder.keep(Exchange { end, ..*exchange });
        }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        if self.exchange.as_ref().is_some_and(|exchange| exchange.status != 0) {
            self.end(ExchangeEnd::Left);
        }
    }
}

/// The events of an answer over HTTP, recorded where there is a tape.
pub(crate) fn events(tape: Option<Tape>, limits: &Limits, response: Response) -> Events {
    let head = |tape: Tape| tape.answered(response.status().as_u16(), response.headers());
    let tape = tape.map(head);
    body(tape, limits, response.bytes_stream().map_err(Error::cut))
}

/// The events of a body, recorded where there is a tape.
pub(crate) fn body<S>(tape: Option<Tape>, limits: &Limits, body: S) -> Events
where
    S: Stream<Item = Result<Bytes, Error>> + Send + 'static,
{
    match tape {
        None => Events::new(body, limits),
        Some(tape) => Events::new(Taped { tape, body: body.boxed() }, limits),
    }
}

/// A body that is recorded while it is read.
struct Taped {
    tape: Tape,
    body: futures::stream::BoxStream<'static, Result<Bytes, Error>>,
}

impl Stream for Taped {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.body.poll_next_unpin(cx));
        match &item {
            Some(Ok(bytes)) => self.tape.take(bytes.clone()),
            Some(Err(_)) => self.tape.end(ExchangeEnd::Cut),
            None => self.tape.end(ExchangeEnd::Closed),
        }
        Poll::Ready(item)
    }
}

#[derive(Serialize)]
struct RefusalBody<'a> {
    error: RefusalError<'a>,
}

#[derive(Serialize)]
struct RefusalError<'a> {
    message: Option<&'a str>,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    code: Option<&'a str>,
    param: Option<&'a str>,
}

/// Writes a refusal anew: by now its body has been read.
fn refusal_body(refusal: &ErrorResponse) -> Bytes {
    let error = &refusal.error;
    let error = RefusalError {
        message: error.message.as_deref(),
        kind: error.kind.as_deref(),
        code: error.code.as_deref(),
        param: error.param.as_deref(),
    };
    serde_json::to_vec(&RefusalBody { error }).unwrap_or_default().into()
}

fn refusal_headers(refusal: &ErrorResponse) -> Vec<(String, String)> {
    let retry = refusal.retry_after.map(|after| ("retry-after".to_owned(), after.to_string()));
    let kind = ("content-type".to_owned(), "application/json".to_owned());
    std::iter::once(kind).chain(retry).collect()
}
