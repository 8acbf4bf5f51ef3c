//! Items: the elements of a request's `input` and of a response's `output`.

use std::borrow::Cow;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::{RawStr, RawString, Text};

/// The author of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
    /// The developer of the client; the backend refuses `system`.
    Developer,
}

/// An item of a request's `input`, as this program writes it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InputItem<'a> {
    /// A message.
    Message {
        /// Its author.
        role: Role,
        /// Its parts.
        content: Vec<ContentPart<'a>>,
    },
    /// The model's call of a function.
    FunctionCall {
        /// The id that links call and output; 64 characters at most.
        call_id: Cow<'a, str>,
        /// The function's name.
        name: Cow<'a, str>,
        /// The arguments as the model wrote them.
        arguments: RawString<'a>,
    },
    /// The output of a function.
    FunctionCallOutput {
        /// The call's id.
        call_id: Cow<'a, str>,
        /// The result.
        output: ToolOutput<'a>,
    },
    /// The model's call of a freeform tool.
    CustomToolCall {
        /// The id that links call and output; 64 characters at most.
        call_id: Cow<'a, str>,
        /// The tool's name.
        name: Cow<'a, str>,
        /// The input as the model wrote it.
        input: RawString<'a>,
    },
    /// The output of a freeform tool.
    CustomToolCallOutput {
        /// The call's id.
        call_id: Cow<'a, str>,
        /// The result.
        output: ToolOutput<'a>,
    },
    /// Reasoning of an earlier turn, which the backend reads again.
    Reasoning {
        /// The item's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Cow<'a, str>>,
        /// Parts of the summary; the API demands the member, also where it is empty.
        summary: Vec<SummaryPart<'a>>,
        /// The reasoning as only the backend can read it.
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<RawString<'a>>,
    },
    /// A search of the web in an earlier turn.
    WebSearchCall {
        /// The item's id.
        id: Cow<'a, str>,
        /// Always `completed`.
        status: &'static str,
        /// The search.
        action: SearchAction<'a>,
    },
}

/// The action of a search.
#[derive(Clone, Debug, Serialize)]
pub struct SearchAction<'a> {
    /// Always `search`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The words that were searched for.
    pub query: Cow<'a, str>,
}

/// A part of a reasoning summary.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SummaryPart<'a> {
    /// Text.
    SummaryText {
        /// The text.
        text: RawString<'a>,
    },
}

/// The result of a tool: plain text, or parts.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum ToolOutput<'a> {
    /// Plain text.
    Text(RawString<'a>),
    /// Text, images and files.
    Parts(Vec<ContentPart<'a>>),
}

impl<'a> From<Vec<ContentPart<'a>>> for ToolOutput<'a> {
    /// A single text part becomes plain text.
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
        text: RawString<'a>,
    },
    /// Text from the model.
    OutputText {
        /// The text.
        text: RawString<'a>,
    },
    /// A refusal from the model.
    Refusal {
        /// The text of the refusal.
        refusal: Cow<'a, str>,
    },
    /// An image.
    InputImage {
        /// A `data:` or `https:` address.
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<RawString<'a>>,
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
        file_data: Option<RawString<'a>>,
        /// The file's `https:` address.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<RawString<'a>>,
        /// The id of an uploaded file.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<Cow<'a, str>>,
    },
}

/// An item of a response, with the members that someone needs.
#[derive(Debug)]
pub struct OutputItem<'a> {
    /// The kind of the item.
    pub kind: OutputKind<'a>,
}

/// The kinds of output items that consumers distinguish.
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
        /// The item's id.
        id: Option<Text<'a>>,
        /// The reasoning as only the backend can read it.
        encrypted_content: Option<RawStr<'a>>,
        /// Texts of the summary's parts.
        summary: Vec<RawStr<'a>>,
        /// Raw reasoning texts.
        content: Vec<RawStr<'a>>,
    },
    /// `function_call` and `custom_tool_call`.
    Call {
        /// True if it is a freeform tool's call.
        custom: bool,
        /// The id that links call and output.
        call_id: Text<'a>,
        /// The tool's name.
        name: Text<'a>,
        /// Arguments, or freeform input.
        arguments: Option<RawStr<'a>>,
    },
    /// `image_generation_call`.
    Image {
        /// Base64 of the finished image.
        result: Option<Text<'a>>,
        /// `png`, `jpeg` or `webp`.
        format: Option<Text<'a>>,
    },
    /// `web_search_call`, where it is a search and not a look at a page.
    WebSearch(WebSearch<'a>),
    /// Every other kind.
    Other,
}

/// A search of the web by the backend.
#[derive(Debug)]
pub struct WebSearch<'a> {
    /// The item's id.
    pub id: Option<Text<'a>>,
    /// True if it found nothing because it failed.
    pub failed: bool,
    /// The words that were searched for; only in the finished item.
    pub query: Option<Text<'a>>,
    /// Addresses of pages that it found, where the backend says so.
    pub sources: Vec<Text<'a>>,
}

/// A part of a finished message.
#[derive(Debug, Deserialize)]
pub struct OutputPart<'a> {
    /// `output_text` or `refusal`.
    #[serde(rename = "type", borrow)]
    pub kind: Text<'a>,
    /// The text of an `output_text`.
    #[serde(borrow, default)]
    pub text: Option<RawStr<'a>>,
    /// The text of a `refusal`.
    #[serde(borrow, default)]
    pub refusal: Option<RawStr<'a>>,
    /// Citations of an `output_text`.
    #[serde(borrow, default)]
    pub annotations: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct TextPart<'a> {
    #[serde(borrow, default)]
    text: Option<RawStr<'a>>,
}

/// The members of all kinds of items, read in one pass. Which of them matter and of which type they
/// must be depends on the kind, which may come after them.
#[derive(Deserialize)]
struct WireItem<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    encrypted_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    phase: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    summary: Option<&'a RawValue>,
    #[serde(borrow, default)]
    call_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_format: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    action: Option<&'a RawValue>,
}

/// The action of a search, as far as it can be read.
#[derive(Default, Deserialize)]
struct WireAction<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    query: Option<Text<'a>>,
    #[serde(borrow, default)]
    sources: Option<Vec<WireSource<'a>>>,
}

#[derive(Deserialize)]
struct WireSource<'a> {
    #[serde(borrow, default)]
    url: Option<Text<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for OutputItem<'a> {
    /// Reads an item in one pass, since it repeats everything that came in deltas. An unknown kind
    /// becomes [`OutputKind::Other`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kind = WireItem::deserialize(deserializer)?.kind().map_err(D::Error::custom)?;
        Ok(Self { kind })
    }
}

impl<'a> WireItem<'a> {
    /// Converts to the item's kind; fails when a required member of that kind is missing.
    fn kind(self) -> Result<OutputKind<'a>, serde_json::Error> {
        Ok(match self.kind.as_deref().unwrap_or_default() {
            "message" => OutputKind::Message {
                phase: member(self.phase)?,
                content: member(self.content)?.unwrap_or_default(),
            },
            "reasoning" => OutputKind::Reasoning {
                // Handed on where they are texts, and demanded by no one.
                id: member(self.id).unwrap_or_default(),
                encrypted_content: member(self.encrypted_content).unwrap_or_default(),
                summary: texts(member(self.summary)?),
                content: texts(member(self.content)?),
            },
            kind @ ("function_call" | "custom_tool_call") => OutputKind::Call {
                custom: kind == "custom_tool_call",
                call_id: required(self.call_id, "call_id")?,
                name: required(self.name, "name")?,
                arguments: member(self.arguments.or(self.input))?,
            },
            "image_generation_call" => OutputKind::Image {
                result: member(self.result)?,
                format: member(self.output_format)?,
            },
            "web_search_call" => self.search(),
            _ => OutputKind::Other,
        })
    }

    /// Nobody demands anything of a search, so that what cannot be read of it is left out.
    fn search(self) -> OutputKind<'a> {
        let action: Option<WireAction<'a>> = member(self.action).unwrap_or_default();
        let WireAction { kind, query, sources } = action.unwrap_or_default();
        if kind.is_some_and(|kind| &*kind != "search") {
            return OutputKind::Other;
        }
        let status: Option<Text<'a>> = member(self.status).unwrap_or_default();
        OutputKind::WebSearch(WebSearch {
            id: member(self.id).unwrap_or_default(),
            failed: status.is_some_and(|status| &*status == "failed"),
            query,
            sources: sources.into_iter().flatten().filter_map(|source| source.url).collect(),
        })
    }
}

fn member<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
) -> Result<Option<T>, serde_json::Error> {
    raw.map(|raw| serde_json::from_str(raw.get())).transpose()
}

fn required<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    name: &'static str,
) -> Result<T, serde_json::Error> {
    member(raw)?.ok_or_else(|| Error::missing_field(name))
}

fn texts<'a>(parts: Option<Vec<TextPart<'a>>>) -> Vec<RawStr<'a>> {
    parts.unwrap_or_default().into_iter().filter_map(|part| part.text).collect()
}
