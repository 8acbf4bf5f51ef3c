//! Parts of both `POST /api/chat` and `POST /api/generate`: the model's options, and the figures of
//! a finished reply.

use serde::Serialize;

use crate::json::object;
use crate::openai::chat::request::Stop;

object! {
    /// Parameters of the model, where ChatMock can enforce them; the names of all others are in
    /// `unknown`.
    pub struct Options<'b> {
        /// The largest number of tokens to write; zero and below mean no limit.
        num_predict: f64 = "num_predict",
        /// Sequences before which the answer ends.
        stop: Stop<'b> = "stop",
        /// Sampling temperature.
        temperature: f64 = "temperature",
        /// Probability mass of the likeliest tokens to sample from.
        top_p: f64 = "top_p",
    }
}

/// Counts and times of a finished reply; durations are in nanoseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// `stop`, `length`, `load`, `unload`, or `content_filter`.
    pub done_reason: &'static str,
    /// From the request's arrival to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_duration: Option<u64>,
    /// Always 1: nothing is loaded here, and clients divide by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_duration: Option<u64>,
    /// Tokens read, where the backend reported them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_eval_count: Option<u64>,
    /// From the request's arrival to the first output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_eval_duration: Option<u64>,
    /// Tokens written, where the backend reported them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eval_count: Option<u64>,
    /// From the first output to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eval_duration: Option<u64>,
}
