//! The coding of a request body: plain, or zstd.

use std::io::Read;

use bytes::Bytes;
use ruzstd::decoding::StreamingDecoder;

/// The body of a zstd frame; none when it is no frame, or decodes to more than `most` bytes.
pub(crate) fn decode_zstd(body: &[u8], most: usize) -> Option<Bytes> {
    let decoder = StreamingDecoder::new(body).ok()?;
    let mut decoded = Vec::new();
    // One byte more than allowed tells that there is too much.
    decoder.take(most as u64 + 1).read_to_end(&mut decoded).ok()?;
    (decoded.len() <= most).then(|| decoded.into())
}
