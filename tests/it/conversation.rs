//! A conversation of several turns with a tool, in any dialect, as its clients hold one.

use chatmock_testkit::client::Request;
use chatmock_testkit::conversation;

use crate::dialects::Row;
use crate::harness::Running;

/// The messages so far, and how they are sent.
pub(crate) struct Conversation {
    messages: conversation::Conversation,
    /// The tools that were called, with their arguments.
    pub(crate) called: Vec<String>,
    /// Makes every request name a conversation of its own.
    pub(crate) renames: bool,
    requests: usize,
}

impl Conversation {
    pub(crate) fn new(dialect: Row, system: &str) -> Self {
        let messages = conversation::Conversation::new(dialect.path, system);
        Self { messages, called: Vec::new(), renames: false, requests: 0 }
    }

    /// Says something, answers every call of a tool, and goes on until the model has no more.
    pub(crate) async fn turn(&mut self, server: &Running, text: &str) {
        self.messages.say(text);
        let path = self.messages.path();
        for _ in 0..4 {
            let request = Request::post(path, self.messages.request().to_string());
            self.requests += 1;
            let request = match self.renames {
                true => request.with("session-id", &format!("{path}-{}", self.requests)),
                false => request,
            };
            let reply = server.send(request).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            let goes_on = self.messages.take(&reply.json());
            self.called.clone_from(&self.messages.called);
            if !goes_on {
                return;
            }
        }
        panic!("{path}: the model only calls tools");
    }
}
