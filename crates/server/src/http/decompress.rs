//! Content codings of request bodies: gzip, zstd and deflate, decoded within the limit of size.

mod deflate;
mod gzip;
mod zstd;

use std::io::{self, Read};

use chatmock_translate::{Failure, FailureKind};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::http::memory_budget::{HeldBody, Reservation};

/// The most that is decoded before the whole length is known, in bytes. A larger body is decoded
/// twice: first to count, so that one which is refused never takes the memory.
const UNCOUNTED: usize = 4 * 1024 * 1024;

/// The coding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    /// Not at all.
    Identity,
    /// RFC 1952, of one or more members.
    Gzip,
    /// RFC 8878, of one or more frames.
    Zstd,
    /// RFC 1951, in the frame of RFC 1950 or without one.
    Deflate,
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
            None if is(&["deflate"]) => Ok(Self::Deflate),
            _ => {
                let message = "the body's content coding is not understood: send it uncompressed, \
                               or in one of gzip, zstd and deflate";
                Err(Failure::new(FailureKind::Rejected(415), message))
            }
        }
    }

    /// The coding of a body whose headers name none: proxies lose the header and leave the body as it is.
    ///
    /// No JSON text begins like a coded one.
    fn of_first_bytes(body: &[u8]) -> Self {
        match body {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0x78, ..] if deflate::is_zlib(body) => Self::Deflate,
            _ => Self::Identity,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        }
    }

    fn reader<'b>(self, body: &'b [u8]) -> Box<dyn Read + 'b> {
        match self {
            Self::Identity => Box::new(body),
            Self::Gzip => Box::new(gzip::MembersReader::new(body)),
            Self::Zstd => Box::new(zstd::FramesReader::new(body)),
            Self::Deflate => Box::new(deflate::StreamReader::new(body)),
        }
    }
}

/// Decodes bodies within a size and a budget.
pub(crate) struct Decoder {
    /// The most bytes that may come out.
    pub(crate) limit: usize,
}

impl Decoder {
    /// Decodes a body; its output is reserved in the memory budget as its input was.
    ///
    /// It runs on a blocking thread: the largest body takes a good part of a second.
    ///
    /// # Errors
    /// 413 when more than the limit comes out, 400 when the body is cut short or not of the coding,
    /// 503 when all bodies together are too large.
    pub(crate) async fn decode(
        &self,
        body: HeldBody,
        coding: ContentCoding,
    ) -> Result<HeldBody, Failure> {
        let coding = match coding {
            ContentCoding::Identity => ContentCoding::of_first_bytes(&body.bytes),
            named => named,
        };
        if coding == ContentCoding::Identity {
            return Ok(body);
        }
        let limit = self.limit;
        let mut decoded = body.reservation.another();
        let permit = body.reservation.decoder_permit().await;
        let decoding = tokio::task::spawn_blocking(move || {
            // Both last as long as the work, also when nobody waits for it any more.
            let _held = (body.reservation, permit);
            let bytes = decode(&body.bytes, coding, limit, &mut decoded)?;
            Ok(HeldBody { bytes: bytes.into(), reservation: decoded })
        });
        match decoding.await {
            Ok(decoded) => decoded.map_err(|error: DecodeError| error.into_failure(coding, limit)),
            Err(_) => Err(broken(coding, "the decoder broke off")),
        }
    }
}

impl DecodeError {
    fn into_failure(self, coding: ContentCoding, limit: usize) -> Failure {
        match self {
            Self::TooLarge => {
                let message = format!(
                    "the request body, decoded, is larger than the limit of {limit} bytes (--max-body)"
                );
                Failure::new(FailureKind::TooLarge, message)
            }
            Self::Broken(error) => broken(coding, &error.to_string()),
            Self::NoRoom(failure) => failure,
        }
    }
}

fn broken(coding: ContentCoding, why: &str) -> Failure {
    let message = format!("the request body cannot be decoded as {}: {why}", coding.name());
    Failure::new(FailureKind::BadRequest, message)
}

fn decode(
    body: &[u8],
    coding: ContentCoding,
    limit: usize,
    reservation: &mut Reservation,
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
