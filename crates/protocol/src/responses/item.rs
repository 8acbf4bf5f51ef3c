//! Items: what goes into a conversation, and what a response is made of.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::{Passage, Quoted, Text};

/// Who a message is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
    /// Whoever built the program; the backend refuses `system`.
    Developer,
}

/// An item of a request's `input` that a lowering writes.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InputItem<'a> {
    /// Something said.
    Message {
        /// Who said it.
        role: Role,
        /// Its parts.
        content: Vec<ContentPart<'a>>,
    },
    /// The model's call of a function.
    FunctionCall {
        /// Joins call and output; 64 characters at most.
        call_id: Cow<'a, str>,
        /// The function's name.
        name: Cow<'a, str>,
        /// The arguments as the model wrote them.
        arguments: Passage<'a>,
    },
    /// What a function gave back.
    FunctionCallOutput {
        /// The call's id.
        call_id: Cow<'a, str>,
        /// The result.
        output: ToolOutput<'a>,
    },
    /// The model's call of a freeform tool.
    CustomToolCall {
        /// Joins call and output; 64 characters at most.
        call_id: Cow<'a, str>,
        /// The tool's name.
        name: Cow<'a, str>,
        /// The input as the model wrote it.
        input: Passage<'a>,
    },
    /// What a freeform tool gave back.
    CustomToolCallOutput {
        /// The call's id.
        call_id: Cow<'a, str>,
        /// The result.
        output: ToolOutput<'a>,
    },
}

/// A tool's result: plain text, or parts.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum ToolOutput<'a> {
    /// Plain text.
    Text(Passage<'a>),
    /// Text, images and files.
    Parts(Vec<ContentPart<'a>>),
}

impl<'a> From<Vec<ContentPart<'a>>> for ToolOutput<'a> {
    /// Text alone is plain text.
    fn from(parts: Vec<ContentPart<'a>>) -> Self {
        match <[ContentPart<'a>; 1]>::try_from(parts) {
            Ok([ContentPart::InputText { text }]) => Self::Text(text),
            Ok([part]) => Self::Parts(vec![part]),
            Err(parts) => Self::Parts(parts),
        }
    }
}

/// A part of a message or of a tool's result.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContentPart<'a> {
    /// Text from the person or the developer.
    InputText {
        /// The text.
        text: Passage<'a>,
    },
    /// Text from the model.
    OutputText {
        /// The text.
        text: Passage<'a>,
    },
    /// A refusal from the model.
    Refusal {
        /// The refusal's words.
        refusal: Cow<'a, str>,
    },
    /// An image.
    InputImage {
        /// A `data:` or `https:` address.
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<Passage<'a>>,
        /// The id of an uploaded file.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<Cow<'a, str>>,
        /// `auto`, `low`, `high` or `original`.
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<Cow<'a, str>>,
    },
    /// A file.
    InputFile {
        /// The file's name.
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<Cow<'a, str>>,
        /// The file as a `data:` address.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<Passage<'a>>,
        /// The id of an uploaded file.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<Cow<'a, str>>,
    },
}

/// An item of a response, as far as it is read; the raw text stays beside it.
#[derive(Debug)]
pub struct OutputItem<'a> {
    /// What kind of item it is.
    pub kind: OutputKind<'a>,
    /// The whole item.
    pub raw: &'a RawValue,
}

/// The kinds of output items that a consumer tells apart.
#[derive(Debug)]
pub enum OutputKind<'a> {
    /// `message`.
    Message {
        /// `commentary`, `partial_answer`, `final_answer`, or none.
        phase: Option<Text<'a>>,
        /// Its parts.
        content: Vec<OutputPart<'a>>,
    },
    /// `reasoning`.
    Reasoning {
        /// Texts of the summary's parts.
        summary: Vec<Quoted<'a>>,
        /// Raw reasoning texts.
        content: Vec<Quoted<'a>>,
    },
    /// `function_call` and `custom_tool_call`.
    Call {
        /// Whether it is a freeform tool's call.
        custom: bool,
        /// Joins call and output.
        call_id: Text<'a>,
        /// The tool's name.
        name: Text<'a>,
        /// Arguments, or freeform input.
        arguments: Option<Quoted<'a>>,
    },
    /// `image_generation_call`.
    Image {
        /// Base64 of the finished image.
        result: Option<Text<'a>>,
        /// `png`, `jpeg` or `webp`.
        format: Option<Text<'a>>,
    },
    /// Every other kind.
    Other,
}

/// A part of a finished message.
#[derive(Debug, Deserialize)]
pub struct OutputPart<'a> {
    /// `output_text` or `refusal`.
    #[serde(rename = "type", borrow)]
    pub kind: Text<'a>,
    /// The text of an `output_text`.
    #[serde(borrow, default)]
    pub text: Option<Quoted<'a>>,
    /// The words of a `refusal`.
    #[serde(borrow, default)]
    pub refusal: Option<Quoted<'a>>,
    /// Citations of an `output_text`.
    #[serde(borrow, default)]
    pub annotations: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    phase: Option<Text<'a>>,
    #[serde(borrow, default)]
    content: Option<Vec<OutputPart<'a>>>,
}

#[derive(Deserialize)]
struct TextPart<'a> {
    #[serde(borrow, default)]
    text: Option<Quoted<'a>>,
}

#[derive(Deserialize)]
struct Reasoning<'a> {
    #[serde(borrow, default)]
    summary: Option<Vec<TextPart<'a>>>,
    #[serde(borrow, default)]
    content: Option<Vec<TextPart<'a>>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    call_id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default, alias = "input")]
    arguments: Option<Quoted<'a>>,
}

#[derive(Deserialize)]
struct Image<'a> {
    #[serde(borrow, default)]
    result: Option<Text<'a>>,
    #[serde(borrow, default)]
    output_format: Option<Text<'a>>,
}

impl<'a> OutputItem<'a> {
    /// Reads an item; a kind that is not known is [`OutputKind::Other`].
    ///
    /// # Errors
    /// When an item of a known kind lacks what its kind demands.
    pub fn read(raw: &'a RawValue) -> Result<Self, serde_json::Error> {
        let text = raw.get();
        let kind = serde_json::from_str::<Kind<'a>>(text)?.kind.unwrap_or_default();
        let kind = match &*kind {
            "message" => {
                let Message { phase, content } = serde_json::from_str(text)?;
                OutputKind::Message { phase, content: content.unwrap_or_default() }
            }
            "reasoning" => {
                let Reasoning { summary, content } = serde_json::from_str(text)?;
                OutputKind::Reasoning { summary: texts(summary), content: texts(content) }
            }
            "function_call" | "custom_tool_call" => {
                let Call { call_id, name, arguments } = serde_json::from_str(text)?;
                OutputKind::Call { custom: *kind == *"custom_tool_call", call_id, name, arguments }
            }
            "image_generation_call" => {
                let Image { result, output_format } = serde_json::from_str(text)?;
                OutputKind::Image { result, format: output_format }
            }
            _ => OutputKind::Other,
        };
        Ok(Self { kind, raw })
    }
}

fn texts<'a>(parts: Option<Vec<TextPart<'a>>>) -> Vec<Quoted<'a>> {
    parts.unwrap_or_default().into_iter().filter_map(|part| part.text).collect()
}
