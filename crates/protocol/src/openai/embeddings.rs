//! `POST /v1/embeddings`: vectors of texts.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::{Raw, Text, object};

object! {
    /// A request for embeddings.
    pub struct Request<'b> {
        /// The model's name.
        model: Text<'b> = "model",
        /// A text, a list of texts, a list of token ids, or a list of such lists.
        input: Raw<'b> = "input",
        /// `float` or `base64`.
        encoding_format: Text<'b> = "encoding_format",
        /// The length of the vectors.
        dimensions: u32 = "dimensions",
        /// The end user's id.
        user: Text<'b> = "user",
    }
}

/// The list of vectors, as servers of this API write it.
#[derive(Debug, Deserialize)]
pub struct Answer<'b> {
    /// The vectors.
    #[serde(borrow)]
    pub data: Vec<Vector<'b>>,
    /// The model that made them.
    #[serde(borrow, default)]
    pub model: Option<Text<'b>>,
    /// The token counts.
    #[serde(borrow, default)]
    pub usage: Option<&'b RawValue>,
}

/// One vector of an answer.
#[derive(Debug, Deserialize)]
pub struct Vector<'b> {
    /// The position of its text in the input.
    #[serde(default)]
    pub index: Option<usize>,
    /// A list of numbers, or the bytes of 32-bit numbers in base64.
    #[serde(borrow)]
    pub embedding: &'b RawValue,
}

/// The list of vectors, as it is written here.
#[derive(Debug, Serialize)]
pub struct List<'a> {
    /// Always `list`.
    pub object: &'static str,
    /// The vectors, in the order of the input.
    pub data: Vec<Embedding<'a>>,
    /// The model that made them.
    pub model: &'a str,
    /// The token counts.
    pub usage: Usage,
}

/// One vector.
#[derive(Debug, Serialize)]
pub struct Embedding<'a> {
    /// Always `embedding`.
    pub object: &'static str,
    /// The position of its text in the input.
    pub index: usize,
    /// A list of numbers, or the bytes of 32-bit numbers in base64.
    pub embedding: &'a RawValue,
}

/// The token counts of a request for embeddings.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Usage {
    /// Tokens read.
    #[serde(default)]
    pub prompt_tokens: u64,
    /// The same: nothing is written.
    #[serde(default)]
    pub total_tokens: u64,
}
