//! The encoding of a request body: none, or zstd.

use std::io::Read;

use bytes::Bytes;
use ruzstd::decoding::StreamingDecoder;

/// Decodes a zstd frame. Returns nothing for other data, or if the result exceeds `most` bytes.
pub(crate) fn decode_zstd(body: &[u8], most: usize) -> Option<Bytes> {
    let decoder = StreamingDecoder::new(body).ok()?;
    let mut decoded = Vec::new();
    // Reading one byte more than allowed shows whether there is too much.
    decoder.take(most as u64 + 1).read_to_end(&mut decoded).ok()?;
    (decoded.len() <= most).then(|| decoded.into())
}
