//! The output of encoders: messages, delimited as the turn's connection wants them.
//!
//! Every encoder of a turn writes into one buffer, and whoever sends the answer takes all of it at
//! once, so that events which arrived together leave in one write. The buffer owns the framing, and
//! an encoder only says where a message begins and ends: the same encoder then serves an event
//! stream, a stream of lines and a WebSocket. The alternative, a type parameter on every encoder,
//! would compile each dialect three times for the sake of one predictable branch a message.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::Serialize;

use crate::delta::Piece;

/// The way in which the messages of a stream are delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    #[default]
    Sse,
    /// One JSON value a line.
    Ndjson,
    /// Nothing but the JSON of each message, taken one by one with [`Frames::take_message`]: for
    /// transports that delimit messages themselves, such as a WebSocket.
    Message,
}

/// The output of encoders, with the time of the event that they encode.
#[derive(Debug, Default)]
pub struct Out {
    /// The messages so far.
    pub frames: Frames,
    /// The time since the request arrived.
    pub at: Duration,
}

impl Out {
    /// Makes an empty output.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        Self { frames: Frames::new(framing), at: Duration::ZERO }
    }
}

/// Bytes on their way to the client.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: BytesMut,
    framing: Framing,
    /// Lengths of the messages that wait, kept under [`Framing::Message`] alone.
    lengths: VecDeque<usize>,
    /// The sum of the lengths.
    counted: usize,
}

impl Frames {
    /// Makes an empty buffer.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        Self { framing, ..Self::default() }
    }

    /// Returns the framing.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Appends a message whose JSON is written already; only event streams show the name.
    pub fn message(&mut self, name: Option<&str>, json: &[u8]) {
        self.bytes.reserve(json.len() + 64);
        match self.framing {
            Framing::Sse => self.event(name, json),
            Framing::Ndjson => {
                // Outside of strings a line end is white space, and in strings JSON has none.
                let start = self.bytes.len();
                self.bytes.extend_from_slice(json);
                let line = self.bytes.get_mut(start..).unwrap_or_default();
                line.iter_mut()
                    .filter(|byte| matches!(byte, b'\n' | b'\r'))
                    .for_each(|b| *b = b' ');
                self.text("\n");
            }
            Framing::Message => {
                self.bytes.extend_from_slice(json);
                self.count_message();
            }
        }
    }

    /// Appends a message that holds `value`; only event streams show the name.
    pub(crate) fn message_json<T: Serialize + ?Sized>(&mut self, name: Option<&str>, value: &T) {
        self.begin_message(name);
        self.json(value);
        self.end_message();
    }

    /// Appends the marker with which OpenAI's event streams end; the other framings have none, since
    /// it is no JSON.
    pub fn done(&mut self) {
        if self.framing == Framing::Sse {
            self.text("data: [DONE]\n\n");
        }
    }

    /// Appends a comment, which clients skip, and returns whether the framing has comments.
    pub fn comment(&mut self, comment: &str) -> bool {
        let has_comments = self.framing == Framing::Sse;
        if has_comments {
            self.text(": ");
            self.text(comment);
            self.text("\n\n");
        }
        has_comments
    }

    /// Takes everything that has been written, if anything.
    pub fn take(&mut self) -> Option<Bytes> {
        self.lengths.clear();
        self.counted = 0;
        (!self.bytes.is_empty()).then(|| self.bytes.split().freeze())
    }

    /// Takes the first message that waits, under [`Framing::Message`].
    pub fn take_message(&mut self) -> Option<Bytes> {
        let length = self.lengths.pop_front()?;
        self.counted -= length;
        Some(self.bytes.split_to(length).freeze())
    }

    /// Returns the number of bytes that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Begins a message that is written piece by piece.
    pub(crate) fn begin_message(&mut self, name: Option<&str>) {
        if self.framing == Framing::Sse {
            if let Some(name) = name {
                self.text("event: ");
                self.text(name);
                self.text("\n");
            }
            self.text("data: ");
        }
    }

    /// Ends a message that was written piece by piece.
    pub(crate) fn end_message(&mut self) {
        match self.framing {
            Framing::Sse => self.text("\n\n"),
            Framing::Ndjson => self.text("\n"),
            Framing::Message => self.count_message(),
        }
    }

    /// Notes that a message ends here, for [`Self::take_message`]. Only the framing without
    /// delimiters needs it, so that a delta in the others costs one comparison.
    pub(crate) fn count_message(&mut self) {
        if self.framing == Framing::Message {
            self.lengths.push_back(self.bytes.len() - self.counted);
            self.counted = self.bytes.len();
        }
    }

    /// Appends text as it is.
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Appends `value` as JSON.
    pub(crate) fn json<T: Serialize + ?Sized>(&mut self, value: &T) {
        // Writing to memory fails only where a `Serialize` fails by itself; none of ours does.
        let _ = serde_json::to_writer(self, value);
    }

    /// Appends a JSON string, in the escapes in which it came or in such as it needs.
    pub(crate) fn string(&mut self, piece: Piece<'_>) {
        let Some(raw) = piece.raw() else { return self.json(piece.text()) };
        self.text("\"");
        self.text(raw);
        self.text("\"");
    }

    /// Returns what waits, where all of it is text.
    pub(crate) fn as_text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    /// Appends a server-sent event; each line of `data` becomes a `data` line.
    fn event(&mut self, name: Option<&str>, data: &[u8]) {
        // A name with a line end in it would be a field of its own; the data has it anyway.
        let has_line_end = |name: &str| memchr::memchr2(b'\r', b'\n', name.as_bytes()).is_some();
        let mut field = "data: ";
        if let Some(name) = name.filter(|name| !name.is_empty() && !has_line_end(name)) {
            self.text("event: ");
            self.text(name);
            field = "\ndata: ";
        }
        let mut rest = data;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at_checked(end + 1).unwrap_or((rest, b""));
            self.text(field);
            self.bytes.extend_from_slice(line);
            (field, rest) = ("data: ", after);
        }
        self.text(field);
        self.bytes.extend_from_slice(rest);
        self.text("\n\n");
    }
}

impl io::Write for Frames {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written under a framing by a value, JSON of two lines and a template's pieces.
    fn written(framing: Framing) -> Frames {
        let mut frames = Frames::new(framing);
        frames.message_json(Some("one"), &serde_json::json!({"a": 1}));
        frames.message(Some("two"), b"{\"b\":\n2}");
        frames.begin_message(None);
        frames.text("[");
        frames.string("c".into());
        frames.text("]");
        frames.end_message();
        frames
    }

    fn taken(mut frames: Frames) -> String {
        String::from_utf8(frames.take().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn an_event_has_its_name_and_a_field_for_each_line() {
        let expected = "event: one\ndata: {\"a\":1}\n\n\
            event: two\ndata: {\"b\":\ndata: 2}\n\ndata: [\"c\"]\n\n";
        assert_eq!(taken(written(Framing::Sse)), expected);
    }

    #[test]
    fn a_line_holds_the_whole_message() {
        assert_eq!(taken(written(Framing::Ndjson)), "{\"a\":1}\n{\"b\": 2}\n[\"c\"]\n");
    }

    #[test]
    fn messages_are_taken_one_by_one_without_delimiters() {
        let mut frames = written(Framing::Message);
        let taken: Vec<Bytes> = std::iter::from_fn(|| frames.take_message()).collect();
        assert_eq!(taken, ["{\"a\":1}", "{\"b\":\n2}", "[\"c\"]"]);
        assert!(frames.is_empty());
        frames.message(None, b"{}");
        assert_eq!(frames.take_message().unwrap(), "{}");
        frames.message(None, b"{}");
        assert_eq!((frames.take().unwrap(), frames.take_message()), (Bytes::from("{}"), None));
    }

    #[test]
    fn only_an_event_stream_has_comments_and_an_end_marker() {
        for framing in [Framing::Sse, Framing::Ndjson, Framing::Message] {
            let mut frames = Frames::new(framing);
            frames.done();
            let commented = frames.comment("alive");
            let expected: &[u8] = match framing {
                Framing::Sse => b"data: [DONE]\n\n: alive\n\n",
                Framing::Ndjson | Framing::Message => b"",
            };
            assert_eq!((commented, &*frames.bytes), (!expected.is_empty(), expected));
        }
    }

    #[test]
    fn a_name_with_a_line_end_is_left_out() {
        let mut frames = Frames::new(Framing::Sse);
        frames.message(Some("a\nid: 1"), b"{}");
        assert_eq!(taken(frames), "data: {}\n\n");
    }
}
