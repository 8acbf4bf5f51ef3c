//! The dialects as a client sees them: what it asks, and what it takes for a complete answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chatmock_testkit::client::{Reply, Request};
use chatmock_translate::for_each_dialect;
use serde::Deserialize;
use serde_json::{Value, json};

/// One inbound API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Chat,
    Messages,
    Responses,
    Completions,
    OllamaChat,
    OllamaGenerate,
}

/// One of the two ways in which a dialect answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) dialect: Dialect,
    pub(crate) stream: bool,
}

/// Which of them a dialect of the program is. One that is added there does not compile here without.
trait Known {
    const DIALECT: Dialect;
}

impl Known for chatmock_translate::Chat {
    const DIALECT: Dialect = Dialect::Chat;
}

impl Known for chatmock_translate::Messages {
    const DIALECT: Dialect = Dialect::Messages;
}

impl Known for chatmock_translate::Responses {
    const DIALECT: Dialect = Dialect::Responses;
}

impl Known for chatmock_translate::Completions {
    const DIALECT: Dialect = Dialect::Completions;
}

impl Known for chatmock_translate::OllamaChat {
    const DIALECT: Dialect = Dialect::OllamaChat;
}

impl Known for chatmock_translate::OllamaGenerate {
    const DIALECT: Dialect = Dialect::OllamaGenerate;
}

impl Dialect {
    /// Every dialect of the program.
    pub(crate) fn all() -> Vec<Self> {
        for_each_dialect!(D => <D as Known>::DIALECT).into()
    }

    /// The bytes of a request with one text.
    pub(crate) fn request(self, text: &str, stream: bool) -> Vec<u8> {
        self.post(text, stream).bytes()
    }

    /// A request with one text.
    pub(crate) fn post(self, text: &str, stream: bool) -> Request {
        let mut body = json!({"model": "gpt-5.5", "stream": stream});
        let (name, value) = match self {
            Self::Chat | Self::Messages | Self::OllamaChat => {
                ("messages", json!([{"role": "user", "content": text}]))
            }
            Self::Responses => ("input", json!(text)),
            Self::Completions | Self::OllamaGenerate => ("prompt", json!(text)),
        };
        body[name] = value;
        if self == Self::Responses {
            // Kept responses are memory that is meant to grow.
            body["store"] = json!(false);
        }
        if self == Self::Messages {
            // The dialect demands a bound; the longest answer here has to fit into it.
            body["max_tokens"] = json!(128_000);
        }
        Request::post(self.path(), body.to_string())
    }

    /// Returns whether a client would take a reply for a complete answer.
    pub(crate) fn is_complete(self, reply: &Reply, stream: bool) -> bool {
        if !stream {
            return reply.status == 200;
        }
        let text = reply.text();
        match self {
            Self::Chat | Self::Completions => {
                let reason = |event: &Value| !event["choices"][0]["finish_reason"].is_null();
                text.contains("[DONE]") || objects(&text).any(|event| reason(&event))
            }
            Self::Messages => objects(&text).any(|event| event["type"] == "message_stop"),
            Self::Responses => objects(&text).any(|event| {
                event["type"] == "response.completed" || event["response"]["status"] == "completed"
            }),
            Self::OllamaChat | Self::OllamaGenerate => {
                objects(&text).any(|line| line["done"] == true)
            }
        }
    }

    /// Returns whether a reply reports a failure.
    pub(crate) fn reports_failure(reply: &Reply) -> bool {
        let signs = ["\"error\":{", "\"error\":\"", "\"type\":\"error\""];
        let text = reply.text();
        signs.iter().any(|sign| text.contains(sign))
    }

    /// Returns the text of a reply, followed by the arguments of its calls. `None` unless it is
    /// whole, and ends once and with its last event.
    pub(crate) fn said(self, reply: &str, stream: bool) -> Option<String> {
        if !stream {
            let value: Value = serde_json::from_str(reply).ok()?;
            return Some(whole(self, &value));
        }
        let mut said = Said::default();
        for line in reply.lines() {
            let data = match self {
                Self::OllamaChat | Self::OllamaGenerate => line,
                _ => line.strip_prefix("data: ").unwrap_or_default(),
            };
            match data {
                "" => {}
                "[DONE]" => said.ended(),
                _ if self == Self::Messages => {
                    said.block_event(serde_json::from_str(data).ok()?)?
                }
                _ if self == Self::OllamaGenerate => {
                    let Generated { response, done } = serde_json::from_str(data).ok()?;
                    let message = Some(Part { content: response, tool_calls: None });
                    said.event(Event { message, done, ..Event::default() })?;
                }
                _ => said.event(serde_json::from_str(data).ok()?)?,
            }
        }
        let ends = usize::from(matches!(self, Self::Chat | Self::Completions | Self::Messages));
        (said.finishes == 1 && said.ends == ends).then(|| said.all())
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Messages => "/v1/messages",
            Self::Responses => "/v1/responses",
            Self::Completions => "/v1/completions",
            Self::OllamaChat => "/api/chat",
            Self::OllamaGenerate => "/api/generate",
        }
    }
}

/// The text and calls of a streamed reply so far.
#[derive(Debug, Default)]
struct Said {
    text: String,
    /// By the call's place, since the deltas of several come in turn.
    arguments: BTreeMap<usize, String>,
    finishes: usize,
    ends: usize,
}

impl Said {
    fn all(self) -> String {
        std::iter::once(self.text).chain(self.arguments.into_values()).collect()
    }

    fn ended(&mut self) {
        self.ends += 1;
    }

    /// Takes one event; none may come behind the end.
    fn event(&mut self, event: Event<'_>) -> Option<()> {
        let output = event.message.is_some() || event.delta.is_some() || !event.choices.is_empty();
        if self.ends > 0 || output && self.finishes > 0 {
            return None;
        }
        match (event.kind.as_deref(), event.delta) {
            (Some("response.output_text.delta"), Some(delta)) => self.text.push_str(&delta),
            (Some("response.function_call_arguments.delta"), Some(delta)) => {
                self.arguments.entry(event.output_index).or_default().push_str(&delta);
            }
            (Some("response.completed"), _) => self.finishes += 1,
            _ => {}
        }
        for mut choice in event.choices {
            self.part(choice.part());
            self.finishes += usize::from(choice.finish_reason.is_some());
        }
        self.part(event.message.unwrap_or_default());
        self.finishes += usize::from(event.done);
        Some(())
    }

    /// Takes one event of a message.
    fn block_event(&mut self, event: BlockEvent<'_>) -> Option<()> {
        if self.ends > 0 || self.finishes > 0 && event.kind != "message_stop" {
            return None;
        }
        let BlockDelta { text, partial_json, stop_reason } = event.delta.unwrap_or_default();
        self.text.push_str(&text.unwrap_or_default());
        if let Some(more) = partial_json {
            self.arguments.entry(event.index).or_default().push_str(&more);
        }
        self.finishes += usize::from(stop_reason.is_some());
        self.ends += usize::from(event.kind == "message_stop");
        Some(())
    }

    fn part(&mut self, part: Part<'_>) {
        self.text.push_str(&part.content.unwrap_or_default());
        for call in part.tool_calls.unwrap_or_default() {
            let arguments = self.arguments.entry(call.index).or_default();
            arguments.push_str(&call.function.arguments.unwrap_or_default());
        }
    }
}

/// A line of Ollama's generate endpoint. Apart, since `response` is an object elsewhere.
#[derive(Debug, Deserialize)]
struct Generated<'e> {
    #[serde(borrow, default)]
    response: Option<Cow<'e, str>>,
    #[serde(default)]
    done: bool,
}

/// An event of any other dialect: what matters of it here.
#[derive(Debug, Default, Deserialize)]
struct Event<'e> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'e, str>>,
    #[serde(borrow, default)]
    delta: Option<Cow<'e, str>>,
    #[serde(borrow, default)]
    choices: Vec<Choice<'e>>,
    #[serde(borrow, default)]
    message: Option<Part<'e>>,
    #[serde(default)]
    output_index: usize,
    #[serde(default)]
    done: bool,
}

/// An event of a message: what matters of it here.
#[derive(Debug, Deserialize)]
struct BlockEvent<'e> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'e, str>,
    #[serde(default)]
    index: usize,
    #[serde(borrow, default)]
    delta: Option<BlockDelta<'e>>,
}

#[derive(Debug, Default, Deserialize)]
struct BlockDelta<'e> {
    #[serde(borrow, default)]
    text: Option<Cow<'e, str>>,
    #[serde(borrow, default)]
    partial_json: Option<Cow<'e, str>>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'e, str>>,
}

#[derive(Debug, Deserialize)]
struct Choice<'e> {
    #[serde(borrow, default)]
    delta: Option<Part<'e>>,
    #[serde(borrow, default)]
    text: Option<Cow<'e, str>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'e, str>>,
}

impl<'e> Choice<'e> {
    fn part(&mut self) -> Part<'e> {
        let mut part = self.delta.take().unwrap_or_default();
        part.content = part.content.or_else(|| self.text.take());
        part
    }
}

#[derive(Debug, Default, Deserialize)]
struct Part<'e> {
    #[serde(borrow, default)]
    content: Option<Cow<'e, str>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Call<'e>>>,
}

#[derive(Debug, Deserialize)]
struct Call<'e> {
    #[serde(default)]
    index: usize,
    #[serde(borrow)]
    function: Function<'e>,
}

#[derive(Debug, Deserialize)]
struct Function<'e> {
    #[serde(borrow, default)]
    arguments: Option<Cow<'e, str>>,
}

/// Returns the text and the arguments of a whole reply.
fn whole(dialect: Dialect, reply: &Value) -> String {
    let words = |pointers: &[&str]| {
        let texts = pointers.iter().filter_map(|pointer| reply.pointer(pointer));
        texts.filter_map(Value::as_str).collect::<String>()
    };
    let calls = |list: &Value| {
        let calls = list.as_array().into_iter().flatten();
        calls.filter_map(|call| call["function"]["arguments"].as_str()).collect::<String>()
    };
    match dialect {
        Dialect::Chat => {
            let message = &reply["choices"][0]["message"];
            words(&["/choices/0/message/content"]) + &calls(&message["tool_calls"])
        }
        Dialect::Messages => {
            let blocks = reply["content"].as_array().into_iter().flatten();
            let said = |block: &Value| match block["text"].as_str() {
                Some(text) => text.to_owned(),
                None => block.get("input").map(Value::to_string).unwrap_or_default(),
            };
            blocks.map(said).collect()
        }
        Dialect::Completions => words(&["/choices/0/text"]),
        Dialect::OllamaChat => words(&["/message/content"]),
        Dialect::OllamaGenerate => words(&["/response"]),
        Dialect::Responses => {
            let items = reply["output"].as_array().into_iter().flatten();
            let texts = items.flat_map(|item| {
                let parts = item["content"].as_array().into_iter().flatten();
                parts.map(|part| &part["text"]).chain([&item["arguments"]])
            });
            texts.filter_map(Value::as_str).collect()
        }
    }
}

/// The JSON of every event or line of a stream.
fn objects(body: &str) -> impl Iterator<Item = Value> {
    let texts = body.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
    texts.filter_map(|text| serde_json::from_str(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stream_says_is_joined_and_ends_once() {
        let chunk = |delta: &str, reason: &str| {
            let choice = format!("{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}");
            format!("data: {{\"choices\":[{choice}]}}\n\n")
        };
        let text = chunk("{\"content\":\"a\\n\"}", "null") + &chunk("{\"content\":\"b\"}", "null");
        let end = chunk("{}", "\"stop\"") + "data: [DONE]\n\n";
        let said = |text: &str| Dialect::Chat.said(text, true);
        assert_eq!(said(&format!("{text}{end}")).as_deref(), Some("a\nb"));
        assert_eq!(said(&text), None);
        assert_eq!(said(&format!("{text}{end}{end}")), None);
        assert_eq!(said(&format!("{text}{end}{text}")), None);
        assert_eq!(said(&format!("{text}data: [DONE]\n\n")), None);
    }
}
