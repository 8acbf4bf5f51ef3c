//! `POST /v1/messages/count_tokens`: its reply; the request is that of a message.

use serde::Serialize;

/// The number of tokens that a request would be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TokenCount {
    /// Tokens of messages, instructions and tools.
    pub input_tokens: u64,
}
