//! Lines of a stream, and the one field of theirs that counts.

use std::ops::Range;

use bytes::Bytes;

/// A line without its end: a place in the input, or joined of several inputs.
pub(super) enum Line {
    Within(Range<usize>),
    Joined(Bytes),
}

impl Line {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Within(range) => range.len(),
            Self::Joined(bytes) => bytes.len(),
        }
    }

    /// The line without a byte order mark before it.
    pub(super) fn without_mark(self, input: &[u8]) -> Self {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        match self {
            Self::Within(range)
                if input.get(range.clone()).is_some_and(|l| l.starts_with(MARK)) =>
            {
                Self::Within(range.start + MARK.len()..range.end)
            }
            Self::Joined(bytes) if bytes.starts_with(MARK) => {
                Self::Joined(bytes.slice(MARK.len()..))
            }
            line => line,
        }
    }
}

/// How long the line is that begins `rest`, if its end is there.
pub(super) fn length(rest: &[u8]) -> Option<usize> {
    match rest {
        // An event's last line, for which a search does not pay.
        [b'\n', ..] => Some(0),
        _ => memchr::memchr2(b'\n', b'\r', rest),
    }
}

/// Where the value of a `data` field begins; comments and other fields have none.
pub(super) fn data_value(line: &[u8]) -> Option<usize> {
    match line.strip_prefix(b"data")? {
        [] => Some(4),
        [b':', b' ', ..] => Some(6),
        [b':', ..] => Some(5),
        _ => None,
    }
}
