//! Server-sent events, decoded by the WHATWG rules from bytes that may be cut anywhere.
//!
//! The decoder does no IO: bytes are pushed, frames are taken. So the same code serves a socket, a
//! test that cuts the bytes at every position, and a fuzz target, and the result does not depend on
//! the cuts. Data within one pushed buffer is sliced and not copied, since that is the usual case
//! and a stream has thousands of frames; the price is that a frame keeps the whole buffer alive,
//! which [`Frame::detached`] avoids.

mod line;

use bytes::{Bytes, BytesMut};

use line::Line;

/// One dispatched event: its `data`, with several lines joined by a line feed.
///
/// The data is always UTF-8 (invalid bytes become U+FFFD). The `event` name is dropped: in this
/// protocol, the `type` inside the data decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    data: Bytes,
}

impl Frame {
    /// Makes a frame of `data`, replacing bytes that are not UTF-8.
    #[must_use]
    pub fn new(data: Bytes) -> Self {
        match std::str::from_utf8(&data) {
            Ok(_) => Self { data },
            Err(_) => Self { data: Bytes::from(String::from_utf8_lossy(&data).into_owned()) },
        }
    }

    /// The event's data, always UTF-8.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Copies the frame into memory of its own. A frame is usually a slice of the buffer with which
    /// it was received, and keeps all of that alive; a frame that is held for long should not.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self { data: Bytes::copy_from_slice(&self.data) }
    }

    /// The event's data as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.data).unwrap_or_default()
    }
}

/// An event is larger than the decoder's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTooLarge {
    /// The limit, in bytes.
    pub limit: usize,
}

impl std::fmt::Display for FrameTooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an event is larger than {} bytes", self.limit)
    }
}

impl std::error::Error for FrameTooLarge {}

/// A decoder without IO: takes bytes as they arrive and returns whole events.
///
/// An event without its closing blank line is never returned, as the standard demands.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    input: Bytes,
    /// The position in `input` up to which it has been decoded.
    at: usize,
    /// The beginning of the current line, from earlier buffers.
    line: BytesMut,
    data: Data,
    first_line: bool,
    /// True if the last line ended in a CR, so that a LF which follows belongs to it.
    after_cr: bool,
}

/// The `data` lines of the current event so far.
#[derive(Debug)]
enum Data {
    Absent,
    One(Bytes),
    Joined(BytesMut),
}

impl Decoder {
    /// Makes a decoder that refuses events of more than `limit` bytes: the data so far and the
    /// current line including its field name.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            input: Bytes::new(),
            at: 0,
            line: BytesMut::new(),
            data: Data::Absent,
            first_line: true,
            after_cr: false,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: Bytes) {
        let rest = self.input.get(self.at..).unwrap_or_default();
        self.input = if rest.is_empty() {
            bytes
        } else {
            let mut joined = BytesMut::with_capacity(rest.len() + bytes.len());
            joined.extend_from_slice(rest);
            joined.extend_from_slice(&bytes);
            joined.freeze()
        };
        self.at = 0;
    }

    /// Returns the next whole event, or `None` until more bytes are pushed.
    ///
    /// # Errors
    /// [`FrameTooLarge`] as soon as an unfinished event exceeds the limit.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameTooLarge> {
        while let Some(line) = self.next_line()? {
            let bytes = match &line {
                Line::Within(range) => self.input.get(range.clone()).unwrap_or_default(),
                Line::Joined(bytes) => bytes,
            };
            if bytes.is_empty() {
                if let Some(data) = std::mem::replace(&mut self.data, Data::Absent).take() {
                    return Ok(Some(Frame::new(data)));
                }
            } else if let Some(start) = line::data_value(bytes) {
                self.data.append(match line {
                    Line::Within(range) => self.input.slice(range.start + start..range.end),
                    Line::Joined(bytes) => bytes.slice(start..),
                });
            }
        }
        Ok(None)
    }

    /// Returns the next whole line; keeps the beginning of an unfinished one.
    fn next_line(&mut self) -> Result<Option<Line>, FrameTooLarge> {
        let mut rest = self.input.get(self.at..).unwrap_or_default();
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            if let Some(after) = rest.strip_prefix(b"\n") {
                self.at += 1;
                rest = after;
            }
        }
        let Some(length) = line::length(rest) else {
            self.line.extend_from_slice(rest);
            (self.input, self.at) = (Bytes::new(), 0);
            self.within_limit(self.line.len())?;
            return Ok(None);
        };
        self.after_cr = rest.get(length) == Some(&b'\r');
        let range = self.at..self.at + length;
        self.at = range.end + 1;
        let line = if self.line.is_empty() {
            Line::Within(range)
        } else {
            self.line.extend_from_slice(rest.get(..length).unwrap_or_default());
            Line::Joined(self.line.split().freeze())
        };
        self.within_limit(line.len())?;
        let first = std::mem::take(&mut self.first_line);
        Ok(Some(if first { line.without_mark(&self.input) } else { line }))
    }

    /// Checks the length of a line, finished or not, plus the event's data so far. The sum is the
    /// same for any cut of the bytes, so whether an event is refused does not depend on the
    /// network.
    fn within_limit(&self, line: usize) -> Result<(), FrameTooLarge> {
        if line.saturating_add(self.data.len()) > self.limit {
            return Err(FrameTooLarge { limit: self.limit });
        }
        Ok(())
    }
}

impl Data {
    /// Adds a line, after a line feed if it is not the first.
    fn append(&mut self, value: Bytes) {
        *self = match std::mem::replace(self, Self::Absent) {
            Self::Absent => Self::One(value),
            Self::One(first) => {
                let mut joined = BytesMut::from(first);
                joined.extend_from_slice(b"\n");
                joined.extend_from_slice(&value);
                Self::Joined(joined)
            }
            Self::Joined(mut joined) => {
                joined.extend_from_slice(b"\n");
                joined.extend_from_slice(&value);
                Self::Joined(joined)
            }
        };
    }

    fn len(&self) -> usize {
        match self {
            Self::Absent => 0,
            Self::One(bytes) => bytes.len(),
            Self::Joined(bytes) => bytes.len(),
        }
    }

    /// The data of the event; `None` for an event without a `data` line, which is not dispatched.
    fn take(self) -> Option<Bytes> {
        match self {
            Self::Absent => None,
            Self::One(bytes) => Some(bytes),
            Self::Joined(bytes) => Some(bytes.freeze()),
        }
    }
}

#[cfg(test)]
mod tests;
