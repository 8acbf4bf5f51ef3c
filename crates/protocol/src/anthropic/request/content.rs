//! Messages and their blocks.

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;

use super::OutputConfig;
use crate::json::{Present, Raw, RawString, Text, object};

object! {
    /// One message of the conversation.
    pub struct Message<'b> {
        /// `user`, `assistant` or `system`.
        role: Text<'b> = "role",
        /// Text, or blocks.
        content: Content<'b> = "content",
        /// Of a `system` message: the effort from here on.
        output_config: OutputConfig<'b> = "output_config",
        /// Of a `system` message: when it no longer holds.
        clear_at: Text<'b> = "clear_at",
    }
}

/// The content of a message or of a block.
#[derive(Clone, Debug)]
pub enum Content<'b> {
    /// Plain text.
    Text(RawString<'b>),
    /// A list of blocks, each a [`Block`], parsed only when it is lowered.
    Blocks(&'b RawValue),
    /// Anything else, as the results of searches have.
    Other(&'b RawValue),
}

impl<'de: 'b, 'b> Deserialize<'de> for Content<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <&'de RawValue>::deserialize(deserializer)?;
        match value.get().as_bytes().first() {
            Some(b'[') => Ok(Self::Blocks(value)),
            Some(b'{') => Ok(Self::Other(value)),
            _ => RawString::checked(value, &"a string or a list of content blocks").map(Self::Text),
        }
    }
}

object! {
    /// One block of content, of any kind.
    pub struct Block<'b> {
        /// Its kind, such as `text` or `tool_use`.
        kind: Text<'b> = "type",
        /// The text of a `text`.
        text: RawString<'b> = "text",
        /// The data of an `image` or a `document`, or the address of a `search_result`.
        source: Source<'b> = "source",
        /// The title of a `document` or a `search_result`.
        title: Text<'b> = "title",
        /// What a `document` is about.
        context: RawString<'b> = "context",
        /// Citations in a text, or whether a document is to be cited.
        citations: CitationsOption<'b> = "citations",
        /// The id of a `tool_use`.
        id: Text<'b> = "id",
        /// The tool of a `tool_use`.
        name: Text<'b> = "name",
        /// The arguments of a `tool_use`.
        input: Raw<'b> = "input",
        /// The call that a result answers.
        tool_use_id: Text<'b> = "tool_use_id",
        /// What a result says.
        content: Content<'b> = "content",
        /// True if a tool has failed.
        is_error: bool = "is_error",
        /// The text of a `thinking`.
        thinking: Present = "thinking",
        /// The seal of a `thinking`.
        signature: Text<'b> = "signature",
        /// The seal of a `redacted_thinking`.
        data: Text<'b> = "data",
        /// The tool of a `tool_reference`.
        tool_name: Text<'b> = "tool_name",
        /// The tool that a `tool_addition` or `tool_removal` speaks of.
        tool: ToolChange<'b> = "tool",
        /// The end of the prefix that is to be cached.
        cache_control: Present = "cache_control",
        /// Who made a call.
        caller: Present = "caller",
        /// The set of tools that a tool belongs to.
        toolset_name: Present = "toolset_name",
    }
}

object! {
    /// The tool that is added or removed.
    pub struct ToolChange<'b> {
        /// `tool_reference`.
        kind: Text<'b> = "type",
        /// Its name.
        name: Text<'b> = "name",
        /// Its name, as blocks of content have it.
        tool_name: Text<'b> = "tool_name",
    }
}

/// The source of a block.
#[derive(Clone, Debug)]
pub enum Source<'b> {
    /// An address.
    Text(Text<'b>),
    /// Data, an address or a file.
    Object(Box<SourceObject<'b>>),
}

impl<'de: 'b, 'b> Deserialize<'de> for Source<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <&'de RawValue>::deserialize(deserializer)?;
        let read = if value.get().starts_with('"') {
            serde_json::from_str(value.get()).map(Self::Text)
        } else {
            serde_json::from_str(value.get()).map(Self::Object)
        };
        read.map_err(serde::de::Error::custom)
    }
}

object! {
    /// The object form of a source.
    pub struct SourceObject<'b> {
        /// `base64`, `url`, `text`, `content` or `file`.
        kind: Text<'b> = "type",
        /// The media type of the data.
        media_type: Text<'b> = "media_type",
        /// The data.
        data: RawString<'b> = "data",
        /// The address.
        url: RawString<'b> = "url",
        /// Text or blocks in place of data.
        content: Content<'b> = "content",
        /// An uploaded file's id.
        file_id: Present = "file_id",
    }
}

/// The member `citations`: an option of a document, or the citations of a text.
#[derive(Clone, Debug)]
pub struct CitationsOption<'b>(&'b RawValue);

impl CitationsOption<'_> {
    /// Returns whether a document is to be cited.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        #[derive(Deserialize)]
        struct Enabled {
            #[serde(default)]
            enabled: bool,
        }
        serde_json::from_str(self.0.get()).is_ok_and(|Enabled { enabled }| enabled)
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for CitationsOption<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Raw::deserialize(deserializer).map(|raw| Self(raw.get()))
    }
}
