//! One turn without a network: a chat request in, the request for the backend out, and an answer back.
//!
//!     cargo run -p chatmock-translate --example one_turn
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it does")]

use std::error::Error;

use chatmock_translate::{Catalog, Chat, Policy, Translator};

/// What a backend that speaks the Responses API sends.
const ANSWER: &[&str] = &[
    "data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n",
    "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Oslo, \"}\n\n",
    "data: {\"type\":\"response.output_text.delta\",\"delta\":\"I think.\"}\n\n",
    "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\"}}\n\n",
];

fn main() -> Result<(), Box<dyn Error>> {
    let translator = Translator::new(Catalog::builtin(), Policy::default());
    let body = br#"{"model": "gpt-6-sol", "stream": true, "temperature": 0.2,
        "messages": [{"role": "user", "content": "The capital of Norway?"}]}"#;
    let turn = translator.turn(Chat, body, 1_795_000_000)?;
    for request in turn.requests() {
        println!("to the backend: {}\n", String::from_utf8_lossy(request));
    }
    for notice in turn.notices() {
        println!("to be told: {notice:?}\n");
    }
    let mut reply = turn.stream();
    for piece in ANSWER {
        reply.push(0, (*piece).into());
        if let Some(bytes) = reply.take() {
            print!("to the client: {}", String::from_utf8_lossy(&bytes));
        }
    }
    reply.close(0);
    assert!(reply.is_over() && reply.failure().is_none());
    Ok(())
}
