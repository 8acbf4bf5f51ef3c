//! The whole reply of a chat completion, and the chunks of a stream.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

/// `chat.completion`.
#[derive(Clone, Debug, Serialize)]
pub struct Completion<'a> {
    /// The reply's id.
    pub id: Cow<'a, str>,
    /// Always `chat.completion`.
    pub object: &'static str,
    /// Seconds of the Unix epoch.
    pub created: u64,
    /// The model as the client named it.
    pub model: &'a str,
    /// The answers.
    pub choices: Vec<Choice<'a>>,
    /// Token counts, if the backend reported them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The service tier that was used, if the backend reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<&'a str>,
    /// Always `null`: the backend reports none. OpenAI's own answers have it.
    pub system_fingerprint: Option<()>,
}

/// One answer.
#[derive(Clone, Debug, Serialize)]
pub struct Choice<'a> {
    /// Its position.
    pub index: u32,
    /// The assistant's message.
    pub message: Message<'a>,
    /// Always `null`: the backend returns none.
    pub logprobs: Option<()>,
    /// `stop`, `length`, `tool_calls`, `function_call` or `content_filter`.
    pub finish_reason: &'static str,
}

/// A whole assistant message.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Message<'a> {
    /// Always `assistant`.
    pub role: &'static str,
    /// The text; `null` when there are only calls or a refusal.
    pub content: Option<Cow<'a, str>>,
    /// The text of the refusal.
    pub refusal: Option<Cow<'a, str>>,
    /// Citations; an empty list where there are none.
    pub annotations: Vec<Annotation<'a>>,
    /// Reasoning, in the configured style.
    #[serde(flatten)]
    pub reasoning: Reasoning<'a>,
    /// Reasoning to be sent back in later requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasoning_details: Vec<ReasoningDetail<'a>>,
    /// Calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall<'a>>,
    /// The old form of a call, for clients that offered `functions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCall<'a>>,
    /// Generated images; not part of OpenAI's shape, but read by several programs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
}

/// Reasoning text in one of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reasoning<'a> {
    /// The field that most programs read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<Cow<'a, str>>,
    /// ChatMock's former field for summaries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_summary: Option<Cow<'a, str>>,
    /// The field of ChatMock's `o3` style, and its former field for raw reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<ReasoningField<'a>>,
}

/// An element of `reasoning_details`, in which clients carry reasoning from turn to turn: OpenRouter's convention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
pub enum ReasoningDetail<'a> {
    /// The summary of an item.
    #[serde(rename = "reasoning.summary")]
    Summary {
        /// The text.
        summary: Cow<'a, str>,
        /// The shape that the element was made from.
        format: &'static str,
        /// The position of the item in the reply.
        index: usize,
    },
    /// An item as only the backend can read it.
    #[serde(rename = "reasoning.encrypted")]
    Encrypted {
        /// The sealed item.
        data: Cow<'a, str>,
        /// The shape that the element was made from.
        format: &'static str,
        /// The position of the item in the reply.
        index: usize,
    },
}

/// The two forms of the field `reasoning`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ReasoningField<'a> {
    /// Text alone.
    Text(Cow<'a, str>),
    /// A list of one text part.
    Parts {
        /// The parts.
        content: [ReasoningPart<'a>; 1],
    },
}

/// A part in the `o3` style.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReasoningPart<'a> {
    /// Always `text`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The text.
    pub text: Cow<'a, str>,
}

/// A call in a message (whole) or in a chunk (a piece, with its `index`).
#[derive(Clone, Debug, Serialize)]
pub struct ToolCall<'a> {
    /// The index of the call in the message; chunks only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The id that links call and result; in the first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// `function` or `custom`; in the first piece only.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// A function's call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<FunctionCall<'a>>,
    /// A freeform tool's call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomCall<'a>>,
}

/// A function's name and arguments.
#[derive(Clone, Debug, Serialize)]
pub struct FunctionCall<'a> {
    /// The name; in the first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// The arguments, or a piece of them.
    pub arguments: &'a str,
}

/// A freeform tool's name and input.
#[derive(Clone, Debug, Serialize)]
pub struct CustomCall<'a> {
    /// The name; in the first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// The input, or a piece of it.
    pub input: &'a str,
}

/// A citation in OpenAI's shape, or another annotation as the backend sent it.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Annotation<'a> {
    /// A cited page.
    Url {
        /// Always `url_citation`.
        #[serde(rename = "type")]
        kind: &'static str,
        /// The page.
        url_citation: UrlCitation<'a>,
    },
    /// Any other kind.
    Other(&'a RawValue),
}

/// A cited page, and the characters of the content that cite it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UrlCitation<'a> {
    /// First character.
    pub start_index: u64,
    /// One past the last character.
    pub end_index: u64,
    /// The page's address.
    pub url: Cow<'a, str>,
    /// The page's title.
    pub title: Cow<'a, str>,
}

/// A generated image.
#[derive(Clone, Debug, Serialize)]
pub struct Image {
    /// Always `image_url`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The image.
    pub image_url: ImageUrl,
}

/// A generated image's address.
#[derive(Clone, Debug, Serialize)]
pub struct ImageUrl {
    /// A `data:` address.
    pub url: String,
}

/// Token counts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Usage {
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Both.
    pub total_tokens: u64,
    /// Parts of the tokens read.
    pub prompt_tokens_details: PromptDetails,
    /// Parts of the tokens written.
    pub completion_tokens_details: CompletionDetails,
}

/// Parts of the tokens read.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PromptDetails {
    /// From the prompt cache.
    pub cached_tokens: u64,
    /// Always 0: the backend reads no audio.
    pub audio_tokens: u64,
}

/// Parts of the tokens written.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CompletionDetails {
    /// Reasoning.
    pub reasoning_tokens: u64,
    /// Always 0: the backend writes no audio.
    pub audio_tokens: u64,
    /// Always 0: the backend takes no predictions.
    pub accepted_prediction_tokens: u64,
    /// Always 0, for the same reason.
    pub rejected_prediction_tokens: u64,
}

impl From<crate::responses::Usage> for Usage {
    fn from(usage: crate::responses::Usage) -> Self {
        Self {
            prompt_tokens: usage.input,
            completion_tokens: usage.output,
            total_tokens: usage.total,
            prompt_tokens_details: PromptDetails { cached_tokens: usage.cached, audio_tokens: 0 },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: usage.reasoning,
                audio_tokens: 0,
                accepted_prediction_tokens: 0,
                rejected_prediction_tokens: 0,
            },
        }
    }
}

/// The members with which all chunks of a stream begin.
#[derive(Clone, Debug, Serialize)]
pub struct ChunkHead<'a> {
    /// The reply's id.
    pub id: &'a str,
    /// Always `chat.completion.chunk`.
    pub object: &'static str,
    /// Seconds of the Unix epoch.
    pub created: u64,
    /// The model as the client named it.
    pub model: &'a str,
    /// Always `null`: the backend reports none. OpenAI's own chunks have it.
    pub system_fingerprint: Option<()>,
}

/// One choice of a chunk.
#[derive(Clone, Debug, Serialize)]
pub struct ChunkChoice<'a> {
    /// Its position.
    pub index: u32,
    /// The new parts of the message.
    pub delta: Delta<'a>,
    /// Always `null`: the backend returns none.
    pub logprobs: Option<()>,
    /// Why the choice ended; only in its last chunk.
    pub finish_reason: Option<&'static str>,
}

/// The parts that a chunk adds to the message.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Delta<'a> {
    /// `assistant`, in the first chunk only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// The next piece of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<&'a str>,
    /// The next piece of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<&'a str>,
    /// New citations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<[Annotation<'a>; 1]>,
    /// The next piece of reasoning.
    #[serde(flatten)]
    pub reasoning: Reasoning<'a>,
    /// A whole item of reasoning, to be sent back in later requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasoning_details: Vec<ReasoningDetail<'a>>,
    /// The next piece of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<[ToolCall<'a>; 1]>,
    /// The next piece of an old-form call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCall<'a>>,
    /// A generated image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<[Image; 1]>,
}
