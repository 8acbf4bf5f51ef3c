//! The decoder against a plain reading of the standard, with the stream in any pieces.

#![no_main]

use chatmock_fuzz::decode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &[u8], u8)| {
    let (pieces, stream, limit) = input;
    let (whole, fits) = decode(stream, &[], usize::MAX);
    assert!(fits);
    let texts: Vec<&str> = whole.iter().map(|frame| frame.text()).collect();
    assert_eq!(texts, reference(stream), "other than the standard says");
    assert_eq!(decode(stream, pieces, usize::MAX), (whole, true), "the pieces change the events");
    let limit = usize::from(limit);
    assert_eq!(decode(stream, pieces, limit), decode(stream, &[], limit), "or what is too large");
});

/// The data of each event: the standard's steps, one after the other.
fn reference(stream: &[u8]) -> Vec<String> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let (mut events, mut data, mut any) = (Vec::new(), Vec::new(), false);
    for line in lines(stream) {
        if line.is_empty() {
            if std::mem::take(&mut any) {
                data.pop();
                events.push(String::from_utf8_lossy(&data).into_owned());
            }
            data.clear();
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        if name == b"data" {
            any = true;
            data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            data.push(b'\n');
        }
    }
    events
}

/// The lines that have an end: a CR, a LF or both.
fn lines(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let (line, after) = rest.split_at(end);
        lines.push(line);
        let pair = after.starts_with(b"\r\n");
        rest = after.get(if pair { 2 } else { 1 }..).unwrap_or_default();
    }
    lines
}
