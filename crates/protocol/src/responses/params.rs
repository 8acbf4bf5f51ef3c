//! Parameters of a request that some servers accept beyond those which every one accepts.

/// The parameters that OpenAI's platform and Azure's v1 endpoint accept.
pub const OPENAI_PARAMS: &[&str] = &[
    "include",
    "max_output_tokens",
    "metadata",
    "previous_response_id",
    "prompt_cache_retention",
    "safety_identifier",
    "store",
    "stream_options",
    "temperature",
    "top_p",
    "user",
];

/// The parameters that servers of other makers have in common: vLLM, Ollama, LM Studio, llama.cpp, gateways, as of autumn 2026.
pub const GENERIC_PARAMS: &[&str] =
    &["max_output_tokens", "metadata", "stream_options", "temperature", "top_p", "user"];
