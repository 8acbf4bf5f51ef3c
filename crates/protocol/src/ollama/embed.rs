//! `POST /api/embed`, and the older `POST /api/embeddings`: vectors of texts.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::{Raw, Text, object};

object! {
    /// A request for the vectors of texts.
    pub struct Request<'b> {
        /// The model's name, perhaps with a tag.
        model: Text<'b> = "model",
        /// A text, or a list of texts; empty to load the model.
        input: Raw<'b> = "input",
        /// False to refuse what is longer than the context.
        truncate: bool = "truncate",
        /// Parameters of the model.
        options: Raw<'b> = "options",
        /// The time that the model stays loaded.
        keep_alive: Raw<'b> = "keep_alive",
        /// The length of the vectors.
        dimensions: u32 = "dimensions",
    }
}

object! {
    /// A request of the older API, for the vector of one text.
    pub struct LegacyRequest<'b> {
        /// The model's name, perhaps with a tag.
        model: Text<'b> = "model",
        /// The text; empty to load the model.
        prompt: Text<'b> = "prompt",
        /// Parameters of the model.
        options: Raw<'b> = "options",
        /// The time that the model stays loaded.
        keep_alive: Raw<'b> = "keep_alive",
    }
}

/// The vectors, as Ollama writes them.
#[derive(Debug, Deserialize)]
pub struct Answer<'b> {
    /// The model that made them.
    #[serde(borrow, default)]
    pub model: Option<Text<'b>>,
    /// The vectors.
    #[serde(borrow)]
    pub embeddings: Vec<&'b RawValue>,
    /// Tokens read.
    #[serde(default)]
    pub prompt_eval_count: Option<u64>,
}

/// The vectors, as they are written here; durations are in nanoseconds.
#[derive(Debug, Serialize)]
pub struct Vectors<'a> {
    /// The model that made them.
    pub model: &'a str,
    /// The vectors, in the order of the input.
    pub embeddings: Vec<&'a RawValue>,
    /// From the request's arrival to the end.
    pub total_duration: u64,
    /// Always 1: nothing is loaded here, and clients divide by it.
    pub load_duration: u64,
    /// Tokens read.
    pub prompt_eval_count: u64,
}

/// The vector of the older API.
#[derive(Debug, Serialize)]
pub struct LegacyVector<'a> {
    /// The vector.
    pub embedding: &'a RawValue,
}
