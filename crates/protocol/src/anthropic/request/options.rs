//! Options of a messages request.

use crate::json::{Raw, Text, object};

object! {
    /// The wish for reasoning.
    pub struct Thinking<'b> {
        /// `enabled`, `adaptive`, `disabled` or `between_tools`.
        kind: Text<'b> = "type",
        /// The most tokens of it.
        budget_tokens: u64 = "budget_tokens",
        /// `summarized`, `omitted` or `updates`.
        display: Text<'b> = "display",
    }
}

object! {
    /// Effort and format of the answer.
    pub struct OutputConfig<'b> {
        /// `low`, `medium`, `high`, `xhigh` or `max`.
        effort: Text<'b> = "effort",
        /// The format.
        format: OutputFormat<'b> = "format",
    }
}

object! {
    /// The format of the answer.
    pub struct OutputFormat<'b> {
        /// `json_schema`.
        kind: Text<'b> = "type",
        /// The schema.
        schema: Raw<'b> = "schema",
    }
}

object! {
    /// Parts of the conversation to leave out.
    pub struct ContextManagement<'b> {
        /// The parts.
        edits: Vec<Edit<'b>> = "edits",
    }
}

object! {
    /// One kind of parts to leave out.
    pub struct Edit<'b> {
        /// Its name, such as `clear_thinking_20251015`.
        kind: Text<'b> = "type",
        /// What of it is kept.
        keep: Raw<'b> = "keep",
    }
}

object! {
    /// A conversation that the service would keep.
    pub struct Thread<'b> {
        /// `create` or `continue`.
        kind: Text<'b> = "type",
        /// The answer that is continued.
        previous_message_id: Text<'b> = "previous_message_id",
    }
}

object! {
    /// The end user, as the client names them.
    pub struct UserMetadata<'b> {
        /// An opaque name; Claude Code writes JSON into it.
        user_id: Text<'b> = "user_id",
    }
}
