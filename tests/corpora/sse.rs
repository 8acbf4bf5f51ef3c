//! The vectors of `sse-parse` for server-sent events, whole, in their own pieces and byte by byte.
//!
//! Our decoder gives each event's data. By design it has no kinds, ids and times to reconnect, so of those
//! of the vectors it is only seen that they change no data.

use bytes::Bytes;
use chatmock_protocol::sse::Decoder;
use serde_json::Value;

use crate::fetch::crate_source;
use crate::{Outcome, verdict};

/// More than any vector has.
const LIMIT: usize = 1024 * 1024;

/// Each vector, cut in three ways.
pub(crate) fn vectors() -> Outcome {
    let path = crate_source("sse-parse")?.join("tests/conformance-vectors.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let vectors = file["vectors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (mut faults, mut events) = (Vec::new(), 0);
    for vector in vectors {
        let (pieces, wanted) = (pieces(vector), wanted(&vector["expected"]["events"]));
        let whole = pieces.concat();
        let single: Vec<_> = whole.iter().map(|byte| vec![*byte]).collect();
        events += wanted.len();
        for (cut, pieces) in [("own pieces", pieces), ("whole", vec![whole]), ("bytes", single)] {
            let got = decoded(pieces);
            let fault = || format!("{} in {cut}: {got:?}, not {wanted:?}", vector["id"]);
            faults.extend((got != wanted).then(fault));
        }
    }
    faults.extend((vectors.len() != 36).then(|| "36 vectors are pinned".to_owned()));
    verdict(format!("{} vectors with {events} events, each cut in 3 ways", vectors.len()), &faults)
}

/// The data of every event in some pieces.
fn decoded(pieces: Vec<Vec<u8>>) -> Vec<String> {
    let (mut decoder, mut events) = (Decoder::new(LIMIT), Vec::new());
    for piece in pieces {
        decoder.push(Bytes::from(piece));
        while let Some(frame) = decoder.next_frame().unwrap() {
            events.push(frame.text().to_owned());
        }
    }
    events
}

/// The bytes of a vector in its own pieces, listed or described.
fn pieces(vector: &Value) -> Vec<Vec<u8>> {
    if let Some(chunks) = vector["chunks"].as_array() {
        return chunks.iter().map(chunk).collect();
    }
    let generator = &vector["generator"];
    let bytes = match generator["kind"].as_str() {
        Some("repeat_stream") => text(&generator["unit_text"]).repeat(size(&generator["count"])),
        _ => {
            let fill = text(&generator["fill_char"]).repeat(size(&generator["fill_count"]));
            format!("{}{fill}{}", text(&generator["prefix"]), text(&generator["suffix"]))
        }
    };
    bytes.as_bytes().chunks(size(&generator["chunk_bytes"])).map(<[u8]>::to_vec).collect()
}

/// A piece, as text or in hexadecimal digits.
fn chunk(chunk: &Value) -> Vec<u8> {
    if chunk["text"].is_string() {
        return text(&chunk["text"]).as_bytes().to_vec();
    }
    let digits = text(&chunk["hex"]).as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// The data of the events that a vector expects, listed or described.
fn wanted(events: &Value) -> Vec<String> {
    let data = |event: &Value| text(&event["data"]).to_owned();
    match (events.as_array(), events["kind"].as_str()) {
        (Some(events), _) => events.iter().map(data).collect(),
        (None, Some("repeat")) => vec![data(&events["event"]); size(&events["count"])],
        _ => vec![text(&events["fill_char"]).repeat(size(&events["fill_count"]))],
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn size(value: &Value) -> usize {
    value.as_u64().and_then(|size| usize::try_from(size).ok()).unwrap()
}
