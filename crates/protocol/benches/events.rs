//! Decoding an upstream stream by the size of its pieces, and reading one event of each kind.

use bytes::Bytes;
use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::{Decoder, Frame};
use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// The limit that the server sets.
const LIMIT: usize = 64 << 20;

/// How many events the stream to decode has.
const EVENTS: usize = 1_000;

/// Events of the kinds that fill a stream, and those that end one, by a short name.
const KINDS: [(&str, &str); 7] = [
    (
        "text delta",
        r#"{"type":"response.output_text.delta","content_index":0,"delta":" translation","item_id":"msg_068d7c1a2b3f40f1","logprobs":[],"obfuscation":"9fK2","output_index":1,"sequence_number":42}"#,
    ),
    (
        "text delta, escapes",
        r#"{"type":"response.output_text.delta","content_index":0,"delta":"\n\n\"caf\u00e9\"","item_id":"msg_068d7c1a2b3f40f1","logprobs":[],"obfuscation":"9fK2","output_index":1,"sequence_number":43}"#,
    ),
    (
        "reasoning delta",
        r#"{"type":"response.reasoning_summary_text.delta","delta":" considering","item_id":"rs_068d7c1a2b3f40f0","obfuscation":"a7","output_index":0,"sequence_number":7,"summary_index":0}"#,
    ),
    (
        "arguments delta",
        r#"{"type":"response.function_call_arguments.delta","delta":"{\"city\":","item_id":"fc_068d7c1a2b3f40f2","obfuscation":"x1Y","output_index":2,"sequence_number":80}"#,
    ),
    (
        "item done",
        r#"{"type":"response.output_item.done","item":{"id":"fc_068d7c1a2b3f40f2","type":"function_call","status":"completed","arguments":"{\"city\":\"Paris\",\"unit\":\"celsius\"}","call_id":"call_9aB3","name":"weather"},"output_index":2,"sequence_number":92}"#,
    ),
    (
        "completed",
        r#"{"type":"response.completed","response":{"id":"resp_068d7c1a","object":"response","created_at":1795338734,"status":"completed","error":null,"incomplete_details":null,"instructions":"","max_output_tokens":null,"model":"gpt-6-sol","output":[],"parallel_tool_calls":true,"previous_response_id":null,"prompt_cache_key":"0190a1b2","reasoning":{"effort":"medium","summary":"detailed"},"service_tier":"default","store":false,"temperature":1.0,"text":{"format":{"type":"text"},"verbosity":"medium"},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","usage":{"input_tokens":1200,"input_tokens_details":{"cached_tokens":1024},"output_tokens":310,"output_tokens_details":{"reasoning_tokens":128},"total_tokens":1510},"metadata":{}},"sequence_number":120}"#,
    ),
    ("keepalive", r#"{"type":"keepalive","sequence_number":5}"#),
];

/// A stream of text deltas as the backend frames them.
fn stream() -> Bytes {
    let [(_, delta), ..] = KINDS;
    let event = format!("event: response.output_text.delta\ndata: {delta}\n\n");
    Bytes::from(event.repeat(EVENTS))
}

/// 1,000 text deltas that arrive in pieces of that many bytes.
#[divan::bench(args = [1, 16, 64, 256, 1_448, 4_096, 16_384, 65_536, 1 << 20])]
fn decode(bencher: Bencher<'_, '_>, piece: usize) {
    let stream = stream();
    bencher.counter(BytesCount::new(stream.len())).counter(ItemsCount::new(EVENTS)).bench_local(
        || {
            let mut decoder = Decoder::new(LIMIT);
            let (mut rest, mut frames) = (stream.clone(), 0);
            while !rest.is_empty() {
                decoder.push(rest.split_to(piece.min(rest.len())));
                while let Ok(Some(frame)) = decoder.next_frame() {
                    black_box(frame);
                    frames += 1;
                }
            }
            assert_eq!(frames, EVENTS);
        },
    );
}

/// One event read from its frame.
#[divan::bench(args = KINDS.map(|(name, _)| name), sample_size = 256)]
fn parse(bencher: Bencher<'_, '_>, name: &str) {
    let data = KINDS.iter().find(|(kind, _)| *kind == name).map_or("", |(_, data)| data);
    let frame = Frame::new(Bytes::from_static(data.as_bytes()));
    bencher
        .counter(BytesCount::new(data.len()))
        .bench_local(|| drop(black_box(Event::parse(black_box(&frame)))));
}
