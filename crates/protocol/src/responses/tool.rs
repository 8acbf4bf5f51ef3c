//! Tools that a request offers, and the choice among them.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

/// A tool, as this program writes it. In this API, functions are not nested in an object.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Tool<'a> {
    /// A function with a JSON schema.
    Function {
        /// Its name; 64 characters at most.
        name: Cow<'a, str>,
        /// Its description, which the model reads.
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<Cow<'a, str>>,
        /// True if arguments must match the schema.
        strict: bool,
        /// The schema of the arguments.
        parameters: Cow<'a, RawValue>,
    },
    /// A freeform tool.
    Custom {
        /// Its name; 64 characters at most.
        name: Cow<'a, str>,
        /// Its description, which the model reads.
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<Cow<'a, str>>,
        /// A grammar, or plain text.
        #[serde(skip_serializing_if = "Option::is_none")]
        format: Option<CustomFormat<'a>>,
    },
    /// A search of the web by the backend itself.
    WebSearch {
        /// `low`, `medium` or `high`.
        #[serde(skip_serializing_if = "Option::is_none")]
        search_context_size: Option<Cow<'a, str>>,
        /// The person's approximate location.
        #[serde(skip_serializing_if = "Option::is_none")]
        user_location: Option<&'a RawValue>,
        /// The sites that may be searched.
        #[serde(skip_serializing_if = "Option::is_none")]
        filters: Option<&'a RawValue>,
    },
}

/// The format of a freeform tool's input.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CustomFormat<'a> {
    /// Any text.
    Text,
    /// Text of a grammar.
    Grammar {
        /// `lark` or `regex`.
        syntax: Cow<'a, str>,
        /// The grammar.
        definition: Cow<'a, str>,
    },
}

/// The `tool_choice` member, in the forms that this program writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ToolChoice<'a> {
    /// `auto`, `none` or `required`.
    Mode(&'static str),
    /// One tool by name.
    Named(NamedTool<'a>),
    /// Only some of the tools.
    Allowed(AllowedTools<'a>),
}

/// A forced choice of one tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NamedTool<'a> {
    /// A function.
    Function {
        /// Its name.
        name: Cow<'a, str>,
    },
    /// A freeform tool.
    Custom {
        /// Its name.
        name: Cow<'a, str>,
    },
}

/// A choice among some of the tools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AllowedTools<'a> {
    /// Always `allowed_tools`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `auto` or `required`.
    pub mode: Cow<'a, str>,
    /// The tools, by name.
    pub tools: Vec<NamedTool<'a>>,
}
