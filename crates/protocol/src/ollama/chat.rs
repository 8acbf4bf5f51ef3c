//! `POST /api/chat`: a turn of a conversation.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::shared::{Figures, Options};
use crate::json::{Raw, RawString, Text, object};
use crate::openai::chat::request::Tool;

object! {
    /// A chat request; the answer is streamed unless the request says otherwise.
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
        /// True to answer as a stream.
        stream: bool = "stream",
        /// The time that the model stays loaded: seconds, or a text such as `5m`.
        keep_alive: Raw<'b> = "keep_alive",
        /// A boolean that turns reasoning on or off, or the effort.
        think: Raw<'b> = "think",
        /// True to return log probabilities.
        logprobs: bool = "logprobs",
        /// The number of alternatives to return log probabilities of.
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
        /// The id that links call and result, if the client keeps it.
        id: Text<'b> = "id",
        /// Always `function`, if it is sent.
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

/// One line of a streamed reply, or all of a reply that is not streamed.
#[derive(Clone, Debug, Serialize)]
pub struct Reply<'a> {
    /// The model as the client named it.
    pub model: &'a str,
    /// When the line was written, in the format of RFC 3339.
    pub created_at: String,
    /// The assistant's message, or a piece of it.
    pub message: ReplyMessage<'a>,
    /// True if this is the last line.
    pub done: bool,
    /// Counts and times; in the last line only.
    #[serde(flatten)]
    pub figures: Option<Figures>,
}

/// The assistant's message.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReplyMessage<'a> {
    /// Always `assistant`.
    pub role: &'static str,
    /// The text, which may be empty.
    pub content: Cow<'a, str>,
    /// The reasoning.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub thinking: Cow<'a, str>,
    /// Calls, each complete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ReplyCall<'a>>,
}

/// A complete call.
#[derive(Clone, Debug, Serialize)]
pub struct ReplyCall<'a> {
    /// The id that links call and result.
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
