//! The profiles of the backends: what each requires, accepts and refuses.

use chatmock_protocol::responses::{GENERIC_PARAMS, OPENAI_PARAMS};

/// The properties in which backends differ.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BackendProfile {
    /// The name of the route in settings and outputs.
    pub(crate) name: &'static str,
    /// The usual address, before `/responses`.
    pub(crate) base: &'static str,
    /// The members that the backend takes, where it answers every other one with status 400; sorted.
    pub(crate) known: Option<&'static [&'static str]>,
    /// Members that the backend answers with status 400, where others are passed on; sorted.
    pub(crate) refused: &'static [&'static str],
    /// The kinds of tools that the backend takes, where it refuses every other one; sorted.
    pub(crate) known_tools: Option<&'static [&'static str]>,
    /// Types of items that the public API has and the backend refuses; sorted.
    pub(crate) refused_items: &'static [&'static str],
    /// Members that it accepts and not every backend does; sorted.
    pub(crate) accepts: &'static [&'static str],
    /// Requirements on a request.
    pub(crate) required: Required,
    /// The place of functions and freeform tools in a request.
    pub(crate) tools: ToolLayout,
    /// True if it is called with a key and not with a sign-in.
    pub(crate) uses_key: bool,
    /// The headers that are sent.
    pub(crate) headers: HeaderSet,
    /// True if request bodies may be compressed.
    pub(crate) compresses: bool,
    /// True if turns may go over a WebSocket at the same address.
    pub(crate) sockets: bool,
    /// The shape of the list of models.
    pub(crate) list: ModelListShape,
    /// True if models may be requested that the list does not contain.
    pub(crate) allows_unlisted_models: bool,
    /// True if a summary of the reasoning is requested where the client asks for none.
    pub(crate) summarizes_reasoning: bool,
    /// True if limits are reported in headers and at an address of their own.
    pub(crate) reports_limits: bool,
    /// The page where a person can see what is left of the limits, if the backend does not report
    /// it.
    pub(crate) usage_page: Option<&'static str>,
}

/// Requirements on a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Required {
    /// `store` is `false`: nothing is stored at the backend.
    pub(crate) stateless: bool,
    /// `instructions` is a string, perhaps an empty one.
    pub(crate) instructions: bool,
    /// Reasoning is returned in encrypted form, so that it can be sent back.
    pub(crate) encrypted_reasoning: bool,
    /// `prompt_cache_key` is the session id.
    pub(crate) cache_key: bool,
    /// `client_metadata` contains the session id.
    pub(crate) metadata: bool,
}

/// The place of functions and freeform tools in a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToolLayout {
    /// One by one, at the top of the list.
    Flat,
    /// Inside a namespace.
    Namespaced,
}

/// The headers that are sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderSet {
    /// Account, originator, version and session id, as the Codex backend reads them.
    Codex,
    /// A bearer token and the user agent.
    Bearer,
}

/// The shape of `GET /models`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ModelListShape {
    /// `{"models":[{"slug":…}]}`, filtered by the client's version.
    Versioned,
    /// `{"models":[{"slug":…}]}`.
    Slugs,
    /// `{"data":[{"id":…}]}`.
    Public,
}

/// The requirements of a backend that stores nothing: each request carries the whole conversation.
const STATELESS: Required = Required {
    stateless: true,
    instructions: true,
    encrypted_reasoning: true,
    cache_key: true,
    metadata: false,
};

/// The Codex backend, from reports of 2026 and from the members that the real client never sends
/// over HTTP.
pub(crate) static CODEX: BackendProfile = BackendProfile {
    name: "codex",
    base: "https://chatgpt.com/backend-api/codex",
    known: Some(&[
        "client_metadata",
        "include",
        "input",
        "instructions",
        "model",
        "parallel_tool_calls",
        "prompt_cache_key",
        "reasoning",
        "service_tier",
        "store",
        "stream",
        "text",
        "tool_choice",
        "tools",
    ]),
    refused: &[],
    known_tools: Some(&[
        "custom",
        "function",
        "image_generation",
        "local_shell",
        "namespace",
        "tool_search",
        "web_search",
    ]),
    // Types that nobody knows yet are passed on, since the backend's own program may know them.
    refused_items: &chatmock_protocol::codex::items::REFUSED,
    accepts: &[],
    required: Required { metadata: true, ..STATELESS },
    tools: ToolLayout::Flat,
    uses_key: false,
    headers: HeaderSet::Codex,
    compresses: true,
    sockets: true,
    list: ModelListShape::Versioned,
    allows_unlisted_models: false,
    summarizes_reasoning: true,
    reports_limits: true,
    usage_page: None,
};

/// Plan usage with "Sign in with ChatGPT", as OpenAI's pages of autumn 2026 are reported to say.
pub(crate) static PLAN: BackendProfile = BackendProfile {
    name: "plan",
    base: "https://api.openai.com/v1",
    known: Some(&[
        "include",
        "input",
        "instructions",
        "model",
        "parallel_tool_calls",
        "prompt_cache_key",
        "reasoning",
        "service_tier",
        "store",
        "stream",
        "text",
        "tool_choice",
        "tools",
    ]),
    refused: &[],
    known_tools: Some(&["custom", "function", "namespace", "web_search"]),
    refused_items: &[
        "agent_message",
        "apply_patch_call",
        "apply_patch_call_output",
        "code_interpreter_call",
        "computer_call",
        "computer_call_output",
        "configuration_update",
        "context_compaction",
        "file_search_call",
        "image_generation_call",
        "local_shell_call",
        "local_shell_call_output",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
        "mcp_list_tools",
        "shell_call",
        "shell_call_output",
        "tool_search_call",
        "tool_search_output",
    ],
    accepts: &[],
    required: STATELESS,
    tools: ToolLayout::Namespaced,
    uses_key: false,
    headers: HeaderSet::Bearer,
    compresses: false,
    sockets: true,
    list: ModelListShape::Slugs,
    allows_unlisted_models: false,
    summarizes_reasoning: true,
    reports_limits: false,
    usage_page: Some("https://chatgpt.com/settings/usage"),
};

/// The common properties of all servers of the `api` route.
const API: BackendProfile = BackendProfile {
    name: "api",
    base: "https://api.openai.com/v1",
    known: None,
    refused: &["generate", "reasoning_effort"],
    known_tools: None,
    refused_items: &[],
    accepts: &[],
    required: Required {
        stateless: false,
        instructions: false,
        encrypted_reasoning: false,
        cache_key: false,
        metadata: false,
    },
    tools: ToolLayout::Flat,
    uses_key: true,
    headers: HeaderSet::Bearer,
    compresses: false,
    sockets: false,
    list: ModelListShape::Public,
    allows_unlisted_models: true,
    summarizes_reasoning: false,
    reports_limits: false,
    usage_page: None,
};

/// OpenAI's platform and Azure's v1 endpoint.
pub(crate) static OPENAI: BackendProfile = BackendProfile {
    accepts: OPENAI_PARAMS,
    required: Required { cache_key: true, ..API.required },
    ..API
};

/// A server of another maker: what such servers of autumn 2026 have in common.
pub(crate) static GENERIC: BackendProfile = BackendProfile {
    refused: &["conversation", "generate", "previous_response_id", "prompt", "reasoning_effort"],
    accepts: GENERIC_PARAMS,
    required: Required { stateless: true, ..API.required },
    ..API
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_consistent() {
        for profile in [&CODEX, &PLAN, &OPENAI, &GENERIC] {
            let known = profile.known.unwrap_or_default();
            let tools = profile.known_tools.unwrap_or_default();
            let tables = [known, profile.refused, tools, profile.refused_items, profile.accepts];
            assert!(tables.iter().all(|table| table.is_sorted()), "{}", profile.name);
            assert!(
                !profile.accepts.iter().any(|name| profile.refused.contains(name)),
                "{}",
                profile.name
            );
        }
    }
}
