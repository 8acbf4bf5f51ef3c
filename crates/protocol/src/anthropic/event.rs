//! Events of a streamed message.

use serde::Serialize;

use super::reply::{Block, Citation, Message, StopDetails, Usage};

/// An event; its name is that of its `type`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event<'a> {
    /// The message begins.
    MessageStart {
        /// The message, still empty.
        message: Message<'a>,
    },
    /// A block begins.
    ContentBlockStart {
        /// Its position.
        index: usize,
        /// The block, still empty.
        content_block: Block<'a>,
    },
    /// A block goes on.
    ContentBlockDelta {
        /// Its position.
        index: usize,
        /// The next piece.
        delta: Delta<'a>,
    },
    /// A block is complete.
    ContentBlockStop {
        /// Its position.
        index: usize,
    },
    /// The message ends.
    MessageDelta {
        /// The reason.
        delta: Stop<'a>,
        /// Token counts of the whole message.
        usage: Usage,
    },
    /// The message has ended.
    MessageStop,
    /// Nothing has happened.
    Ping,
}

impl Event<'_> {
    /// Returns the name of the event.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
            Self::Ping => "ping",
        }
    }
}

/// The next piece of a block.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Delta<'a> {
    /// Of a text.
    TextDelta {
        /// The piece.
        text: &'a str,
    },
    /// Of the citations of a text.
    CitationsDelta {
        /// The next one.
        citation: Citation<'a>,
    },
    /// Of reasoning.
    ThinkingDelta {
        /// The piece.
        thinking: &'a str,
    },
    /// The seal of reasoning.
    SignatureDelta {
        /// The whole seal.
        signature: &'a str,
    },
    /// Of a call's arguments.
    InputJsonDelta {
        /// The piece.
        partial_json: &'a str,
    },
}

/// The reason why a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stop<'a> {
    /// The reason.
    pub stop_reason: &'static str,
    /// The stop sequence that ended it.
    pub stop_sequence: Option<&'a str>,
    /// More about a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_details: Option<StopDetails>,
}
