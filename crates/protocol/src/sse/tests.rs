//! Tests of the decoder against the rules of the standard.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Decoder, Frame, FrameTooLarge};

const LIMIT: usize = 1 << 20;

/// Pushes `pieces` one by one and drains the decoder after each.
fn decode<'p>(
    limit: usize,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<String>, Option<FrameTooLarge>) {
    let (mut decoder, mut frames) = (Decoder::new(limit), Vec::new());
    for piece in pieces {
        decoder.push(Bytes::copy_from_slice(piece));
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame.text().to_owned()),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn frames(stream: &str) -> Vec<String> {
    let (frames, error) = decode(LIMIT, [stream.as_bytes()]);
    assert_eq!(error, None);
    frames
}

#[test]
fn a_detached_frame_does_not_keep_the_buffer_alive() {
    let read = Bytes::from(b"data: a\n\ndata: b\n\n".to_vec());
    let mut decoder = Decoder::new(LIMIT);
    decoder.push(read.clone());
    let first = decoder.next_frame().unwrap().unwrap();
    drop(decoder);
    let detached = first.detached();
    assert_eq!((detached.text(), &detached), ("a", &first));
    assert!(!read.is_unique());
    drop(first);
    assert!(read.is_unique());
}

/// The standard's rules for whole streams, written as simply as possible.
fn reference(stream: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stream).into_owned();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let Some((whole, _unfinished)) = text.rsplit_once('\n') else { return Vec::new() };
    let (mut frames, mut data) = (Vec::new(), String::new());
    for line in whole.split('\n') {
        if line.is_empty() {
            if let Some(whole) = std::mem::take(&mut data).strip_suffix('\n') {
                frames.push(whole.to_owned());
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            data.push_str(value.strip_prefix(' ').unwrap_or(value));
            data.push('\n');
        }
    }
    frames
}

#[test]
fn lines_may_end_in_lf_cr_or_crlf() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = ["event: a", "data: one", "", "data: two", "", ""].join(end);
        assert_eq!(frames(&stream), ["one", "two"], "{end:?}");
    }
}

#[test]
fn a_crlf_among_mixed_line_ends_is_not_a_blank_line() {
    assert_eq!(frames("data: a\r\ndata: b\r\rdata: c\n\r\n"), ["a\nb", "c"]);
}

#[test]
fn a_crlf_cut_in_two_is_still_one_line_end() {
    let pieces: [&[u8]; 5] = [b"data: a\r", b"\ndata: b\r", b"\n\r", b"\ndata: c\r", b"\r"];
    assert_eq!(decode(LIMIT, pieces).0, ["a\nb", "c"]);
}

#[test]
fn a_byte_order_mark_is_dropped_also_when_it_is_cut() {
    assert_eq!(frames("\u{feff}data: a\n\n"), ["a"]);
    let pieces: [&[u8]; 4] = [b"\xef", b"\xbb", b"\xbfda", b"ta: a\n\n"];
    assert_eq!(decode(LIMIT, pieces).0, ["a"]);
}

#[test]
fn a_byte_order_mark_later_in_the_stream_is_an_unknown_field() {
    assert_eq!(frames("data: a\n\u{feff}data: b\n\n"), ["a"]);
}

#[test]
fn comments_and_other_fields_yield_nothing() {
    let stream = ": ping\nevent: x\nid: 1\nretry: 5\ndatum: no\nDATA: no\n data: no\ndata: a\n\n";
    assert_eq!(frames(stream), ["a"]);
    assert_eq!(frames(": ping\n\nevent: x\n\n"), [""; 0]);
}

#[test]
fn one_space_after_the_colon_is_removed_and_no_more() {
    assert_eq!(frames("data:a\n\ndata: b\n\ndata:  c\n\n"), ["a", "b", " c"]);
}

#[test]
fn several_data_lines_are_joined_by_a_line_feed() {
    assert_eq!(frames("data: {\"a\":\ndata\ndata: 1}\n\n"), ["{\"a\":\n\n1}"]);
}

#[test]
fn an_event_with_an_empty_data_line_is_dispatched_and_one_without_is_not() {
    assert_eq!(frames("data\n\ndata:\n\nevent: a\n\n\n\ndata\ndata\n\n"), ["", "", "\n"]);
}

#[test]
fn an_unfinished_event_is_never_dispatched() {
    assert_eq!(frames("data: a\n\ndata: b\n"), ["a"]);
    assert_eq!(frames("data: a\n\ndata: b"), ["a"]);
    assert_eq!(frames("data: a"), [""; 0]);
}

#[test]
fn bytes_that_are_not_utf_8_become_replacement_characters() {
    let (frames, error) = decode(LIMIT, [&b"data: a\xff\xc3z\n\ndata: b\n\n"[..]]);
    assert_eq!((frames, error), (vec!["a\u{fffd}\u{fffd}z".to_owned(), "b".to_owned()], None));
}

#[test]
fn separators_of_other_standards_are_not_line_ends() {
    let stream = "data: a\u{2028}b\u{85}c\u{b}d\n\n";
    assert_eq!(frames(stream), ["a\u{2028}b\u{85}c\u{b}d"]);
}

#[test]
fn an_event_over_the_limit_is_refused_before_its_end_arrives() {
    let long = "x".repeat(40);
    let unfinished = format!("data: ok\n\ndata: {long}");
    let (frames, error) = decode(32, [unfinished.as_bytes()]);
    assert_eq!((frames, error), (vec!["ok".to_owned()], Some(FrameTooLarge { limit: 32 })));
    let many = "data: 12345678\n".repeat(4);
    assert_eq!(decode(32, [many.as_bytes()]).1, Some(FrameTooLarge { limit: 32 }));
    assert_eq!(FrameTooLarge { limit: 32 }.to_string(), "an event is larger than 32 bytes");
}

#[test]
fn many_events_below_the_limit_may_exceed_it_together() {
    let stream = "data: 12345678\n\n".repeat(100);
    let (frames, error) = decode(32, [stream.as_bytes()]);
    assert_eq!((frames.len(), error), (100, None));
}

#[test]
fn bytes_pushed_before_the_old_ones_are_read_are_kept_in_order() {
    let mut decoder = Decoder::new(LIMIT);
    for piece in ["data: a\n", "\nda", "ta: b\n\n"] {
        decoder.push(Bytes::from_static(piece.as_bytes()));
    }
    assert_eq!(decoder.next_frame().unwrap().unwrap().text(), "a");
    assert_eq!(decoder.next_frame().unwrap().unwrap().text(), "b");
    assert_eq!(decoder.next_frame(), Ok(None));
}

#[test]
fn a_frame_made_of_bytes_is_always_text() {
    assert_eq!(Frame::new(Bytes::from_static(b"a\xffb")).text(), "a\u{fffd}b");
}

/// Streams made of pieces that the rules treat specially.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(&b"data: "[..]),
        2 => Just(&b"data"[..]),
        2 => Just(&b"data:"[..]),
        1 => Just(&b"event: x"[..]),
        1 => Just(&b": c"[..]),
        4 => Just(&b"\n"[..]),
        3 => Just(&b"\r"[..]),
        3 => Just(&b"\r\n"[..]),
        2 => Just(&b"\n\n"[..]),
        2 => Just(&b"{\"a\":1}"[..]),
        1 => Just("\u{feff}".as_bytes()),
        1 => Just("\u{1f600}\u{2028}".as_bytes()),
        1 => Just(&b"\xff"[..]),
        1 => Just(&b"\xe2\x82"[..]),
        1 => Just(&b" "[..]),
        1 => Just(&b":"[..]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Cuts `stream` at the given positions.
fn cut(stream: &[u8], mut at: Vec<usize>) -> Vec<&[u8]> {
    at.iter_mut().for_each(|place| *place %= stream.len() + 1);
    at.sort_unstable();
    let (mut pieces, mut rest, mut taken) = (Vec::new(), stream, 0);
    for place in at {
        let (piece, after) = rest.split_at(place - taken);
        pieces.push(piece);
        (rest, taken) = (after, place);
    }
    pieces.push(rest);
    pieces
}

proptest! {
    #[test]
    fn any_cut_of_the_bytes_gives_the_frames_of_the_reference(
        stream in stream(),
        at in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let (frames, error) = decode(LIMIT, cut(&stream, at));
        prop_assert_eq!(error, None);
        prop_assert_eq!(frames, reference(&stream));
    }

    #[test]
    fn single_bytes_give_the_frames_of_the_reference(stream in stream()) {
        prop_assert_eq!(decode(LIMIT, stream.chunks(1)).0, reference(&stream));
    }

    #[test]
    fn any_cut_of_the_bytes_reaches_the_limit_at_the_same_event(
        stream in stream(),
        limit in 0_usize..24,
        at in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        // A line end makes it certain whether the last line exceeds the limit.
        let stream = [&stream[..], b"\n"].concat();
        let whole = decode(limit, [&stream[..]]);
        prop_assert_eq!(&decode(limit, cut(&stream, at)), &whole);
        prop_assert_eq!(decode(limit, stream.chunks(1)), whole);
    }
}
