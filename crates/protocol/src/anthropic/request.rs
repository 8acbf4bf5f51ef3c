//! The body of a messages request, borrowed from its bytes.

mod content;
mod options;
mod tools;

use crate::json::{Present, Raw, Text, object};

pub use content::{Block, CitationsOption, Content, Message, Source, SourceObject, ToolChange};
pub use options::{
    ContextManagement, Edit, OutputConfig, OutputFormat, Thinking, Thread, UserMetadata,
};
pub use tools::{Tool, ToolChoice};

object! {
    /// A messages request. Required members are checked by the caller.
    pub struct Request<'b> {
        /// The model's name.
        model: Text<'b> = "model",
        /// The conversation.
        messages: Vec<Message<'b>> = "messages",
        /// The largest number of tokens to write.
        max_tokens: u64 = "max_tokens",
        /// The instructions.
        system: Content<'b> = "system",
        /// True to answer as a stream.
        stream: bool = "stream",
        /// Sequences before which the answer ends.
        stop_sequences: Vec<Text<'b>> = "stop_sequences",
        /// Sampling temperature.
        temperature: Raw<'b> = "temperature",
        /// Nucleus sampling.
        top_p: Raw<'b> = "top_p",
        /// Sampling among the most probable tokens.
        top_k: Present = "top_k",
        /// The wish for reasoning.
        thinking: Thinking<'b> = "thinking",
        /// Effort and format of the answer.
        output_config: OutputConfig<'b> = "output_config",
        /// The older place of `output_config.format`.
        output_format: OutputFormat<'b> = "output_format",
        /// The tools on offer.
        tools: Vec<Tool<'b>> = "tools",
        /// The choice among them.
        tool_choice: ToolChoice<'b> = "tool_choice",
        /// The end user, as the client names them.
        metadata: Raw<'b> = "metadata",
        /// The end of the prefix that is to be cached.
        cache_control: Present = "cache_control",
        /// `auto` or `standard_only`.
        service_tier: Present = "service_tier",
        /// `standard` or `fast`.
        speed: Text<'b> = "speed",
        /// Parts of the conversation to leave out.
        context_management: ContextManagement<'b> = "context_management",
        /// A container in which code runs.
        container: Present = "container",
        /// A profile of the end user.
        user_profile_id: Present = "user_profile_id",
        /// The region in which the answer is computed.
        inference_geo: Present = "inference_geo",
        /// Labels.
        tags: Present = "tags",
        /// Models to ask in place of one that refuses.
        fallbacks: Present = "fallbacks",
        /// The right to ask them.
        fallback_credit_token: Present = "fallback_credit_token",
        /// Who pays.
        billing_policy: Present = "billing_policy",
        /// Beta features, which belong into a header.
        betas: Present = "betas",
        /// Asks for diagnostics.
        diagnostics: Present = "diagnostics",
        /// Asks for verdicts on calls of tools.
        safeguards: Present = "safeguards",
        /// Servers of tools that the service would call.
        mcp_servers: Vec<Present> = "mcp_servers",
        /// Asks for a summary in place of an answer.
        compaction: Present = "compaction",
        /// A conversation that the service would keep.
        thread: Thread<'b> = "thread",
    }
}
