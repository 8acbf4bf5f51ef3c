//! The body of a chat completion request, borrowed from its bytes.

mod content;
mod options;
mod tools;

use crate::json::{Raw, Text, object};

pub use content::{
    CallCustom, CallFunction, Content, ImageObject, Message, Part, PartFile, PartImage, ToolCall,
};
pub use options::{JsonSchema, Reasoning, ResponseFormat, Stop, StreamOptions};
pub use tools::{
    AllowedTools, ChoiceName, CustomFormat, CustomTool, Function, Grammar, Tool, ToolChoice,
    WebSearchOptions,
};

object! {
    /// A chat completion request. Required members are checked by the caller.
    pub struct Request<'b> {
        /// The model's name.
        model: Text<'b> = "model",
        /// The conversation.
        messages: Vec<Message<'b>> = "messages",
        /// True to answer as a stream.
        stream: bool = "stream",
        /// Options of the stream.
        stream_options: StreamOptions<'b> = "stream_options",
        /// The number of answers.
        n: u32 = "n",
        /// Sequences before which the answer ends.
        stop: Stop<'b> = "stop",
        /// The old name of `max_completion_tokens`.
        max_tokens: u64 = "max_tokens",
        /// The largest number of tokens to write.
        max_completion_tokens: u64 = "max_completion_tokens",
        /// Sampling temperature.
        temperature: f64 = "temperature",
        /// Nucleus sampling.
        top_p: f64 = "top_p",
        /// Penalty on tokens that occurred.
        presence_penalty: f64 = "presence_penalty",
        /// Penalty on frequent tokens.
        frequency_penalty: f64 = "frequency_penalty",
        /// Seed of the sampling.
        seed: f64 = "seed",
        /// Bias of single tokens.
        logit_bias: Raw<'b> = "logit_bias",
        /// True to return log probabilities.
        logprobs: bool = "logprobs",
        /// The number of alternatives to return log probabilities of.
        top_logprobs: u32 = "top_logprobs",
        /// The end user's id.
        user: Text<'b> = "user",
        /// The end user's id, hashed.
        safety_identifier: Text<'b> = "safety_identifier",
        /// Free labels.
        metadata: Raw<'b> = "metadata",
        /// True if the answer is stored for the dashboard.
        store: bool = "store",
        /// Functions and freeform tools.
        tools: Vec<Tool<'b>> = "tools",
        /// The choice among the tools.
        tool_choice: Raw<'b> = "tool_choice",
        /// True if several tools may be called at once.
        parallel_tool_calls: bool = "parallel_tool_calls",
        /// The old form of `tools`.
        functions: Vec<Function<'b>> = "functions",
        /// The old form of `tool_choice`.
        function_call: Raw<'b> = "function_call",
        /// The format of the answer.
        response_format: ResponseFormat<'b> = "response_format",
        /// The reasoning effort.
        reasoning_effort: Text<'b> = "reasoning_effort",
        /// Effort and summary, in the form of the Responses API.
        reasoning: Reasoning<'b> = "reasoning",
        /// `low`, `medium` or `high`.
        verbosity: Text<'b> = "verbosity",
        /// The service tier.
        service_tier: Text<'b> = "service_tier",
        /// Asks for a web search.
        web_search_options: WebSearchOptions<'b> = "web_search_options",
        /// A key shared by requests with the same prefix.
        prompt_cache_key: Text<'b> = "prompt_cache_key",
        /// The time for which a cached prefix is kept.
        prompt_cache_retention: Text<'b> = "prompt_cache_retention",
        /// Kinds of output: `text`, `audio`.
        modalities: Vec<Text<'b>> = "modalities",
        /// Form of the audio output.
        audio: Raw<'b> = "audio",
        /// A predicted answer.
        prediction: Raw<'b> = "prediction",
        /// Hosted tools in the form of the Responses API; ChatMock's own addition.
        responses_tools: Vec<Raw<'b>> = "responses_tools",
        /// Choice for `responses_tools`: `auto` or `none`; ChatMock's own addition.
        responses_tool_choice: Text<'b> = "responses_tool_choice",
    }
}
