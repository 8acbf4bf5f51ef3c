//! `POST /api/generate`: an answer to a single prompt.

use std::borrow::Cow;

use serde::Serialize;

use super::shared::{Figures, Options};
use crate::json::{Raw, RawString, Text, object};

object! {
    /// A generate request; the answer is streamed unless the request says otherwise.
    pub struct Request<'b> {
        /// The model's name, perhaps with a tag.
        model: Text<'b> = "model",
        /// The prompt; empty to load the model.
        prompt: RawString<'b> = "prompt",
        /// The text after the gap to fill in.
        suffix: Text<'b> = "suffix",
        /// Images in base64.
        images: Vec<RawString<'b>> = "images",
        /// `json`, or a schema.
        format: Raw<'b> = "format",
        /// Parameters of the model.
        options: Options<'b> = "options",
        /// The system text.
        system: Text<'b> = "system",
        /// A prompt template of the model's file.
        template: Text<'b> = "template",
        /// An earlier answer's context, as token ids.
        context: Raw<'b> = "context",
        /// True to answer as a stream.
        stream: bool = "stream",
        /// True if the prompt is sent to the model without a template.
        raw: bool = "raw",
        /// The time that the model stays loaded.
        keep_alive: Raw<'b> = "keep_alive",
        /// A boolean that turns reasoning on or off, or the effort.
        think: Raw<'b> = "think",
        /// True to return log probabilities.
        logprobs: bool = "logprobs",
        /// The number of alternatives to return log probabilities of.
        top_logprobs: u32 = "top_logprobs",
    }
}

/// One line of a streamed reply, or all of a reply that is not streamed.
#[derive(Clone, Debug, Serialize)]
pub struct Reply<'a> {
    /// The model as the client named it.
    pub model: &'a str,
    /// When the line was written, in the format of RFC 3339.
    pub created_at: String,
    /// The text, or a piece of it.
    pub response: Cow<'a, str>,
    /// The reasoning.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub thinking: Cow<'a, str>,
    /// True if this is the last line.
    pub done: bool,
    /// Counts and times; in the last line only.
    #[serde(flatten)]
    pub figures: Option<Figures>,
}
