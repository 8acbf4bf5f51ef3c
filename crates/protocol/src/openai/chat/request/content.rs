//! Messages of a chat request: text, parts, calls and results.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor, value};
use serde_json::value::RawValue;

use crate::json::{Present, Raw, RawString, Text, object};

object! {
    /// One message of the conversation.
    pub struct Message<'b> {
        /// `system`, `developer`, `user`, `assistant`, `tool` or `function`.
        role: Text<'b> = "role",
        /// Text, or parts.
        content: Content<'b> = "content",
        /// The speaker's name, or the function's in a `function` message.
        name: Text<'b> = "name",
        /// Calls that the assistant made.
        tool_calls: Vec<ToolCall<'b>> = "tool_calls",
        /// The call that a `tool` message answers.
        tool_call_id: Text<'b> = "tool_call_id",
        /// The old form of `tool_calls`.
        function_call: Box<CallFunction<'b>> = "function_call",
        /// The assistant's refusal.
        refusal: Text<'b> = "refusal",
        /// The assistant's reasoning, in the field that replies use.
        reasoning_content: Present = "reasoning_content",
        /// The assistant's reasoning, in the field that other programs use.
        reasoning: Present = "reasoning",
        /// The assistant's reasoning, in ChatMock's former field.
        reasoning_summary: Present = "reasoning_summary",
        /// The assistant's reasoning, as replies hand it out to be sent back.
        reasoning_details: Raw<'b> = "reasoning_details",
        /// Citations of the assistant's text.
        annotations: Present = "annotations",
        /// Images that the assistant made.
        images: Present = "images",
        /// Audio that the assistant made.
        audio: Present = "audio",
        /// The type of an item of the Responses API that stands in place of a message.
        kind: Text<'b> = "type",
        /// Such an item: the id that joins call and result.
        call_id: Text<'b> = "call_id",
        /// Such an item: the arguments of a function call.
        arguments: Raw<'b> = "arguments",
        /// Such an item: the input of a freeform tool.
        input: RawString<'b> = "input",
        /// Such an item: the result of a call.
        output: Content<'b> = "output",
    }
}

/// A message's content.
#[derive(Clone, Debug)]
pub enum Content<'b> {
    /// Plain text.
    Text(RawString<'b>),
    /// A list of text, images, files and audio, each a [`Part`]. It is parsed only when it is
    /// lowered: an untagged enum would make serde decode every plain text first to find out that it
    /// is one.
    Parts(&'b RawValue),
}

impl<'de: 'b, 'b> Deserialize<'de> for Content<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <&'de RawValue>::deserialize(deserializer)?;
        if value.get().starts_with('[') {
            return Ok(Self::Parts(value));
        }
        RawString::checked(value, &"a string or a list of content parts").map(Self::Text)
    }
}

object! {
    /// One part of a message's content. The names of the Responses API are accepted too.
    pub struct Part<'b> {
        /// `text`, `image_url`, `file`, `input_audio`, `refusal`, or a Responses kind.
        kind: Text<'b> = "type",
        /// The text.
        text: RawString<'b> = "text",
        /// The text of the refusal.
        refusal: Text<'b> = "refusal",
        /// The image.
        image_url: PartImage<'b> = "image_url",
        /// Detail of an `input_image`.
        detail: Text<'b> = "detail",
        /// The file.
        file: PartFile<'b> = "file",
        /// Name of an `input_file`.
        filename: Text<'b> = "filename",
        /// Data of an `input_file`.
        file_data: RawString<'b> = "file_data",
        /// An uploaded file's id.
        file_id: Text<'b> = "file_id",
        /// The audio.
        input_audio: Raw<'b> = "input_audio",
    }
}

/// An image: its address alone, or with the level of detail.
#[derive(Clone, Debug)]
pub struct PartImage<'b> {
    /// A `data:` or `https:` address.
    pub url: Option<RawString<'b>>,
    /// `auto`, `low` or `high`.
    pub detail: Option<Text<'b>>,
    /// Names of unknown members of the object form.
    pub unknown: Vec<Cow<'b, str>>,
}

object! {
    /// The object form of an image.
    pub struct ImageObject<'b> {
        /// A `data:` or `https:` address.
        url: RawString<'b> = "url",
        /// `auto`, `low` or `high`.
        detail: Text<'b> = "detail",
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for PartImage<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ImageVisitor;

        impl<'de> Visitor<'de> for ImageVisitor {
            type Value = PartImage<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an image address or an object with `url`")
            }

            fn visit_borrowed_str<E: Error>(self, url: &'de str) -> Result<Self::Value, E> {
                Ok(PartImage { url: Some(url.into()), detail: None, unknown: Vec::new() })
            }

            fn visit_str<E: Error>(self, url: &str) -> Result<Self::Value, E> {
                let url = Some(url.to_owned().into());
                Ok(PartImage { url, detail: None, unknown: Vec::new() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let object = ImageObject::deserialize(value::MapAccessDeserializer::new(map))?;
                let ImageObject { url, detail, unknown } = object;
                Ok(PartImage { url, detail, unknown })
            }
        }

        deserializer.deserialize_any(ImageVisitor)
    }
}

object! {
    /// A file in a message.
    pub struct PartFile<'b> {
        /// The file's name.
        filename: Text<'b> = "filename",
        /// The file as a `data:` address or as base64 alone.
        file_data: RawString<'b> = "file_data",
        /// An uploaded file's id.
        file_id: Text<'b> = "file_id",
    }
}

object! {
    /// A call in the assistant's history.
    pub struct ToolCall<'b> {
        /// The id that links call and result.
        id: Text<'b> = "id",
        /// `function` or `custom`; absent means `function`.
        kind: Text<'b> = "type",
        /// Position, as stream chunks carry it.
        index: u32 = "index",
        /// The called function.
        function: CallFunction<'b> = "function",
        /// The called freeform tool.
        custom: CallCustom<'b> = "custom",
    }
}

object! {
    /// A called function's name and arguments.
    pub struct CallFunction<'b> {
        /// The function's name.
        name: Text<'b> = "name",
        /// The arguments: JSON in a string; a bare object is accepted too.
        arguments: Raw<'b> = "arguments",
    }
}

object! {
    /// A called freeform tool's name and input.
    pub struct CallCustom<'b> {
        /// The tool's name.
        name: Text<'b> = "name",
        /// The input.
        input: RawString<'b> = "input",
    }
}
