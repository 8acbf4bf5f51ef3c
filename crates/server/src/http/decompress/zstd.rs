//! A body of zstd frames as a reader.

use std::io::{self, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The largest window, in bytes: what RFC 8878 asks every decoder to have, and no more.
const WINDOW: u64 = 8 * 1024 * 1024;

/// The most frames, which no client needs: each costs more than its bytes.
const MAX_FRAMES: usize = 1_000;

/// Decodes frame after frame; skippable ones are skipped.
pub(super) struct FramesReader<'b> {
    rest: &'b [u8],
    decoder: FrameDecoder,
    count: usize,
}

impl<'b> FramesReader<'b> {
    /// Begins before the first frame.
    pub(super) fn new(body: &'b [u8]) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Self { rest: body, decoder, count: 0 }
    }

    fn begin(&mut self) -> io::Result<()> {
        self.count += 1;
        if self.count > MAX_FRAMES {
            return Err(invalid("too many frames"));
        }
        match self.decoder.reset(&mut self.rest) {
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let skipped = usize::try_from(length).ok();
                let rest = skipped.and_then(|length| self.rest.split_at_checked(length));
                self.rest = rest.ok_or_else(|| invalid("a frame is cut short"))?.1;
                Ok(())
            }
            begun => begun.map_err(invalid),
        }
    }

    /// Compares the sums of a frame that has been read to its end.
    fn check(&self) -> io::Result<()> {
        match self.decoder.get_checksum_from_data() {
            Some(sum) if self.decoder.get_calculated_checksum() != Some(sum) => {
                Err(invalid("a checksum does not match"))
            }
            _ => Ok(()),
        }
    }
}

impl Read for FramesReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.decoder.can_collect() > 0 || buffer.is_empty() {
                return self.decoder.read(buffer);
            }
            if self.decoder.is_finished() {
                self.check()?;
                if self.rest.is_empty() {
                    return Ok(0);
                }
                self.begin()?;
            } else {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.rest, one).map_err(invalid)?;
            }
        }
    }
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
