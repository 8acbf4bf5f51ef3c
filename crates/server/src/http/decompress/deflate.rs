//! A body of one deflate stream as a reader.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

/// Decodes a stream, which RFC 9110 wants in the frame of zlib and some clients send without.
///
/// The library's own readers take a stream that is cut short for a whole one.
pub(super) struct StreamReader<'b> {
    rest: &'b [u8],
    inflater: Decompress,
    ended: bool,
}

impl<'b> StreamReader<'b> {
    /// Begins with the stream's first byte.
    pub(super) fn new(body: &'b [u8]) -> Self {
        Self { rest: body, inflater: Decompress::new(is_zlib(body)), ended: false }
    }
}

/// Returns whether bytes begin with the head of zlib's frame (RFC 1950): its method, and a sum over both bytes.
pub(super) fn is_zlib(body: &[u8]) -> bool {
    let [method, flags, ..] = *body else { return false };
    method & 0x0f == 8 && u16::from_be_bytes([method, flags]) % 31 == 0
}

impl Read for StreamReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let invalid = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        while !(self.ended || buffer.is_empty()) {
            let (read, written) = (self.inflater.total_in(), self.inflater.total_out());
            let status = self.inflater.decompress(self.rest, buffer, FlushDecompress::None)?;
            let read = (self.inflater.total_in() - read) as usize;
            let written = (self.inflater.total_out() - written) as usize;
            self.rest = self.rest.get(read..).unwrap_or_default();
            self.ended = status == Status::StreamEnd;
            if self.ended && !self.rest.is_empty() {
                return Err(invalid("bytes follow its end"));
            }
            if written > 0 {
                return Ok(written);
            }
            if !self.ended && read == 0 {
                return Err(invalid("it is cut short"));
            }
        }
        Ok(0)
    }
}
