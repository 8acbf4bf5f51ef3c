//! Server-sent events, decoded by the WHATWG rules from bytes cut anywhere.

mod line;

use bytes::{Bytes, BytesMut};

use line::Line;

/// One dispatched event: its `data`, with several lines joined by a line feed.
///
/// The data is always UTF-8 (bytes that are not become U+FFFD). The `event` name is not kept: on
/// this protocol the `type` inside the data decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    data: Bytes,
}

impl Frame {
    /// Makes a frame of `data`, mending what is not UTF-8.
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

    /// The same event in memory of its own. A frame is mostly a slice of what was read together
    /// with it, all of which it keeps.
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

/// A decoder without IO: bytes go in as they arrive, whole events come out.
///
/// Data that lies within one pushed buffer is sliced, not copied. An event without its closing
/// blank line is never given out, as the standard demands.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    input: Bytes,
    /// How much of `input` has been read.
    at: usize,
    /// The part of a line that earlier buffers held.
    line: BytesMut,
    data: Data,
    first_line: bool,
    /// The last line ended in a CR, so a LF that follows belongs to it.
    after_cr: bool,
}

/// What an event's `data` lines have given so far.
#[derive(Debug)]
enum Data {
    Absent,
    One(Bytes),
    Joined(BytesMut),
}

impl Decoder {
    /// Makes a decoder that refuses events over `limit` bytes, counted as the data so far and the
    /// line at hand with its field's name.
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

    /// Gives the next whole event, or `None` until more bytes are pushed.
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

    /// Checks a line, finished or not, together with the event's data so far: the same sum for
    /// any cut of the bytes.
    fn within_limit(&self, line: usize) -> Result<(), FrameTooLarge> {
        if line.saturating_add(self.data.len()) > self.limit {
            return Err(FrameTooLarge { limit: self.limit });
        }
        Ok(())
    }
}

impl Data {
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

    /// The data of an event; an event without a `data` line is not dispatched.
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
