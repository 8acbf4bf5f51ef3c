//! The routes as data: what each backend is sent, takes and refuses.

/// What tells one route from another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BackendProfile {
    /// The word by which people and settings name the route.
    pub(crate) name: &'static str,
    /// The address before `/responses`, where none is set.
    pub(crate) base: &'static str,
    /// Members that the backend answers with status 400; sorted.
    pub(crate) refused: &'static [&'static str],
    /// Kinds of tools that the backend refuses; sorted.
    pub(crate) refused_tools: &'static [&'static str],
    /// Members beyond those that every backend takes; sorted.
    pub(crate) accepts: &'static [&'static str],
    /// What a request must hold.
    pub(crate) required: Required,
    /// How functions and freeform tools are offered.
    pub(crate) tools: ToolLayout,
    /// Whether it is called with a key rather than with a sign-in.
    pub(crate) uses_key: bool,
    /// Which headers a call carries.
    pub(crate) headers: HeaderSet,
    /// Whether request bodies may be compressed.
    pub(crate) compresses: bool,
    /// The shape of the list of models.
    pub(crate) list: ModelListShape,
    /// Whether names that the list does not have may be asked for all the same.
    pub(crate) allows_unlisted_models: bool,
    /// Whether the model is asked for a summary of its reasoning unasked.
    pub(crate) summarizes_reasoning: bool,
    /// Whether limits are told in headers and asked for at an address of their own.
    pub(crate) reports_limits: bool,
    /// Where a person sees what is left, where the backend does not tell.
    pub(crate) usage_page: Option<&'static str>,
    /// What a person does when the backend no longer takes the credentials.
    pub(crate) remedy: &'static str,
}

/// What a request must hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Required {
    /// `store` is `false`: nothing is kept at the backend.
    pub(crate) stateless: bool,
    /// `instructions` is a text, if only an empty one.
    pub(crate) instructions: bool,
    /// Reasoning is given in a form that can be sent back.
    pub(crate) encrypted_reasoning: bool,
    /// `prompt_cache_key` is the conversation's id.
    pub(crate) cache_key: bool,
    /// `client_metadata` names the conversation too.
    pub(crate) metadata: bool,
}

/// How functions and freeform tools are offered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToolLayout {
    /// One beside the other.
    Flat,
    /// Inside a namespace.
    Namespaced,
}

/// Which headers a call carries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderSet {
    /// Account, originator, version and the conversation's id, as the Codex backend reads them.
    Codex,
    /// A bearer token, and who calls.
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

/// Nothing is kept at the backend, and what a conversation needs goes along with each request.
const STATELESS: Required = Required {
    stateless: true,
    instructions: true,
    encrypted_reasoning: true,
    cache_key: true,
    metadata: false,
};

const SIGN_IN: &str = "sign in again: chatmock-auth login";

/// The Codex backend, from reports of 2026 and from what the real client leaves out over HTTP.
pub(crate) static CODEX: BackendProfile = BackendProfile {
    name: "codex",
    base: "https://chatgpt.com/backend-api/codex",
    refused: &[
        "background",
        "context_management",
        "conversation",
        "generate",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "moderation",
        "previous_response_id",
        "prompt",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "safety_identifier",
        "stream_options",
        "temperature",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    ],
    refused_tools: &[],
    accepts: &[],
    required: Required { metadata: true, ..STATELESS },
    tools: ToolLayout::Flat,
    uses_key: false,
    headers: HeaderSet::Codex,
    compresses: true,
    list: ModelListShape::Versioned,
    allows_unlisted_models: false,
    summarizes_reasoning: true,
    reports_limits: true,
    usage_page: None,
    remedy: SIGN_IN,
};

/// Plan usage with "Sign in with ChatGPT", as OpenAI's pages of autumn 2026 are reported to say.
pub(crate) static PLAN: BackendProfile = BackendProfile {
    name: "plan",
    base: "https://api.openai.com/v1",
    refused: &[
        "background",
        "client_metadata",
        "conversation",
        "generate",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "moderation",
        "multi_agent",
        "previous_response_id",
        "prompt",
        "prompt_cache_retention",
        "reasoning_effort",
        "safety_identifier",
        "temperature",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    ],
    refused_tools: &[
        "code_interpreter",
        "computer_use",
        "computer_use_preview",
        "file_search",
        "image_generation",
        "local_shell",
        "mcp",
        "tool_search",
    ],
    accepts: &[],
    required: STATELESS,
    tools: ToolLayout::Namespaced,
    uses_key: false,
    headers: HeaderSet::Bearer,
    compresses: false,
    list: ModelListShape::Slugs,
    allows_unlisted_models: false,
    summarizes_reasoning: true,
    reports_limits: false,
    usage_page: Some("https://chatgpt.com/settings/usage"),
    remedy: "sign in again: chatmock-auth login --route plan",
};

const KEY: &str = "check the key in the file of --upstream-key-file, or OPENAI_API_KEY";

/// What both kinds of API server have in common.
const API: BackendProfile = BackendProfile {
    name: "api",
    base: "https://api.openai.com/v1",
    refused: &["generate", "reasoning_effort"],
    refused_tools: &[],
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
    list: ModelListShape::Public,
    allows_unlisted_models: true,
    summarizes_reasoning: false,
    reports_limits: false,
    usage_page: None,
    remedy: KEY,
};

/// OpenAI's platform and Azure's v1 endpoint.
pub(crate) static OPENAI: BackendProfile = BackendProfile {
    accepts: &[
        "max_output_tokens",
        "metadata",
        "previous_response_id",
        "prompt_cache_retention",
        "safety_identifier",
        "store",
        "temperature",
        "top_p",
        "user",
    ],
    required: Required { cache_key: true, ..API.required },
    ..API
};

/// A server of another maker: what those of autumn 2026 have in common.
pub(crate) static GENERIC: BackendProfile = BackendProfile {
    refused: &["conversation", "generate", "previous_response_id", "prompt", "reasoning_effort"],
    accepts: &["max_output_tokens", "metadata", "temperature", "top_p", "user"],
    required: Required { stateless: true, ..API.required },
    ..API
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_do_not_contradict_themselves() {
        for profile in [&CODEX, &PLAN, &OPENAI, &GENERIC] {
            let tables = [profile.refused, profile.refused_tools, profile.accepts];
            assert!(tables.iter().all(|table| table.is_sorted()), "{}", profile.name);
            assert!(
                !profile.accepts.iter().any(|name| profile.refused.contains(name)),
                "{}",
                profile.name
            );
        }
    }
}
