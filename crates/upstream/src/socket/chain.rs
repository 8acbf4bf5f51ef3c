//! Chains: whether a request goes on from the last answer of a connection, and what is new in it.
//!
//! Pure, and careful: wherever the two could mean different things, the whole conversation is sent, which is never
//! wrong and only larger.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::{BufMut, Bytes, BytesMut};
use chatmock_protocol::json::{items, members};
use serde_json::{Map, Value};

/// Members that may differ from one request of a chain to the next.
const CHANGING: [&str; 4] = ["input", "previous_response_id", "generate", "client_metadata"];

/// Members that the backend adds to items, and clients may leave out when they send those back.
const ADDED: [&str; 5] = ["id", "status", "phase", "namespace", "encrypted_content"];

/// An item, by what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// One that was sent, by its text.
    Sent(u64),
    /// One that was answered, by its meaning: clients word it in their own way when they send it back.
    Answered(u64),
}

/// A request as it was sent on a connection.
#[derive(Debug)]
pub(crate) struct SentRequest {
    members: u64,
    items: Vec<Item>,
}

/// The conversation so far, on the connection that had it.
#[derive(Debug)]
pub(crate) struct Chain {
    response_id: String,
    sent: SentRequest,
    /// Calls of the last answer, each of which needs its output next.
    calls: Vec<String>,
}

impl SentRequest {
    /// Notes what a request says.
    pub(crate) fn of(body: &str) -> Self {
        let items = items(input(body)).filter(|item| !is_reasoning(item));
        let items = items.map(|item| Item::Sent(hashed(item))).collect();
        Self { members: constant_members(body), items }
    }

    /// Adds what was answered, each item as the backend wrote it.
    pub(crate) fn answered(mut self, response_id: String, output: &[String]) -> Chain {
        let mut calls = Vec::new();
        for item in output.iter().filter(|item| !is_reasoning(item)) {
            let value: Value = serde_json::from_str(item).unwrap_or_default();
            if let Some(call) = value["call_id"].as_str() {
                calls.push(call.to_owned());
            }
            self.items.push(Item::Answered(meaning(value)));
        }
        Chain { response_id, sent: self, calls }
    }
}

impl Chain {
    /// Returns the message that sends only what is new; `None` where the request does not go on from this.
    pub(crate) fn continued(&self, body: &str) -> Option<Bytes> {
        if constant_members(body) != self.sent.members {
            return None;
        }
        let mut rest = items(input(body));
        let mut known = self.sent.items.iter();
        let mut expected = known.next();
        while let Some(item) = expected {
            let next = rest.next()?;
            // Reasoning is the backend's own: it has it, whether a client sends it back or not.
            if is_reasoning(next) {
                continue;
            }
            let same = match item {
                Item::Sent(hash) => *hash == hashed(next),
                Item::Answered(hash) => *hash == meaning(serde_json::from_str(next).ok()?),
            };
            if !same {
                return None;
            }
            expected = known.next();
        }
        let rest: Vec<&str> = rest.collect();
        let answered = |call: &String| rest.iter().any(|item| is_output_of(item, call));
        if rest.is_empty() || !self.calls.iter().all(answered) {
            return None;
        }
        Some(message(body, Some((&self.response_id, &rest))))
    }
}

/// What the requests of a chain have in common.
fn constant_members(body: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    for (name, value) in members(body).filter(|(name, _)| !CHANGING.contains(name)) {
        (name, value).hash(&mut hash);
    }
    hash.finish()
}

/// Returns the message that sends a request: whole, or only what follows an answer.
pub(super) fn message(body: &str, next: Option<(&str, &[&str])>) -> Bytes {
    let mut message = BytesMut::with_capacity(64 + if next.is_some() { 1024 } else { body.len() });
    message.put_slice(b"{\"type\":\"response.create\"");
    for (name, value) in members(body) {
        let left_out = matches!(name, "type" | "stream_id" | "generate" | "previous_response_id");
        if left_out || (name == "input" && next.is_some()) {
            continue;
        }
        put(&mut message, name, value);
    }
    if let Some((id, rest)) = next {
        let id = serde_json::to_string(id).unwrap_or_default();
        put(&mut message, "previous_response_id", &id);
        put(&mut message, "input", &format!("[{}]", rest.join(",")));
    }
    message.put_u8(b'}');
    message.freeze()
}

fn put(message: &mut BytesMut, name: &str, value: &str) {
    message.put_slice(b",\"");
    message.put_slice(name.as_bytes());
    message.put_slice(b"\":");
    message.put_slice(value.as_bytes());
}

fn input(body: &str) -> &str {
    members(body).find(|(name, _)| *name == "input").map_or("", |(_, input)| input)
}

fn is_reasoning(item: &str) -> bool {
    members(item).any(|(name, value)| name == "type" && value == "\"reasoning\"")
}

/// Returns whether an item is the output of a call.
fn is_output_of(item: &str, call: &str) -> bool {
    let mut kind = false;
    let mut named = false;
    for (name, value) in members(item) {
        kind |= name == "type" && value.ends_with("_output\"");
        named |= name == "call_id" && value.trim_matches('"') == call;
    }
    kind && named
}

fn hashed(text: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    text.hash(&mut hash);
    hash.finish()
}

/// The meaning of an item: without what the backend adds, with arguments as the JSON that they are.
fn meaning(item: Value) -> u64 {
    let Value::Object(mut item) = item else { return hashed(&item.to_string()) };
    strip(&mut item);
    if let Some(arguments) = item.get("arguments").and_then(Value::as_str)
        && let Ok(read) = serde_json::from_str::<Value>(arguments)
    {
        item.insert("arguments".to_owned(), read);
    }
    if item.get("role").is_some() {
        item.entry("type").or_insert_with(|| "message".into());
    }
    if let Some(Value::String(text)) = item.get("content") {
        let part = serde_json::json!([{"type": "output_text", "text": text}]);
        item.insert("content".to_owned(), part);
    }
    if let Some(Value::Array(parts)) = item.get_mut("content") {
        for part in parts.iter_mut().filter_map(Value::as_object_mut) {
            part.remove("annotations");
            part.remove("logprobs");
        }
    }
    hashed(&Value::Object(item).to_string())
}

fn strip(item: &mut Map<String, Value>) {
    for name in ADDED {
        item.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(input: &str) -> String {
        format!(
            r#"{{"model":"m","tools":[1],"input":{input},"client_metadata":{{"a":"{}"}}}}"#,
            input.len()
        )
    }

    fn chain(input: &str, output: &[&str]) -> Chain {
        let output: Vec<String> = output.iter().map(|item| (*item).to_owned()).collect();
        SentRequest::of(&body(input)).answered("resp_1".to_owned(), &output)
    }

    const ASKED: &str = r#"{"role":"user","content":"a"}"#;
    const SAID: &str = r#"{"id":"msg_1","type":"message","status":"completed","role":"assistant","phase":"final_answer","content":[{"type":"output_text","text":"b","annotations":[],"logprobs":[]}]}"#;
    const THOUGHT: &str =
        r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"}"#;
    const CALLED: &str = r#"{"id":"fc_1","type":"function_call","status":"completed","call_id":"c1","name":"f","arguments":"{\"a\": 1,\"b\":2}"}"#;

    #[test]
    fn only_what_is_new_goes_on_in_whichever_words_the_client_repeats_the_answer() {
        let more = r#"{"role":"user","content":"c"}"#;
        for said in [
            SAID,
            r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"b"}]}"#,
            r#"{"role":"assistant","content":"b"}"#,
        ] {
            let chain = chain(&format!("[{ASKED}]"), &[THOUGHT, SAID]);
            let next = body(&format!("[{ASKED},{said},{more}]"));
            let sent = chain.continued(&next).unwrap_or_else(|| panic!("{said}"));
            let expected = format!(
                r#"{{"type":"response.create","model":"m","tools":[1],"client_metadata":{{"a":"{}"}},"previous_response_id":"resp_1","input":[{more}]}}"#,
                format!("[{ASKED},{said},{more}]").len()
            );
            assert_eq!(sent, expected);
            let with_thought = body(&format!("[{ASKED},{THOUGHT},{said},{more}]"));
            assert!(chain.continued(&with_thought).is_some(), "{said}");
        }
    }

    #[test]
    fn every_call_needs_its_output() {
        let other = CALLED.replace("c1", "c2");
        let chain = chain(&format!("[{ASKED}]"), &[CALLED, &other]);
        let call =
            r#"{"type":"function_call","call_id":"c1","name":"f","arguments":"{\"b\":2,\"a\":1}"}"#;
        let calls = format!("{ASKED},{call},{}", call.replace("c1", "c2"));
        let output = r#"{"type":"function_call_output","call_id":"c1","output":"x"}"#;
        assert!(chain.continued(&body(&format!("[{calls},{output}]"))).is_none());
        let outputs = format!("{output},{}", output.replace("c1", "c2"));
        assert!(chain.continued(&body(&format!("[{calls},{outputs}]"))).is_some());
    }

    #[test]
    fn whatever_differs_is_sent_whole() {
        let chain = chain(&format!("[{ASKED}]"), &[SAID]);
        let more = r#"{"role":"user","content":"c"}"#;
        let next = body(&format!("[{ASKED},{SAID},{more}]"));
        for other in [
            next.replace(r#""tools":[1]"#, r#""tools":[2]"#),
            next.replace(r#""content":"a""#, r#""content":"A""#),
            next.replace(r#""text":"b""#, r#""text":"B""#),
            body(&format!("[{ASKED},{SAID}]")),
            body(&format!("[{ASKED},{more}]")),
            body(&format!("[{more}]")),
        ] {
            assert!(chain.continued(&other).is_none(), "{other}");
        }
    }
}
