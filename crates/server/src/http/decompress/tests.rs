//! Tests of decoding: what comes out, and what is refused before it takes memory or time.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::HeaderValue;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;
use crate::http::api_keys::Caller;
use crate::http::memory_budget::MemoryBudget;

const MIB: usize = 1024 * 1024;

/// 872 bytes as `zstd -19 --check` writes them.
const WITH_CHECKSUM: &[u8] = b"\x28\xb5\x2f\xfd\x64\x68\x02\xd5\x01\x00\x52\x03\x0c\x11\xa0\xed\
    \xbc\xe9\xec\x2a\x52\xdc\xcb\xa9\xea\x3b\x9e\x93\xfa\xdf\x80\xf3\x1a\x97\x97\xb6\x52\xa2\x56\
    \x11\x6b\xa8\xcc\xfb\x71\xf7\x96\x3a\x07\xe7\x6e\x41\x04\xb7\xcc\xc7\xb9\x90\x4e\x97\x01\x01\
    \x00\x03\x13\xab\x09\x05\xf6\x12\xb8\xed";

/// The same as `zstd -3` writes them from a pipe, without their count.
const STREAMED: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58\xf5\x01\x00\x54\x03\x7b\x22\x6d\x6f\x64\x65\
    \x6c\x22\x3a\x22\x67\x70\x74\x2d\x36\x2d\x73\x6f\x6c\x22\x2c\x22\x69\x6e\x70\x75\x74\x22\x3a\
    \x22\x61\x6c\x6c\x20\x77\x6f\x72\x6b\x20\x61\x6e\x64\x20\x6e\x6f\x20\x70\x6c\x61\x79\x20\x22\
    \x7d\x01\x00\x03\x13\xab\x09\x05\xf6\x12\xb8\xed";

fn said() -> Vec<u8> {
    let text = "all work and no play ".repeat(40);
    format!(r#"{{"model":"gpt-6-sol","input":"{text}"}}"#).into_bytes()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A text in every coding that is understood.
fn coded(text: &[u8]) -> [(Vec<u8>, ContentCoding); 4] {
    [
        (gzip(text), ContentCoding::Gzip),
        (zstd(text), ContentCoding::Zstd),
        (zlib(text), ContentCoding::Deflate),
        (raw_deflate(text), ContentCoding::Deflate),
    ]
}

fn zstd(text: &[u8]) -> Vec<u8> {
    compress_to_vec(text, CompressionLevel::Fastest)
}

/// A zstd frame of `blocks` times 128 KiB of zeros, four bytes each; the window is
/// 2 to the power of `window`.
fn zeros(blocks: usize, window: u8) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, (window - 10) << 3];
    for block in 1..=blocks {
        let header = ((128 * 1024) << 3) | (1 << 1) | u32::from(block == blocks);
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// Gzip data that goes on and on: one flushed piece of a mebibyte of zeros, over and over.
fn gzip_zeros(mebibytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let head = 10;
    encoder.write_all(&vec![0; MIB]).unwrap();
    encoder.flush().unwrap();
    let piece = encoder.get_ref()[head..].to_vec();
    let mut bomb = encoder.get_ref()[..head].to_vec();
    bomb.extend(piece.repeat(mebibytes));
    bomb
}

fn budget(room: usize) -> Arc<MemoryBudget> {
    MemoryBudget::new(room, room)
}

/// Decodes with room for whatever comes out.
fn decode(body: &[u8], coding: ContentCoding, limit: usize) -> Result<Vec<u8>, DecodeError> {
    super::decode(body, coding, limit, &mut budget(usize::MAX).reservation(&Caller::default()))
}

/// Decodes with room for `room` bytes.
async fn within(room: usize, body: Vec<u8>, coding: ContentCoding) -> Result<Bytes, Failure> {
    let reservation = budget(room).reservation(&Caller::default());
    let body = HeldBody { bytes: body.into(), reservation };
    let decoder = Decoder { limit: MIB };
    decoder.decode(body, coding).await.map(|body| body.bytes)
}

fn broken(body: &[u8], coding: ContentCoding) -> bool {
    matches!(decode(body, coding, MIB), Err(DecodeError::Broken(_)))
}

fn too_large(body: &[u8], coding: ContentCoding, limit: usize) -> bool {
    matches!(decode(body, coding, limit), Err(DecodeError::TooLarge))
}

fn headers(codings: &[&'static str]) -> HeaderMap {
    let codings = codings.iter().map(|coding| HeaderValue::from_static(coding));
    codings.map(|coding| (CONTENT_ENCODING, coding)).collect()
}

#[test]
fn one_coding_is_understood_in_any_case_of_letters() {
    for (named, coding) in [
        (&[][..], ContentCoding::Identity),
        (&[""], ContentCoding::Identity),
        (&["Identity"], ContentCoding::Identity),
        (&["gzip"], ContentCoding::Gzip),
        (&["x-GZIP"], ContentCoding::Gzip),
        (&["ZSTD"], ContentCoding::Zstd),
        (&["Deflate"], ContentCoding::Deflate),
    ] {
        assert_eq!(ContentCoding::of(&headers(named)), Ok(coding), "{named:?}");
    }
}

#[test]
fn other_codings_and_several_are_refused() {
    for named in [
        &["br"][..],
        &["deflate, gzip"],
        &["gzip, gzip"],
        &["zstd,identity"],
        &["gzip", "gzip"],
        &["identity", "identity"],
    ] {
        let failure = ContentCoding::of(&headers(named)).unwrap_err();
        assert_eq!(failure.status(), 415, "{named:?}");
    }
}

#[test]
fn what_was_coded_comes_back() {
    let large: Vec<u8> = (0..9 * MIB).map(|n| (n / 7) as u8).collect();
    for text in [Vec::new(), b"{}".to_vec(), said(), large[..MIB].to_vec(), large.clone()] {
        for (body, coding) in coded(&text) {
            let decoded = decode(&body, coding, 64 * MIB).unwrap();
            assert!(decoded == text, "{coding:?} of {}", text.len());
        }
    }
}

#[test]
fn frames_of_the_reference_encoder_are_read() {
    for body in [WITH_CHECKSUM, STREAMED] {
        assert_eq!(decode(body, ContentCoding::Zstd, MIB).unwrap(), said());
    }
}

#[test]
fn several_frames_and_members_are_one_body() {
    let twice = [said(), said()].concat();
    let skipped = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc";
    let frames = [WITH_CHECKSUM, skipped, STREAMED].concat();
    assert_eq!(decode(&frames, ContentCoding::Zstd, MIB).unwrap(), twice);
    let members = [gzip(&said()), gzip(&said())].concat();
    assert_eq!(decode(&members, ContentCoding::Gzip, MIB).unwrap(), twice);
}

#[test]
fn the_limit_is_of_decoded_bytes_and_exact() {
    for size in [0, 1, 1000, UNCOUNTED, UNCOUNTED + 1, UNCOUNTED + 2, UNCOUNTED + 70_000] {
        let text = vec![b' '; size];
        for (body, coding) in coded(&text) {
            assert_eq!(decode(&body, coding, size).unwrap().len(), size, "{coding:?}");
            assert_eq!(decode(&body, coding, size + 1).unwrap().len(), size, "{coding:?}");
            assert!(size == 0 || too_large(&body, coding, size - 1), "{coding:?} of {size}");
        }
    }
}

#[test]
fn a_bomb_is_refused_at_the_limit() {
    let bomb = zeros(80 * 1024, 23);
    assert!(bomb.len() < MIB);
    for limit in [0, 1, MIB, 64 * MIB] {
        assert!(too_large(&bomb, ContentCoding::Zstd, limit), "{limit}");
    }
    assert!(too_large(&gzip_zeros(10 * 1024), ContentCoding::Gzip, 64 * MIB));
}

#[test]
fn a_window_over_the_limit_is_refused() {
    assert_eq!(decode(&zeros(2, 23), ContentCoding::Zstd, MIB).unwrap().len(), MIB / 4);
    for window in [24, 27, 31, 41] {
        assert!(broken(&zeros(2, window), ContentCoding::Zstd), "{window}");
    }
    // 8 MiB and an eighth.
    let mut frame = zeros(2, 23);
    frame[5] |= 1;
    assert!(broken(&frame, ContentCoding::Zstd));
}

#[test]
fn a_body_cut_short_anywhere_is_refused() {
    for (body, coding) in [
        (gzip(&said()), ContentCoding::Gzip),
        (WITH_CHECKSUM.to_vec(), ContentCoding::Zstd),
        (STREAMED.to_vec(), ContentCoding::Zstd),
        (zlib(&said()), ContentCoding::Deflate),
        (raw_deflate(&said()), ContentCoding::Deflate),
    ] {
        for cut in 1..body.len() {
            assert!(broken(&body[..cut], coding), "{coding:?} at {cut}");
        }
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    assert!(broken(&[&gzip(b"{}"), &b"{}"[..]].concat(), ContentCoding::Gzip));
    assert!(broken(&[STREAMED, b"{}"].concat(), ContentCoding::Zstd));
    assert!(broken(&[&zlib(b"{}"), &b"{}"[..]].concat(), ContentCoding::Deflate));
    assert!(broken(&[&raw_deflate(b"{}"), &b"{}"[..]].concat(), ContentCoding::Deflate));
    assert!(broken(b"{}", ContentCoding::Gzip));
    assert!(broken(b"", ContentCoding::Deflate));
    assert!(broken(b"{\"model\":\"gpt-6-sol\"}", ContentCoding::Deflate));
    assert!(broken(b"{\"model\":\"gpt-6-sol\"}", ContentCoding::Zstd));
}

#[test]
fn a_changed_byte_never_gives_other_text() {
    for (body, coding) in
        [(gzip(&said()), ContentCoding::Gzip), (WITH_CHECKSUM.to_vec(), ContentCoding::Zstd)]
    {
        for (at, flip) in (0..body.len()).flat_map(|at| (0..8).map(move |bit| (at, 1 << bit))) {
            let mut body = body.clone();
            body[at] ^= flip;
            // Some bytes mean nothing to a decoder, such as the time in gzip's head; and a flag
            // can say that there is no sum.
            if let Ok(decoded) = decode(&body, coding, MIB) {
                let unchecked = coding == ContentCoding::Zstd && at == 4;
                assert!(decoded == said() || unchecked, "{coding:?} at {at}");
            }
        }
    }
}

#[test]
fn more_members_than_a_client_needs_are_refused() {
    let empty = gzip(b"");
    assert_eq!(decode(&empty.repeat(1_000), ContentCoding::Gzip, MIB).unwrap(), b"");
    assert!(broken(&empty.repeat(1_001), ContentCoding::Gzip));
}

#[test]
fn more_frames_than_a_client_needs_are_refused() {
    let empty = [&zeros(0, 10)[..], &[1, 0, 0]].concat();
    assert_eq!(decode(&empty.repeat(1_000), ContentCoding::Zstd, MIB).unwrap(), b"");
    assert!(broken(&empty.repeat(1_001), ContentCoding::Zstd));
}

#[tokio::test]
async fn refusals_have_their_status_and_say_what_is_wrong() {
    let failed = async |body: Vec<u8>, coding| {
        let failure = within(2 * MIB, body, coding).await.unwrap_err();
        (failure.status(), failure.message)
    };
    let (status, message) = failed(zeros(1000, 23), ContentCoding::Zstd).await;
    assert_eq!(status, 413);
    assert!(message.contains("limit of 1048576 bytes (--max-body)"), "{message}");
    let (status, message) = failed(gzip(&said())[..30].to_vec(), ContentCoding::Gzip).await;
    assert_eq!(status, 400);
    assert!(message.contains("as gzip"), "{message}");
    assert_eq!(failed(zeros(1, 24), ContentCoding::Zstd).await.0, 400);
}

#[tokio::test]
async fn a_coding_that_no_header_names_is_known_by_the_first_bytes() {
    for (body, coding) in coded(&said()).into_iter().take(3) {
        let decoded = within(MIB, body, ContentCoding::Identity).await.unwrap();
        assert!(decoded == said(), "{coding:?}");
    }
    for plain in [&b""[..], b"x", b"{}", b" {}", b"\xef\xbb\xbf{}", b"x=1", b"\x1f\x8b"] {
        assert_eq!(within(MIB, plain.to_vec(), ContentCoding::Identity).await.unwrap(), plain);
    }
}

#[tokio::test]
async fn a_plain_body_is_passed_on_as_it_is() {
    let body = Bytes::from_static(b"{}");
    let reservation = budget(0).reservation(&Caller::default());
    let held = HeldBody { bytes: body.clone(), reservation };
    let decoder = Decoder { limit: 0 };
    let same = decoder.decode(held, ContentCoding::Identity).await.unwrap();
    assert_eq!(same.bytes.as_ptr(), body.as_ptr());
}

#[tokio::test]
async fn what_comes_out_is_held_and_refused_where_there_is_no_room() {
    for size in [1000, MIB / 2] {
        for coding in [ContentCoding::Gzip, ContentCoding::Zstd] {
            let body = || {
                if coding == ContentCoding::Gzip {
                    gzip(&vec![7; size])
                } else {
                    zstd(&vec![7; size])
                }
            };
            let refused = within(size - 1, body(), coding).await.unwrap_err();
            assert_eq!((refused.status(), refused.retry_after()), (503, Some(1)), "{coding:?}");
            assert_eq!(within(size, body(), coding).await.unwrap().len(), size, "{coding:?}");
        }
    }
}
