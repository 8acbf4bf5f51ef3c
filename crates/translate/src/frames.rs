//! The output buffer: encoders write into it, the body takes it as one piece.

use std::io;

use bytes::{Bytes, BytesMut};
use serde::Serialize;

use crate::delta::Piece;

/// How a stream's messages are delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// One JSON object a line.
    Ndjson,
}

/// Bytes on their way to the client.
#[derive(Debug, Default)]
pub struct Frames(BytesMut);

impl Frames {
    /// Appends text as it is.
    pub fn text(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Appends `value` as JSON.
    pub fn json<T: Serialize + ?Sized>(&mut self, value: &T) {
        // Writing to memory fails only where a `Serialize` fails by itself; none of ours does.
        let _ = serde_json::to_writer(self, value);
    }

    /// Appends a JSON string, in the escapes in which it came or in such as it needs.
    pub fn string(&mut self, piece: Piece<'_>) {
        let Some(raw) = piece.raw() else { return self.json(piece.text()) };
        self.text("\"");
        self.text(raw);
        self.text("\"");
    }

    /// Appends a server-sent event; each line of `data` becomes a `data` line.
    pub fn event(&mut self, name: Option<&str>, data: &[u8]) {
        // A name with a line end in it would be a field of its own; the data says it anyway.
        let ends = |name: &str| memchr::memchr2(b'\r', b'\n', name.as_bytes()).is_some();
        let fits = |name: &&str| !name.is_empty() && !ends(name);
        self.0.reserve(data.len() + 64);
        let mut field = "data: ";
        if let Some(name) = name.filter(fits) {
            self.text("event: ");
            self.text(name);
            field = "\ndata: ";
        }
        let mut rest = data;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at_checked(end + 1).unwrap_or((rest, b""));
            self.text(field);
            self.0.extend_from_slice(line);
            (field, rest) = ("data: ", after);
        }
        self.text(field);
        self.0.extend_from_slice(rest);
        self.text("\n\n");
    }

    /// Appends a server-sent event that holds `value`.
    pub fn event_json<T: Serialize + ?Sized>(&mut self, name: Option<&str>, value: &T) {
        if let Some(name) = name {
            self.text("event: ");
            self.text(name);
            self.text("\n");
        }
        self.text("data: ");
        self.json(value);
        self.text("\n\n");
    }

    /// Takes what has been written, if anything.
    pub fn take(&mut self) -> Option<Bytes> {
        (!self.0.is_empty()).then(|| self.0.split().freeze())
    }

    /// What waits, where all of it is text.
    pub(crate) fn as_text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl io::Write for Frames {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
