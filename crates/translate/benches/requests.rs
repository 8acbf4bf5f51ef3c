//! A request from its body to the bytes of the Responses API: read, drafted, settled, written.

use std::fmt::Write;

use chatmock_translate::{
    Catalog, Chat, Dialect, OllamaChat, Policy, ReasoningSeal, Responses, settle,
};
use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Lowers a body to the end.
fn lowered<D: Dialect>(body: &[u8], catalog: &Catalog, policy: &Policy) -> Option<Vec<u8>> {
    let draft = D::draft(D::read(body).ok()?, &ReasoningSeal::default()).ok()?;
    let turn = settle(draft, catalog, policy, 1_795_338_734).ok()?;
    serde_json::to_vec(&turn.request).ok()
}

fn lower<D: Dialect>(bencher: Bencher<'_, '_>, body: &str) {
    let (catalog, policy) = (Catalog::builtin(), Policy::default());
    assert!(lowered::<D>(body.as_bytes(), &catalog, &policy).is_some(), "the body is taken");
    bencher
        .counter(BytesCount::new(body.len()))
        .bench_local(|| lowered::<D>(black_box(body.as_bytes()), &catalog, &policy));
}

/// The stages one by one, since the body's size may weigh on only one of them.
fn stages<D: Dialect>(bencher: Bencher<'_, '_>, body: &str, stage: &str) {
    let (catalog, policy) = (Catalog::builtin(), Policy::default());
    let bencher = bencher.counter(BytesCount::new(body.len()));
    let read = || D::read(black_box(body.as_bytes())).ok();
    let draft = || D::draft(read()?, &ReasoningSeal::default()).ok();
    let turn = || settle(draft()?, &catalog, &policy, 0).ok();
    match stage {
        "read" => bencher.bench_local(read),
        "draft" => bencher
            .with_inputs(read)
            .bench_local_values(|read| D::draft(read?, &ReasoningSeal::default()).ok()),
        "settle" => bencher
            .with_inputs(draft)
            .bench_local_values(|draft| settle(draft?, &catalog, &policy, 0).ok()),
        _ => bencher.with_inputs(turn).bench_local_refs(|turn| {
            turn.as_ref().and_then(|turn| serde_json::to_vec(&turn.request).ok())
        }),
    }
}

const SMALL: &str = r#"{"model":"gpt-6-sol","messages":[{"role":"system","content":"You are brief."},{"role":"user","content":"Say \"hello\" in French."}],"stream":true,"stream_options":{"include_usage":true},"temperature":0.7}"#;

/// Twelve tools, as programs for coding bring them.
fn tools() -> String {
    let tool = |n| {
        format!(
            r#"{{"type":"function","function":{{"name":"tool_{n}","description":"Reads lines of a file, or lists a folder; paths are relative to the project.","parameters":{{"type":"object","properties":{{"path":{{"type":"string","description":"The path"}},"from":{{"type":"integer","minimum":1}},"lines":{{"type":"integer"}}}},"required":["path"]}}}}}}"#
        )
    };
    let tools: Vec<String> = (0..12).map(tool).collect();
    format!("[{}]", tools.join(","))
}

/// The conversation that is looked at stage by stage.
const CONVERSATION: usize = 215_000;

/// A conversation of that many bytes: questions, calls, results with line ends and quotes, answers.
fn conversation(bytes: usize, tools: &str) -> String {
    let mut body = format!(
        r#"{{"model":"gpt-6-sol","stream":true,"tools":{tools},"messages":[{{"role":"system","content":"You are a careful programmer."}}"#
    );
    let line = r#"    let found = map.get(\"key\").map(String::as_str).unwrap_or(\"none\");\n"#;
    let mut turn = 0;
    while body.len() < bytes {
        let (result, prose) = (line.repeat(30), "It reads the key and falls back. ".repeat(20));
        let _ = write!(
            body,
            r#",{{"role":"user","content":"Look at file {turn}."}},{{"role":"assistant","content":null,"tool_calls":[{{"id":"call_{turn}","type":"function","function":{{"name":"tool_1","arguments":"{{\"path\":\"src/file_{turn}.rs\"}}"}}}}]}},{{"role":"tool","tool_call_id":"call_{turn}","content":"{result}"}},{{"role":"assistant","content":"{prose}"}}"#
        );
        turn += 1;
    }
    body + "]}"
}

/// Base64 of 2 MiB that begins as a PNG does.
fn base64() -> String {
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ".repeat((2 << 20) / 44)
}

fn image() -> String {
    format!(
        r#"{{"model":"gpt-6-sol","stream":true,"messages":[{{"role":"user","content":[{{"type":"text","text":"What is this?"}},{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{}"}}}}]}}]}}"#,
        base64()
    )
}

#[divan::bench]
fn chat_small(bencher: Bencher<'_, '_>) {
    lower::<Chat>(bencher, SMALL);
}

#[divan::bench]
fn chat_215_kb_with_tools(bencher: Bencher<'_, '_>) {
    lower::<Chat>(bencher, &conversation(CONVERSATION, &tools()));
}

/// What a byte costs must not depend on how many there are.
#[divan::bench(args = [10_000, 100_000, 1_000_000, 10_000_000])]
fn chat_by_size(bencher: Bencher<'_, '_>, bytes: usize) {
    lower::<Chat>(bencher, &conversation(bytes, "[]"));
}

#[divan::bench]
fn chat_2_mb_image(bencher: Bencher<'_, '_>) {
    lower::<Chat>(bencher, &image());
}

#[divan::bench(args = ["read", "draft", "settle", "write"])]
fn chat_215_kb_by_stage(bencher: Bencher<'_, '_>, stage: &str) {
    stages::<Chat>(bencher, &conversation(CONVERSATION, &tools()), stage);
}

#[divan::bench(args = ["read", "draft", "settle", "write"])]
fn chat_2_mb_image_by_stage(bencher: Bencher<'_, '_>, stage: &str) {
    stages::<Chat>(bencher, &image(), stage);
}

#[divan::bench]
fn ollama_2_mb_image(bencher: Bencher<'_, '_>) {
    let body = format!(
        r#"{{"model":"gpt-6-sol","messages":[{{"role":"user","content":"What is this?","images":["{}"]}}]}}"#,
        base64()
    );
    lower::<OllamaChat>(bencher, &body);
}

const RESPONSES: &str = r#"{"model":"gpt-6-sol","instructions":"You are brief.","input":[{"role":"user","content":[{"type":"input_text","text":"Say hello."}]}],"reasoning":{"effort":"medium","summary":"auto"},"stream":true,"store":false}"#;

#[divan::bench]
fn responses_small(bencher: Bencher<'_, '_>) {
    lower::<Responses>(bencher, RESPONSES);
}

#[divan::bench]
fn responses_2_mb_image(bencher: Bencher<'_, '_>) {
    let body = format!(
        r#"{{"model":"gpt-6-sol","input":[{{"role":"user","content":[{{"type":"input_text","text":"What is this?"}},{{"type":"input_image","image_url":"data:image/png;base64,{}"}}]}}],"stream":true,"store":false}}"#,
        base64()
    );
    lower::<Responses>(bencher, &body);
}
