//! The dialects as a client sees them: name, path and a question, from a table.

use std::fmt;

use chatmock_testkit::client::Reply;
use chatmock_translate::{Dialect, for_each_dialect};
use serde_json::{Value, json};

use crate::harness::{Running, output_text};

const TABLE: &str = include_str!("../fixtures/dialects.tsv");

/// One dialect.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// The dialect's name, by which its fixtures are called.
    pub(crate) name: &'static str,
    /// Where its turns are asked for.
    pub(crate) path: &'static str,
    /// The beginning of its heading in `docs/dialects.md`.
    pub(crate) heading: &'static str,
    /// The modules of `translate` with its unit tests.
    pub(crate) tests: &'static str,
    /// The body of a turn that is answered.
    pub(crate) question: &'static str,
}

impl Row {
    /// The body of a turn with one user text.
    pub(crate) fn ask(self, text: &str, stream: bool) -> Value {
        let question = self.question.replace("\"hi\"", &json!(text).to_string());
        let mut body: Value = serde_json::from_str(&question).unwrap();
        let members = body.as_object_mut().unwrap();
        members.remove("stream_options");
        members.insert("model".to_owned(), json!("gpt-5.5"));
        members.insert("stream".to_owned(), json!(stream));
        body
    }

    /// The text of an answer, streamed or whole.
    pub(crate) fn text(self, reply: &Reply, stream: bool) -> String {
        if !stream {
            return self.text_of(&reply.json());
        }
        let messages = if self.is_ollama() { reply.lines() } else { reply.events() };
        messages.iter().map(|message| self.text_of(message)).collect()
    }

    /// The text in a whole answer or in one message of a stream.
    fn text_of(self, message: &Value) -> String {
        let choice = &message["choices"][0];
        let text = match self.name {
            "chat" if choice["delta"].is_object() => &choice["delta"]["content"],
            "chat" => &choice["message"]["content"],
            "completions" => &choice["text"],
            "messages" if message["type"] == "message" => return blocks_text(message),
            "messages" => &message["delta"]["text"],
            "ollama-chat" => &message["message"]["content"],
            "ollama-generate" => &message["response"],
            "responses" if message["object"] == "response" => return output_text(message),
            "responses" if message["type"] == "response.output_text.delta" => &message["delta"],
            "responses" => return String::new(),
            other => panic!("where {other} has its text is to be said here"),
        };
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Asserts a failure with this status and, in OpenAI's shape, with these members of its `error`;
    /// Anthropic's has the code alone, and Ollama's a message and nothing else.
    pub(crate) fn assert_failure(self, reply: &Reply, status: u16, members: &[(&str, &str)]) {
        let status = self.status(status);
        assert_eq!(reply.status, status, "{}: {}", self.name, reply.text());
        let error = &reply.json()["error"];
        if self.is_anthropic() {
            let code = members.iter().find(|(member, _)| *member == "code");
            assert!(code.is_none_or(|(_, code)| self.code(error) == Some(*code)), "{error}");
            assert!(error["message"].as_str().is_some_and(|words| !words.is_empty()), "{error}");
            assert_eq!(reply.json()["request_id"].as_str(), reply.header("request-id"));
            return;
        }
        if self.is_ollama() {
            assert!(error.as_str().is_some_and(|words| !words.is_empty()), "{error}");
            return;
        }
        let _complete = reply.error();
        for (member, value) in members {
            assert_eq!(error[*member], *value, "{}: {member} of {error}", self.name);
        }
    }

    /// The status of a failure in the dialect, where others have this one.
    pub(crate) fn status(self, status: u16) -> u16 {
        if self.is_anthropic() && status == 503 { 529 } else { status }
    }

    /// The code in an error of the dialect; Ollama's have none.
    pub(crate) fn code(self, error: &Value) -> Option<&str> {
        let error =
            if self.is_anthropic() { &error["details"]["error_code"] } else { &error["code"] };
        error.as_str()
    }

    fn is_anthropic(self) -> bool {
        self.path == "/v1/messages"
    }

    fn is_ollama(self) -> bool {
        self.path.starts_with("/api/")
    }
}

/// The text of a whole message.
fn blocks_text(message: &Value) -> String {
    let blocks = message["content"].as_array().into_iter().flatten();
    blocks.filter_map(|block| block["text"].as_str()).collect()
}

impl Running {
    /// Asks a question in a dialect.
    pub(crate) async fn ask(&self, dialect: Row, text: &str, stream: bool) -> Reply {
        self.post(dialect.path, &dialect.ask(text, stream)).await
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// Every dialect, each with a streamed and a whole answer.
pub(crate) fn ways() -> Vec<(Row, bool)> {
    dialects().into_iter().flat_map(|dialect| [(dialect, true), (dialect, false)]).collect()
}

/// Every dialect whose requests carry the messages of a conversation.
pub(crate) fn conversational() -> Vec<Row> {
    let mut all = dialects();
    all.retain(|dialect| !dialect.question.contains("\"prompt\""));
    all
}

/// Every dialect of `translate`'s list.
pub(crate) fn dialects() -> Vec<Row> {
    for_each_dialect!(D => dialect(D::NAME)).into()
}

/// The row of a dialect.
pub(crate) fn dialect(name: &str) -> Row {
    let row = rows().find(|row| row.name == name);
    row.unwrap_or_else(|| panic!("tests/fixtures/dialects.tsv has no row for {name}"))
}

fn rows() -> impl Iterator<Item = Row> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines.map(|line| {
        let [name, path, heading, tests, question] = line.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("a row of five cells is wanted: {line}");
        };
        Row { name, path, heading, tests, question }
    })
}

#[test]
fn every_row_is_a_dialect() {
    let names: Vec<&str> = dialects().iter().map(|row| row.name).collect();
    let unknown: Vec<&str> = rows().map(|row| row.name).filter(|n| !names.contains(n)).collect();
    assert!(unknown.is_empty(), "translate has no {unknown:?}");
}
