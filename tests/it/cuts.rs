//! An incomplete answer is never called complete, wherever the backend breaks off.

use bytes::Bytes;
use chatmock_simulator::{Mode, Script, Step};
use chatmock_testkit::client::Reply;
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, RESPONSES, ask};

const MESSAGES: &str = "/v1/messages";

/// The number of places that are tried.
const CUTS: u64 = 200;

/// A recording: commentary, a call, text and the terminal event.
fn recording() -> Vec<u8> {
    let mut bytes = Vec::new();
    for step in Script::mode(Mode::Commentary).steps {
        let Step::Event(text) = step else { panic!("an event was expected") };
        let event: Value = serde_json::from_str(&text).unwrap();
        let kind = event["type"].as_str().unwrap();
        bytes.extend(format!("event: {kind}\ndata: {text}\n\n").into_bytes());
    }
    bytes
}

/// A stream that ends before byte `at`: in order, or in the middle of a chunk.
fn cut(bytes: &Bytes, at: usize, hard: bool) -> Script {
    let half = at / 2;
    let last = bytes.slice(half..at);
    let last = if hard { Step::Cut(last) } else { Step::Raw(last) };
    Script::stream(vec![Step::Raw(bytes.slice(..half)), Step::Flush, last])
}

/// Spreads the cuts, the last bytes of the recording included.
fn places(length: usize) -> impl Iterator<Item = (usize, bool)> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    let ends = (1..=4).flat_map(move |back| [(length - back, false), (length - back, true)]);
    let mut random = random;
    let spread = (8..CUTS).map(move |n| (1 + random() % (length - 1), n % 2 == 0));
    ends.chain(spread)
}

fn question(path: &str, stream: bool) -> Value {
    match path {
        MESSAGES => json!({"model": "gpt-5.5", "max_tokens": 32_000, "stream": stream,
            "messages": [{"role": "user", "content": "hello"}]}),
        _ => ask(path, "hello", stream),
    }
}

/// Asserts that an answer is a failure in the dialect's own shape.
fn assert_refused(path: &str, reply: &Reply, place: &str) {
    let error = &reply.json()["error"];
    let (kind, code) = match path {
        MESSAGES => ("api_error", &error["details"]["error_code"]),
        _ => ("server_error", &error["code"]),
    };
    assert_eq!((reply.status, &error["type"]), (502, &json!(kind)), "{place}");
    assert_eq!(code, "upstream_incomplete", "{place}");
}

/// Cuts everywhere and looks at each answer; gives how many were refused before they began.
async fn all(path: &str, stream: bool, look: impl Fn(&Reply, &str)) {
    let harness = Harness::new().await;
    let bytes = Bytes::from(recording());
    let mut begun = 0;
    for (at, hard) in places(bytes.len()) {
        harness.simulator.enqueue(cut(&bytes, at, hard));
        let reply = harness.server.post(path, &question(path, stream)).await;
        let place = format!("cut at {at} of {}, hard: {hard}: {}", bytes.len(), reply.text());
        assert!(reply.whole, "{place}");
        if reply.status == 200 {
            assert!(stream, "{place}");
            begun += 1;
            look(&reply, &place);
        } else {
            assert_refused(path, &reply, &place);
        }
    }
    assert!(!stream || begun > CUTS / 2, "{begun}");
    // Uncut, the same recording is an answer.
    harness.simulator.enqueue(Script::stream(vec![Step::Raw(bytes)]));
    let reply = harness.server.post(path, &question(path, stream)).await;
    assert_eq!(reply.status, 200);
    assert!(!reply.text().contains("upstream_incomplete"), "{}", reply.text());
}

#[tokio::test]
async fn a_cut_chat_stream_never_ends_well() {
    all(CHAT, true, |reply, place| {
        assert!(!reply.text().contains("[DONE]"), "{place}");
        let events = reply.events();
        let reasons = events.iter().map(|event| &event["choices"][0]["finish_reason"]);
        assert!(reasons.into_iter().all(Value::is_null), "{place}");
        assert_eq!(events.last().unwrap()["error"]["code"], "upstream_incomplete", "{place}");
    })
    .await;
}

#[tokio::test]
async fn a_cut_whole_chat_reply_is_a_bad_gateway() {
    all(CHAT, false, |_, _| {}).await;
}

#[tokio::test]
async fn a_cut_response_stream_never_ends_well() {
    all(RESPONSES, true, |reply, place| {
        let events = reply.events();
        assert!(events.iter().all(|event| event["type"] != "response.completed"), "{place}");
        assert!(events.iter().all(|e| e["response"]["status"] != "completed"), "{place}");
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.failed", "{place}");
        let error = &last["response"]["error"];
        assert_eq!(error["code"], "server_error", "{place}");
        assert!(error["message"].as_str().unwrap().contains("(upstream_incomplete)"), "{place}");
    })
    .await;
}

#[tokio::test]
async fn a_cut_whole_response_is_a_bad_gateway() {
    all(RESPONSES, false, |_, _| {}).await;
}

#[tokio::test]
async fn a_cut_stream_of_messages_never_ends_well() {
    all(MESSAGES, true, |reply, place| {
        let events = reply.events();
        assert!(events.iter().all(|event| event["type"] != "message_stop"), "{place}");
        assert!(events.iter().all(|event| event["delta"].get("stop_reason").is_none()), "{place}");
        let last = events.last().unwrap();
        assert_eq!((&last["type"], &last["error"]["type"]), (&json!("error"), &json!("api_error")));
        assert_eq!(last["error"]["details"]["error_code"], "upstream_incomplete", "{place}");
        assert!(reply.text().contains("event: error\ndata: "), "{place}");
    })
    .await;
}

#[tokio::test]
async fn a_cut_whole_message_is_a_bad_gateway() {
    all(MESSAGES, false, |_, _| {}).await;
}
