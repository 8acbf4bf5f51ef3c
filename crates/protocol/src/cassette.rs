//! Cassettes: one call of a backend and its answer, to be played again.
//!
//! A cassette is a file of JSON that people can read and keep in a repository. It has no secret in it: whoever records
//! hands in the secrets, which are replaced by stand-ins wherever they are, and ids of accounts and conversations are
//! replaced by name. What is asked of a cassette is here too, so that a recorder, a server and a simulator agree: which
//! requests are the same, and where two of them first differ.

mod difference;
mod hiding;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use difference::first_difference;
pub use hiding::{Hiding, TextForm};

/// The version of the format.
const VERSION: u32 = 1;

/// One call and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cassette {
    /// The version of the format, which is 1.
    #[serde(rename = "cassette")]
    version: u32,
    /// The form of the texts in it.
    texts: TextForm,
    /// The request.
    pub request: TapedRequest,
    /// The answer.
    pub answer: TapedAnswer,
}

/// A recorded request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TapedRequest {
    /// The method.
    pub method: String,
    /// The path, without the host.
    pub path: String,
    /// The headers, in order of name.
    pub headers: Vec<(String, String)>,
    /// The body in its canonical form: see [`Hiding::canonical`].
    pub body: Value,
}

/// A recorded answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TapedAnswer {
    /// The status.
    pub status: u16,
    /// The headers that a client reads, in order of name.
    pub headers: Vec<(String, String)>,
    /// True if the connection broke after the last piece.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// The body in pieces that end with an event, where it has events.
    pub pieces: Vec<Piece>,
}

/// A piece of a recorded body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The milliseconds from the request to its last byte.
    pub ms: u64,
    /// The bytes, as text or as numbers.
    #[serde(flatten)]
    pub data: PieceData,
}

/// The bytes of a piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PieceData {
    /// Bytes that are UTF-8.
    Text(String),
    /// Other bytes.
    Bytes(Vec<u8>),
}

impl PieceData {
    fn of(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }

    /// The bytes themselves.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// Why a file is no cassette.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CassetteError {
    /// It is not JSON of that shape; the text says where.
    Malformed(String),
    /// It has another version of the format.
    Version(u32),
}

impl std::fmt::Display for CassetteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "not a cassette: {why}"),
            Self::Version(version) => {
                write!(f, "a cassette of version {version}; this program reads version {VERSION}")
            }
        }
    }
}

impl std::error::Error for CassetteError {}

impl Cassette {
    /// Makes a cassette of what went over the wire, with everything hidden that has to be.
    #[must_use]
    pub fn new(hiding: &Hiding<'_>, request: TapedRequest, answer: TapedAnswer) -> Self {
        let texts = hiding.form();
        Self {
            version: VERSION,
            texts,
            request: hiding.request(request),
            answer: hiding.answer(answer),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is no cassette of this version.
    pub fn read(file: &[u8]) -> Result<Self, CassetteError> {
        let malformed = |error: serde_json::Error| CassetteError::Malformed(error.to_string());
        let cassette: Self = serde_json::from_slice(file).map_err(malformed)?;
        match cassette.version {
            VERSION => Ok(cassette),
            other => Err(CassetteError::Version(other)),
        }
    }

    /// Writes the file.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut file = serde_json::to_vec_pretty(self).unwrap_or_default();
        file.push(b'\n');
        file
    }

    /// Returns the canonical form of a request as this cassette has it, to be compared with its own; `None` where that is
    /// no JSON.
    #[must_use]
    pub fn canonical(&self, body: &[u8]) -> Option<Value> {
        Hiding::new(self.texts).canonical(body)
    }
}

/// Joins chunks of a body to pieces that end with an event; a piece has the time of its last byte.
#[must_use]
pub fn pieces<'c>(chunks: impl IntoIterator<Item = (u64, &'c [u8])>) -> Vec<Piece> {
    let (mut pieces, mut open, mut last) = (Vec::new(), Vec::new(), 0);
    for (ms, chunk) in chunks {
        last = ms;
        for line in chunk.split_inclusive(|byte| *byte == b'\n') {
            open.extend_from_slice(line);
            if ends_event(&open) {
                pieces.push(Piece { ms, data: PieceData::of(std::mem::take(&mut open)) });
            }
        }
    }
    if !open.is_empty() {
        pieces.push(Piece { ms: last, data: PieceData::of(open) });
    }
    pieces
}

fn ends_event(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\n\n") || bytes.ends_with(b"\n\r\n")
}

#[cfg(test)]
mod tests;
