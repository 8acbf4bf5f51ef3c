//! Lines of a stream, and the one field that is read: `data`.

use std::ops::Range;

use bytes::Bytes;

/// A line without its line break: a range of the input, or joined from several inputs.
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

    /// Removes a byte order mark at the beginning.
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

/// The length of the line at the beginning of `rest`, if its end has arrived.
pub(super) fn length(rest: &[u8]) -> Option<usize> {
    match rest {
        // The blank line after an event, for which setting up a search is not worth it.
        [b'\n', ..] => Some(0),
        _ => memchr::memchr2(b'\n', b'\r', rest),
    }
}

/// The position at which the value of a `data` field begins; `None` for comments and other fields.
pub(super) fn data_value(line: &[u8]) -> Option<usize> {
    match line.strip_prefix(b"data")? {
        [] => Some(4),
        [b':', b' ', ..] => Some(6),
        [b':', ..] => Some(5),
        _ => None,
    }
}
