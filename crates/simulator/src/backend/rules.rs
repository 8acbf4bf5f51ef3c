//! The rules of each backend, as tables.
//!
//! Everything that differs between the backends is data in one [`Rules`] each, and the checks read
//! it. The alternative, one module of checks for each backend, was not taken: the rules overlap so
//! much that a fix in one would be missed in the others. The price is that a rule of a new kind
//! needs a field here for all of them.

use chatmock_protocol::codex::items;
use serde_json::Value;

use super::ErrorStyle;
use crate::model_request::ModelRequest;

/// The checks of a backend, and its differences from the others.
#[derive(Debug)]
pub(crate) struct Rules {
    /// The style of its errors.
    pub(crate) errors: ErrorStyle,
    /// The requirements for every request, in the order in which they are checked.
    pub(crate) demands: &'static [Demand],
    /// The members that it rejects as unsupported.
    pub(crate) unsupported: &'static [&'static str],
    /// The members that it accepts; any other is unknown.
    pub(crate) known: &'static [&'static str],
    /// The kinds of tools that it accepts.
    pub(crate) tools: &'static [&'static str],
    /// True if `tools` may contain functions and custom tools outside of namespaces.
    pub(crate) flat_tools: bool,
    /// The kinds of input items that it accepts; empty for all.
    pub(crate) items: &'static [&'static str],
    /// The kinds of input items that it refuses where it accepts any other.
    pub(crate) refused_items: &'static [&'static str],
    /// The tiers that it accepts for every model.
    pub(crate) tiers: &'static [&'static str],
    /// True if it can require `instructions`.
    pub(crate) instructions: bool,
    /// True if it decodes bodies in zstd.
    pub(crate) zstd: bool,
    /// True if it stores responses, continues from them, and answers without a stream.
    pub(crate) stores: bool,
    /// True if it sends the events and headers that only the Codex programs know.
    pub(crate) codex: bool,
}

/// A requirement for a request.
#[derive(Debug)]
pub(crate) struct Demand {
    /// The member that it concerns.
    pub(crate) param: &'static str,
    /// Returns whether a request meets it.
    pub(crate) met: fn(&ModelRequest) -> bool,
    /// The message when it is not met.
    pub(crate) words: &'static str,
}

const UNSTORED: Demand = Demand {
    param: "store",
    met: |request| request.get("store") == &Value::Bool(false),
    words: "Store must be set to false",
};
const STREAMED: Demand = Demand {
    param: "stream",
    met: |request| request.get("stream") == &Value::Bool(true),
    words: "Stream must be set to true",
};
const LISTED: Demand = Demand {
    param: "input",
    met: |request| request.get("input").is_array(),
    words: "Input must be a list",
};
const NO_SYSTEM: Demand = Demand {
    param: "input",
    met: |request| !request.input().iter().any(|item| item["role"] == "system"),
    words: "System messages are not allowed",
};

/// The Codex backend, from reports and from what its own client leaves out.
pub(super) const CODEX: Rules = Rules {
    errors: ErrorStyle::Gateway,
    demands: &[UNSTORED, STREAMED, LISTED, NO_SYSTEM],
    unsupported: &[
        "temperature",
        "top_p",
        "max_output_tokens",
        "previous_response_id",
        "metadata",
        "user",
        "truncation",
        "background",
        "background_options",
        "context_management",
        "safety_identifier",
        "prompt_cache_retention",
        "reasoning_effort",
        "max_tool_calls",
        "top_logprobs",
        "conversation",
        "prompt",
        "moderation",
        "generate",
    ],
    known: &[
        "model",
        "stream",
        "service_tier",
        "input",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning",
        "store",
        "stream_options",
        "include",
        "prompt_cache_key",
        "prompt_cache_options",
        "text",
        "client_metadata",
        "access_programs",
        "instructions",
    ],
    tools: &[
        "function",
        "custom",
        "namespace",
        "web_search",
        "image_generation",
        "tool_search",
        "local_shell",
    ],
    flat_tools: true,
    items: &[],
    refused_items: &items::REFUSED,
    tiers: &[],
    instructions: true,
    zstd: true,
    stores: false,
    codex: true,
};

/// The plan's backend, from its published limitations and errors.
pub(super) const PLAN: Rules = Rules {
    errors: ErrorStyle::SubscriptionSharing,
    demands: &[LISTED, NO_SYSTEM, UNSTORED, STREAMED],
    unsupported: &[
        "background",
        "background_options",
        "conversation",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "moderation",
        "multi_agent",
        "previous_response_id",
        "prompt",
        "prompt_cache_retention",
        "safety_identifier",
        "temperature",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    ],
    known: &[
        "model",
        "stream",
        "service_tier",
        "input",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning",
        "store",
        "stream_options",
        "include",
        "prompt_cache_key",
        "text",
        "instructions",
    ],
    tools: &["function", "custom", "namespace", "web_search"],
    flat_tools: false,
    // The list in the error for another kind.
    items: &[
        "message",
        "item_reference",
        "additional_tools",
        "compaction",
        "reasoning",
        "web_search_call",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
    ],
    refused_items: &[],
    tiers: &[],
    instructions: false,
    zstd: false,
    stores: false,
    codex: false,
};

/// The public API, from its reference. Features that the simulator lacks are rejected, not ignored.
pub(super) const API: Rules = Rules {
    errors: ErrorStyle::Engine,
    demands: &[Demand {
        param: "input",
        met: |request| request.get("input").is_array() || request.get("input").is_string(),
        words: "Missing required parameter: 'input'.",
    }],
    unsupported: &["background", "conversation", "prompt", "context_management"],
    known: &[
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "model",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    ],
    tools: &[
        "function",
        "custom",
        "namespace",
        "web_search",
        "web_search_preview",
        "image_generation",
        "code_interpreter",
        "file_search",
        "mcp",
        "computer_use_preview",
        "tool_search",
        "local_shell",
        "shell",
        "apply_patch",
    ],
    flat_tools: true,
    items: &[],
    refused_items: &[],
    tiers: &["auto", "default", "flex", "scale"],
    instructions: false,
    zstd: false,
    stores: true,
    codex: false,
};
