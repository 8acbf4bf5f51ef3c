//! A turn in WebAssembly, without a system under it: it ends normally, or traps where something is wrong.

use chatmock_translate::{Catalog, Chat, OllamaChat, Policy, Translator};

const ANSWER: &[&str] = &[
    "data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n",
    "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hello\"}\n\ndata: {\"type\":\"respon",
    "se.completed\",\"response\":{\"id\":\"resp_1\"}}\n\n",
];

fn main() {
    let translator = Translator::new(Catalog::builtin(), Policy::default());
    let body = br#"{"model":"gpt-6-sol","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let turn = translator.turn(Chat, body, 7).expect("a turn");
    assert_eq!(turn.requests().len(), 1);
    let mut reply = turn.stream();
    for piece in ANSWER {
        reply.push(0, (*piece).into());
    }
    assert!(reply.is_over() && reply.failure().is_none());
    let sent = reply.take().expect("bytes for the client");
    assert!(sent.ends_with(b"data: [DONE]\n\n"));

    let turn = translator.turn(OllamaChat, body, 7).expect("a turn");
    let mut reply = turn.whole();
    for piece in ANSWER {
        reply.push(0, (*piece).into()).expect("events");
    }
    let reply = reply.finish(std::time::Duration::from_secs(1)).expect("a reply");
    assert!(reply.windows(7).any(|text| text == b"\"Hello\""));
}
