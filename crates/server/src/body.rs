//! The request body: read whole, within limits of size and progress.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chatmock_translate::{Failure, FailureKind};
use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::decode::{self, Coding};
use crate::settings::HttpSettings;

/// How much of an oversized body is read to its end, in bytes: a client that is still writing
/// does not see an answer, so a refusal is only readable once it has finished.
const DRAIN: usize = 64 * 1024 * 1024;

/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// The most that is reserved on the word of a Content-Length alone, in bytes.
const RESERVE: usize = 1024 * 1024;

/// Reads a body.
///
/// # Errors
/// 413 over the limit, 408 without progress, 400 when the connection breaks or the coding is wrong.
pub(crate) async fn read(
    mut body: Incoming,
    headers: &HeaderMap,
    settings: &HttpSettings,
) -> Result<Bytes, Failure> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > settings.max_body {
        pass_over(body, headers).await;
        return Err(too_large(settings.max_body));
    }
    let mut read = Buffer::Empty;
    while let Some(next) = next(&mut body, settings.body_progress).await? {
        if read.len().saturating_add(next.len()) > settings.max_body {
            drain(&mut body).await;
            return Err(too_large(settings.max_body));
        }
        read = read.plus(next, announced.min(RESERVE));
    }
    decode::decoded(read.freeze(), Coding::of(headers)?, settings.max_body).await
}

/// One buffer, copied only when there are several pieces.
enum Buffer {
    Empty,
    One(Bytes),
    Joined(BytesMut),
}

impl Buffer {
    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(bytes) => bytes.len(),
            Self::Joined(bytes) => bytes.len(),
        }
    }

    fn plus(self, next: Bytes, capacity: usize) -> Self {
        let mut joined = match self {
            Self::Empty => return Self::One(next),
            Self::One(first) => {
                let mut joined = BytesMut::with_capacity(capacity.max(first.len() + next.len()));
                joined.extend_from_slice(&first);
                joined
            }
            Self::Joined(joined) => joined,
        };
        joined.extend_from_slice(&next);
        Self::Joined(joined)
    }

    fn freeze(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Joined(bytes) => bytes.freeze(),
        }
    }
}

/// The next piece; trailers are passed over.
async fn next(body: &mut Incoming, progress: Duration) -> Result<Option<Bytes>, Failure> {
    loop {
        let frame = match tokio::time::timeout(progress, body.frame()).await {
            Err(_) => {
                let message = "the request body stopped arriving";
                return Err(Failure::new(FailureKind::Rejected(408), message));
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => {
                let message = "the request body could not be read to its end";
                return Err(Failure::new(FailureKind::BadRequest, message));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}

/// Reads a body that is not wanted, so that the client gets to read why.
///
/// A client that asked for leave to send it has sent nothing yet, and gets none.
pub(crate) async fn pass_over(mut body: Incoming, headers: &HeaderMap) {
    if !(body.is_end_stream() || headers.contains_key(EXPECT)) {
        drain(&mut body).await;
    }
}

/// Reads on without keeping anything.
async fn drain(body: &mut Incoming) {
    let rest = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > DRAIN {
                return;
            }
        }
    };
    // The refusal goes out in any case.
    let _ = tokio::time::timeout(DRAIN_TIME, rest).await;
}

fn too_large(limit: usize) -> Failure {
    let message =
        format!("the request body is larger than the limit of {limit} bytes (--max-body)");
    Failure::new(FailureKind::TooLarge, message)
}
