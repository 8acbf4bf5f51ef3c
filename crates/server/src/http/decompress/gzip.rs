//! A body of gzip members as a reader.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

/// The most members, which no client needs: each costs more than its bytes.
const MAX_MEMBERS: usize = 1_000;

/// Decodes member after member.
///
/// The decoder of several members that the library has does not count them.
pub(super) struct MembersReader<'b> {
    decoder: GzDecoder<&'b [u8]>,
    count: usize,
}

impl<'b> MembersReader<'b> {
    /// Begins with the first member.
    pub(super) fn new(body: &'b [u8]) -> Self {
        Self { decoder: GzDecoder::new(body), count: 1 }
    }
}

impl Read for MembersReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.decoder.read(buffer)?;
            let rest: &[u8] = self.decoder.get_ref();
            if read > 0 || buffer.is_empty() || rest.is_empty() {
                return Ok(read);
            }
            self.count += 1;
            if self.count > MAX_MEMBERS {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "too many members"));
            }
            self.decoder = GzDecoder::new(rest);
        }
    }
}
