//! `POST /api/chat`: a turn of a conversation.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::shared::{Figures, Options};
use crate::json::{Raw, RawString, Text, object};
use crate::openai::chat::request::Tool;

object! {
    /// A chat request; it is streamed unless it says otherwise.
    pub struct Request<'b> {
        /// The model's name, perhaps with a tag.
        model: Text<'b> = "model",
        /// The conversation; empty to load the model.
        messages: Vec<Message<'b>> = "messages",
        /// Functions on offer.
        tools: Vec<Tool<'b>> = "tools",
        /// `json`, or a schema.
        format: Raw<'b> = "format",
        /// Parameters of the model.
        options: Options<'b> = "options",
        /// Whether to answer as a stream.
        stream: bool = "stream",
        /// How long the model stays loaded: seconds, or a text such as `5m`.
        keep_alive: Raw<'b> = "keep_alive",
        /// Whether, or how much, to think.
        think: Raw<'b> = "think",
        /// Whether to give log probabilities.
        logprobs: bool = "logprobs",
        /// How many alternatives to give log probabilities of.
        top_logprobs: u32 = "top_logprobs",
    }
}

object! {
    /// One message of the conversation.
    pub struct Message<'b> {
        /// `system`, `user`, `assistant` or `tool`.
        role: Text<'b> = "role",
        /// The text.
        content: RawString<'b> = "content",
        /// Images in base64.
        images: Vec<RawString<'b>> = "images",
        /// Calls that the assistant made.
        tool_calls: Vec<ToolCall<'b>> = "tool_calls",
        /// Name of the tool that a `tool` message is from.
        tool_name: Text<'b> = "tool_name",
        /// An older name of `tool_name`.
        name: Text<'b> = "name",
        /// The call that a `tool` message answers.
        tool_call_id: Text<'b> = "tool_call_id",
        /// The assistant's reasoning.
        thinking: Text<'b> = "thinking",
    }
}

object! {
    /// A call in the assistant's history.
    pub struct ToolCall<'b> {
        /// Joins call and result, where the client keeps it.
        id: Text<'b> = "id",
        /// Always `function`, where it is sent.
        kind: Text<'b> = "type",
        /// The called function.
        function: CalledFunction<'b> = "function",
    }
}

object! {
    /// A called function.
    pub struct CalledFunction<'b> {
        /// Position among the message's calls.
        index: u32 = "index",
        /// Its name.
        name: Text<'b> = "name",
        /// The arguments, an object.
        arguments: Raw<'b> = "arguments",
    }
}

/// One line of a streamed reply, or the whole of one that is not streamed.
#[derive(Clone, Debug, Serialize)]
pub struct Reply<'a> {
    /// The model as the client named it.
    pub model: &'a str,
    /// When the line was made, in the form of RFC 3339.
    pub created_at: String,
    /// What the assistant says, or a piece of it.
    pub message: ReplyMessage<'a>,
    /// Whether this is the last line.
    pub done: bool,
    /// Counts and times; in the last line only.
    #[serde(flatten)]
    pub figures: Option<Figures>,
}

/// What the assistant says.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReplyMessage<'a> {
    /// Always `assistant`.
    pub role: &'static str,
    /// The text, also where it is empty.
    pub content: &'a str,
    /// The reasoning.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub thinking: Cow<'a, str>,
    /// Calls, each whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ReplyCall<'a>>,
}

/// A call, whole.
#[derive(Clone, Debug, Serialize)]
pub struct ReplyCall<'a> {
    /// Joins call and result.
    pub id: &'a str,
    /// The called function.
    pub function: ReplyFunction<'a>,
}

/// A called function.
#[derive(Clone, Debug, Serialize)]
pub struct ReplyFunction<'a> {
    /// Position among the message's calls.
    pub index: usize,
    /// Its name.
    pub name: &'a str,
    /// The arguments, an object.
    pub arguments: Cow<'a, RawValue>,
}
