//! A conversation of several turns with a tool, in any dialect, as its clients hold one.

use chatmock_testkit::client::Request;
use chatmock_testkit::conversation;
use serde_json::Value;

use crate::dialects::Row;
use crate::harness::{CHAT, RESPONSES, Running};

/// The most requests of a turn.
const MOST: usize = 16;

/// The messages so far, and how they are sent.
pub(crate) struct Conversation {
    messages: conversation::Conversation,
    /// The tools that were called, with their arguments.
    pub(crate) called: Vec<String>,
    /// Makes every request name a conversation of its own.
    pub(crate) renames: bool,
    /// Sends back nothing of what the model thought.
    pub(crate) forgets: bool,
    requests: usize,
}

impl Conversation {
    pub(crate) fn new(dialect: Row, system: &str) -> Self {
        let messages = conversation::Conversation::new(dialect.path, system);
        Self { messages, called: Vec::new(), renames: false, forgets: false, requests: 0 }
    }

    /// Says something, answers every call of a tool, and goes on until the model has no more.
    pub(crate) async fn turn(&mut self, server: &Running, text: &str) {
        self.say(text);
        for _ in 0..MOST {
            if !self.step(server).await {
                return;
            }
        }
        panic!("{}: the model only calls tools", self.messages.path());
    }

    /// Adds what the person says.
    pub(crate) fn say(&mut self, text: &str) {
        self.messages.say(text);
    }

    /// Asks once, and answers every call; returns whether there was one.
    pub(crate) async fn step(&mut self, server: &Running) -> bool {
        let path = self.messages.path();
        let request = Request::post(path, self.messages.request().to_string());
        self.requests += 1;
        let request = match self.renames {
            true => request.with("session-id", &format!("{path}-{}", self.requests)),
            false => request,
        };
        let reply = server.send(request).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let mut reply = reply.json();
        if self.forgets {
            forget(path, &mut reply);
        }
        let goes_on = self.messages.take(&reply);
        self.called.clone_from(&self.messages.called);
        goes_on
    }
}

/// Takes what the model thought out of a reply.
fn forget(path: &str, reply: &mut Value) {
    let (list, kind) = match path {
        RESPONSES => (&mut reply["output"], "reasoning"),
        "/v1/messages" => (&mut reply["content"], "thinking"),
        CHAT => {
            let message = &mut reply["choices"][0]["message"];
            message.as_object_mut().unwrap().remove("reasoning_details");
            return;
        }
        _ => return,
    };
    list.as_array_mut().unwrap().retain(|entry| entry["type"] != kind);
}
