//! The end of a request on the wire: whether bytes of a next one came with it.

/// The end of a head, and of a chunked body.
const BLANK_LINE: u32 = u32::from_be_bytes(*b"\r\n\r\n");

/// The bytes of one request, as far as they came.
///
/// Hyper reads as much as arrives and says of nothing how long it was. So the beginning of a next head that came in
/// one piece with a request would be an idle connection to us, and have the long time of one. This follows the
/// bytes closely enough to notice it: where a head ends, how many bytes came after it, and the last few.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RequestBytes {
    /// The last eight bytes.
    last: u64,
    /// The bytes after the head, once its end has been seen.
    after_head: Option<u64>,
}

/// The length of a request's body on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// So many bytes.
    Exact(u64),
    /// It comes in chunks.
    Chunked,
}

impl RequestBytes {
    /// Notes bytes that arrived, for a head or for what follows it.
    pub(super) fn arrived(&mut self, bytes: &[u8], is_head: bool) {
        match &mut self.after_head {
            Some(after) => *after += bytes.len() as u64,
            None if is_head => {
                let end = self.end_of_head(bytes);
                self.after_head = end.map(|end| (bytes.len() - end) as u64);
            }
            // The head came together with the request before it.
            None => {}
        }
        let tail = &bytes[bytes.len().saturating_sub(8)..];
        self.last = tail.iter().fold(self.last, |last, byte| last << 8 | u64::from(*byte));
    }

    /// Begins the next request, whose first bytes may be among those that came.
    pub(super) fn next(&mut self) {
        self.after_head = None;
    }

    /// Returns where in `bytes` the head ends.
    fn end_of_head(&self, bytes: &[u8]) -> Option<usize> {
        let mut last = self.last as u32;
        let mut ends = bytes.iter().map(|byte| {
            last = last << 8 | u32::from(*byte);
            last == BLANK_LINE
        });
        ends.position(|ends| ends).map(|last| last + 1)
    }

    /// Returns whether bytes came beyond a request with such a body; where that cannot be known, they are taken to have come,
    /// which only costs such a client a longer time between two requests.
    pub(super) fn exceed(&self, body: BodyLength) -> bool {
        let blank_line = self.last as u32 == BLANK_LINE;
        match (body, self.after_head) {
            (BodyLength::Exact(length), Some(after)) => after != length,
            // The request came together with the one before it.
            (BodyLength::Exact(0), None) => !blank_line || (self.last >> 16) as u32 == BLANK_LINE,
            (BodyLength::Exact(_), None) => true,
            (BodyLength::Chunked, _) => !blank_line || (self.last >> 32) as u8 != b'0',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\n\r\n";

    /// Whether bytes exceed a request, in whichever pieces they come.
    fn exceed(bytes: &[u8], body: BodyLength) -> bool {
        let mut outcomes = Vec::new();
        for cut in 0..=bytes.len() {
            let mut request = RequestBytes::default();
            request.arrived(&bytes[..cut], true);
            request.arrived(&bytes[cut..], true);
            outcomes.push(request.exceed(body));
        }
        outcomes.dedup();
        assert_eq!(outcomes.len(), 1, "{:?}", String::from_utf8_lossy(bytes));
        outcomes[0]
    }

    #[test]
    fn a_request_alone_is_told_from_one_with_the_beginning_of_a_next() {
        let chunked = b"2\r\nab\r\n0\r\n\r\n";
        for (body, length) in [
            (&b""[..], BodyLength::Exact(0)),
            (b"hello", BodyLength::Exact(5)),
            (b"a\r\n\r\nb\r\n\r\n", BodyLength::Exact(10)),
            (chunked, BodyLength::Chunked),
        ] {
            assert!(!exceed(&[HEAD, body].concat(), length), "{length:?}");
            for next in [&b"G"[..], b"\r\n", b"GET / HTTP/1.1\r\nhost: lo"] {
                assert!(exceed(&[HEAD, body, next].concat(), length), "{length:?} {next:?}");
            }
        }
    }

    #[test]
    fn requests_behind_the_first_of_one_piece_are_known_by_their_ends() {
        for (more, begun) in [(&b""[..], false), (b"GET / HT", true), (b"\r\n", true)] {
            let mut request = RequestBytes::default();
            request.arrived(&[HEAD, HEAD, more].concat(), true);
            assert!(request.exceed(BodyLength::Exact(0)), "the second is there");
            request.next();
            assert_eq!(request.exceed(BodyLength::Exact(0)), begun, "{more:?}");
            assert!(request.exceed(BodyLength::Exact(3)), "not knowable");
        }
    }
}
