//! One event of each kind, from its frame to the bytes of each dialect.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::{Decoder, Frame};
use chatmock_translate::{
    Catalog, Chat, Completions, Dialect, Encoder, Messages, OllamaChat, OllamaGenerate, Out,
    Policy, ReasoningSeal, Responses, Shape, for_each_dialect, settle,
};
use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// What is written before a body would take it.
const PIECE: usize = 16 << 10;

/// When the answer's events come, or begin to.
const AT: Duration = Duration::from_millis(7);

/// How many events arrive together in a burst.
const BURST: usize = 64;

const CREATED: &str = r#"{"type":"response.created","response":{"id":"resp_068d7c1a","object":"response","created_at":1795338734,"status":"in_progress","model":"gpt-6-sol","output":[]},"sequence_number":0}"#;
const MESSAGE: &str = r#"{"type":"response.output_item.added","item":{"id":"msg_068d7c1a2b3f40f1","type":"message","status":"in_progress","content":[],"role":"assistant"},"output_index":1,"sequence_number":9}"#;
const CALL: &str = r#"{"type":"response.output_item.added","item":{"id":"fc_068d7c1a2b3f40f2","type":"function_call","status":"in_progress","arguments":"","call_id":"call_9aB3","name":"weather"},"output_index":2,"sequence_number":79}"#;
const TEXT: &str = r#"{"type":"response.output_text.delta","content_index":0,"delta":" translation","item_id":"msg_068d7c1a2b3f40f1","logprobs":[],"obfuscation":"9fK2","output_index":1,"sequence_number":42}"#;
const ESCAPED: &str = r#"{"type":"response.output_text.delta","content_index":0,"delta":"\n\n\"caf\u00e9\"","item_id":"msg_068d7c1a2b3f40f1","logprobs":[],"obfuscation":"9fK2","output_index":1,"sequence_number":43}"#;
const REASONING: &str = r#"{"type":"response.reasoning_summary_text.delta","delta":" considering","item_id":"rs_068d7c1a2b3f40f0","obfuscation":"a7","output_index":0,"sequence_number":7,"summary_index":0}"#;
const ARGUMENTS: &str = r#"{"type":"response.function_call_arguments.delta","delta":"{\"city\":","item_id":"fc_068d7c1a2b3f40f2","obfuscation":"x1Y","output_index":2,"sequence_number":80}"#;
const CALL_DONE: &str = r#"{"type":"response.output_item.done","item":{"id":"fc_068d7c1a2b3f40f2","type":"function_call","status":"completed","arguments":"{\"city\":\"Paris\",\"unit\":\"celsius\"}","call_id":"call_9aB3","name":"weather"},"output_index":2,"sequence_number":92}"#;
const COMPLETED: &str = r#"{"type":"response.completed","response":{"id":"resp_068d7c1a","object":"response","created_at":1795338734,"status":"completed","error":null,"incomplete_details":null,"instructions":"","max_output_tokens":null,"model":"gpt-6-sol","output":[],"parallel_tool_calls":true,"previous_response_id":null,"prompt_cache_key":"0190a1b2","reasoning":{"effort":"medium","summary":"detailed"},"service_tier":"default","store":false,"temperature":1.0,"text":{"format":{"type":"text"},"verbosity":"medium"},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","usage":{"input_tokens":1200,"input_tokens_details":{"cached_tokens":1024},"output_tokens":310,"output_tokens_details":{"reasoning_tokens":128},"total_tokens":1510},"metadata":{}},"sequence_number":120}"#;

/// A request of one short message, whose answer the events are.
trait Asked: Dialect {
    const BODY: &'static str;
}

impl Asked for Chat {
    const BODY: &'static str = r#"{"model":"gpt-6-sol","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#;
}

impl Asked for Completions {
    const BODY: &'static str = r#"{"model":"gpt-6-sol","stream":true,"stream_options":{"include_usage":true},"prompt":"hi"}"#;
}

impl Asked for Messages {
    const BODY: &'static str = r#"{"model":"gpt-6-sol","stream":true,"max_tokens":32000,"thinking":{"type":"adaptive"},"messages":[{"role":"user","content":"hi"}]}"#;
}

impl Asked for OllamaChat {
    const BODY: &'static str =
        r#"{"model":"gpt-6-sol","messages":[{"role":"user","content":"hi"}]}"#;
}

impl Asked for OllamaGenerate {
    const BODY: &'static str = r#"{"model":"gpt-6-sol","prompt":"hi"}"#;
}

impl Asked for Responses {
    const BODY: &'static str = r#"{"model":"gpt-6-sol","stream":true,"store":false,"input":"hi"}"#;
}

#[expect(clippy::panic, reason = "a bench whose own request is refused measures nothing")]
fn shape<D: Asked>() -> Arc<Shape<D::Own>> {
    let seal = ReasoningSeal::default();
    let drafted = D::read(D::BODY.as_bytes()).and_then(|request| D::draft(request, &seal));
    let (catalog, policy) = (Catalog::builtin(), Policy::default());
    let turn = drafted.and_then(|drafted| settle(drafted, &catalog, &policy, 1_795_338_734));
    turn.map_or_else(|failure| panic!("{failure}"), |turn| turn.shape)
}

fn frame(data: &'static str) -> Frame {
    Frame::new(Bytes::from_static(data.as_bytes()))
}

/// Reads a frame and gives its event to the encoder, as the stream's body does.
fn give<E: Encoder>(encoder: &mut E, frame: &Frame, out: &mut Out) {
    if let Ok(event) = Event::parse(black_box(frame)) {
        let step = encoder.event(frame, &event, out);
        drop(black_box(step));
    }
}

/// An encoder in the middle of an answer.
fn begun<D: Dialect>(shape: &Arc<Shape<D::Own>>, out: &mut Out) -> D::Encoder {
    after::<D>(shape, &[CREATED, MESSAGE, TEXT, CALL], out)
}

/// An encoder after these events.
fn after<D: Dialect>(
    shape: &Arc<Shape<D::Own>>,
    before: &[&'static str],
    out: &mut Out,
) -> D::Encoder {
    out.at = AT;
    let mut encoder = D::encoder(shape, 0);
    for data in before {
        give(&mut encoder, &frame(data), out);
    }
    out.frames.take();
    encoder
}

/// One event over and over in a long answer, each time at a later moment; its item has begun before, and no
/// other is under way.
fn repeated<D: Asked>(bencher: Bencher<'_, '_>, data: &'static str, before: &[&'static str]) {
    let (shape, mut out, frame) = (shape::<D>(), Out::new(D::FRAMING), frame(data));
    let mut encoder = after::<D>(&shape, before, &mut out);
    bencher.counter(BytesCount::new(data.len())).bench_local(|| {
        out.at += Duration::from_micros(20_011);
        give(&mut encoder, &frame, &mut out);
        if out.frames.len() > PIECE {
            drop(black_box(out.frames.take()));
        }
    });
}

/// A call's finished item, whose arguments came in deltas before or not at all.
fn finished_item<D: Asked>(bencher: Bencher<'_, '_>) {
    let (shape, frame) = (shape::<D>(), frame(CALL_DONE));
    let prepared = || {
        let mut out = Out::new(D::FRAMING);
        (begun::<D>(&shape, &mut out), out)
    };
    let give = |(encoder, out): &mut (D::Encoder, Out)| give(encoder, &frame, out);
    bencher.counter(BytesCount::new(CALL_DONE.len())).with_inputs(prepared).bench_local_refs(give);
}

/// The last event, up to the stream's last byte.
fn end<D: Asked>(bencher: Bencher<'_, '_>) {
    let (shape, frame) = (shape::<D>(), frame(COMPLETED));
    let prepared = || {
        let mut out = Out::new(D::FRAMING);
        (begun::<D>(&shape, &mut out), out)
    };
    let end = |(mut encoder, mut out): (D::Encoder, Out)| {
        let event = Event::parse(black_box(&frame)).ok()?;
        out.at = Duration::from_secs(2);
        let ControlFlow::Break(Ok(end)) = encoder.event(&frame, &event, &mut out) else {
            return None;
        };
        let output = encoder.finish(end, &mut out);
        D::tail(Ok(&[output]), &shape, &mut out);
        out.frames.take()
    };
    assert!(end(prepared()).is_some(), "the answer ends");
    bencher.counter(BytesCount::new(COMPLETED.len())).with_inputs(prepared).bench_local_values(end);
}

/// Text deltas that arrive in one piece: decoded, read, written and taken as one piece.
fn burst<D: Asked>(bencher: Bencher<'_, '_>) {
    let event = format!("event: response.output_text.delta\ndata: {TEXT}\n\n");
    let burst = Bytes::from(event.repeat(BURST));
    let (shape, mut out) = (shape::<D>(), Out::new(D::FRAMING));
    let mut encoder = begun::<D>(&shape, &mut out);
    let mut decoder = Decoder::new(64 << 20);
    bencher.counter(BytesCount::new(burst.len())).counter(ItemsCount::new(BURST)).bench_local(
        || {
            decoder.push(burst.clone());
            while let Ok(Some(frame)) = decoder.next_frame() {
                give(&mut encoder, &frame, &mut out);
            }
            black_box(out.frames.take())
        },
    );
}

/// Every bench, for the given dialects.
macro_rules! benches {
    ($($dialect:path),+) => {
        #[divan::bench(types = [$($dialect),+], sample_size = 256)]
        fn text_delta<D: Asked>(bencher: Bencher<'_, '_>) {
            repeated::<D>(bencher, TEXT, &[CREATED, MESSAGE]);
        }

        #[divan::bench(types = [$($dialect),+], sample_size = 256)]
        fn text_delta_with_escapes<D: Asked>(bencher: Bencher<'_, '_>) {
            repeated::<D>(bencher, ESCAPED, &[CREATED, MESSAGE]);
        }

        #[divan::bench(types = [$($dialect),+], sample_size = 256)]
        fn reasoning_delta<D: Asked>(bencher: Bencher<'_, '_>) {
            repeated::<D>(bencher, REASONING, &[CREATED]);
        }

        #[divan::bench(types = [$($dialect),+], sample_size = 256)]
        fn arguments_delta<D: Asked>(bencher: Bencher<'_, '_>) {
            repeated::<D>(bencher, ARGUMENTS, &[CREATED, CALL]);
        }

        #[divan::bench(types = [$($dialect),+], sample_size = 16)]
        fn item_done<D: Asked>(bencher: Bencher<'_, '_>) {
            finished_item::<D>(bencher);
        }

        #[divan::bench(types = [$($dialect),+], sample_size = 16)]
        fn completed<D: Asked>(bencher: Bencher<'_, '_>) {
            end::<D>(bencher);
        }

        #[divan::bench(types = [$($dialect),+], sample_size = 4)]
        fn text_burst<D: Asked>(bencher: Bencher<'_, '_>) {
            burst::<D>(bencher);
        }
    };
}

for_each_dialect! { benches! }
