//! Content codings of request bodies: gzip and zstd, decoded within the limit of size.

mod zstd;

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use chatmock_translate::{Failure, FailureKind};
use flate2::bufread::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::http::memory_budget::{MemoryBudget, Reservation};

/// The most that is decoded before the whole length is known, in bytes. A larger body is decoded
/// twice: first to count, so that one which is refused never takes the memory.
const UNCOUNTED: usize = 4 * 1024 * 1024;

/// How a body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    /// Not at all.
    Identity,
    /// RFC 1952, of one or more members.
    Gzip,
    /// RFC 8878, of one or more frames.
    Zstd,
}

/// Why a body was not decoded.
#[derive(Debug)]
enum DecodeError {
    TooLarge,
    Broken(io::Error),
    /// All bodies together are too large.
    NoRoom(Failure),
}

impl From<io::Error> for DecodeError {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl ContentCoding {
    /// The coding that the headers name.
    ///
    /// # Errors
    /// 415 for any other, and for several.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let coding = codings.next().map_or(&b""[..], |coding| coding.as_bytes());
        let is = |names: &[&str]| names.iter().any(|n| coding.eq_ignore_ascii_case(n.as_bytes()));
        match codings.next() {
            None if is(&["", "identity"]) => Ok(Self::Identity),
            None if is(&["gzip", "x-gzip"]) => Ok(Self::Gzip),
            None if is(&["zstd"]) => Ok(Self::Zstd),
            _ => {
                let message = "the body's content coding is not understood: send it uncompressed, \
                               or in one of gzip and zstd";
                Err(Failure::new(FailureKind::Rejected(415), message))
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn reader<'b>(self, body: &'b [u8]) -> Box<dyn Read + 'b> {
        match self {
            Self::Identity => Box::new(body),
            Self::Gzip => Box::new(MultiGzDecoder::new(body)),
            Self::Zstd => Box::new(zstd::FramesReader::new(body)),
        }
    }
}

/// Undoes a body's coding; what comes out is held as what went in was.
///
/// It runs apart from the connections: the largest body takes a good part of a second.
///
/// # Errors
/// 413 when more than `limit` bytes come out, 400 when the body is cut short or not of the coding,
/// 503 when all bodies together are too large.
pub(crate) async fn decoded(
    (body, reservation): (Bytes, Reservation),
    coding: ContentCoding,
    (budget, limit): (&Arc<MemoryBudget>, usize),
) -> Result<(Bytes, Reservation), Failure> {
    if coding == ContentCoding::Identity {
        return Ok((body, reservation));
    }
    let mut room = budget.reservation();
    let decoder = budget.decoder_permit().await;
    let decoding = tokio::task::spawn_blocking(move || {
        // Both last as long as the work, also when nobody waits for it any more.
        let _held = (reservation, decoder);
        decode(&body, coding, (limit, &mut room)).map(|decoded| (decoded.into(), room))
    });
    let broken = |why: String| {
        let message = format!("the request body cannot be decoded as {}: {why}", coding.name());
        Failure::new(FailureKind::BadRequest, message)
    };
    match decoding.await {
        Ok(Ok(decoded)) => Ok(decoded),
        Ok(Err(DecodeError::TooLarge)) => {
            let message = format!(
                "the request body, decoded, is larger than the limit of {limit} bytes (--max-body)"
            );
            Err(Failure::new(FailureKind::TooLarge, message))
        }
        Ok(Err(DecodeError::Broken(error))) => Err(broken(error.to_string())),
        Ok(Err(DecodeError::NoRoom(failure))) => Err(failure),
        Err(_) => Err(broken("the decoder broke off".to_owned())),
    }
}

fn decode(
    body: &[u8],
    coding: ContentCoding,
    (limit, reservation): (usize, &mut Reservation),
) -> Result<Vec<u8>, DecodeError> {
    let uncounted = limit.min(UNCOUNTED);
    let mut reader = coding.reader(body);
    let mut decoded = Vec::new();
    reader.by_ref().take(uncounted as u64 + 1).read_to_end(&mut decoded)?;
    if decoded.len() <= uncounted {
        reservation.grow(decoded.len()).map_err(DecodeError::NoRoom)?;
        return Ok(decoded);
    }
    drop(decoded);
    let left = limit - uncounted;
    let more = io::copy(&mut reader.take(left as u64), &mut io::sink())? as usize;
    if more == left {
        return Err(DecodeError::TooLarge);
    }
    reservation.grow(uncounted + 1 + more).map_err(DecodeError::NoRoom)?;
    let mut decoded = Vec::with_capacity(uncounted + 1 + more);
    coding.reader(body).read_to_end(&mut decoded)?;
    Ok(decoded)
}

#[cfg(test)]
mod tests;
