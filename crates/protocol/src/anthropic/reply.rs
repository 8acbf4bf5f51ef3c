//! A whole message, and the blocks, ends and counts that it shares with streams.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

/// A whole message.
#[derive(Clone, Debug, Serialize)]
pub struct Message<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// Always `message`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Always `assistant`.
    pub role: &'static str,
    /// The model as the client named it.
    pub model: &'a str,
    /// The blocks, in order.
    pub content: Vec<Block<'a>>,
    /// Why it ended; `null` only where it begins.
    pub stop_reason: Option<&'static str>,
    /// The stop sequence that ended it.
    pub stop_sequence: Option<&'a str>,
    /// More about a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_details: Option<StopDetails>,
    /// Token counts.
    pub usage: Usage,
}

/// A block of a message, as it is in a whole message and as it begins in a stream.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block<'a> {
    /// Text.
    Text {
        /// The text.
        text: Cow<'a, str>,
        /// The pages that it cites; left out where a stream begins it.
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Vec<Citation<'a>>>,
    },
    /// Reasoning.
    Thinking {
        /// Its text.
        thinking: Cow<'a, str>,
        /// Its seal.
        signature: Cow<'a, str>,
    },
    /// A call of a tool that the client runs.
    ToolUse {
        /// Joins call and result.
        id: &'a str,
        /// The tool.
        name: &'a str,
        /// The arguments: an object.
        input: Cow<'a, RawValue>,
    },
    /// A call of a tool that the service runs.
    ServerToolUse {
        /// Joins call and result.
        id: Cow<'a, str>,
        /// The tool.
        name: &'static str,
        /// The arguments.
        input: SearchInput<'a>,
    },
    /// The result of a search.
    WebSearchToolResult {
        /// The call's id.
        tool_use_id: Cow<'a, str>,
        /// The pages.
        content: SearchContent<'a>,
    },
}

/// The arguments of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SearchInput<'a> {
    /// The words to search for; left out where a stream begins the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<Cow<'a, str>>,
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum SearchContent<'a> {
    /// Pages.
    Pages(Vec<Page<'a>>),
    /// The search failed.
    Error {
        /// Always `web_search_tool_result_error`.
        #[serde(rename = "type")]
        kind: &'static str,
        /// Always `unavailable`.
        error_code: &'static str,
    },
}

/// A page that a search has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<'a> {
    /// Always `web_search_result`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its address.
    pub url: Cow<'a, str>,
    /// Its title.
    pub title: Cow<'a, str>,
    /// The search that found it, in a form that only the service reads.
    pub encrypted_content: Cow<'a, str>,
    /// Always `null`: its age is not known.
    pub page_age: Option<()>,
}

/// A page that a text cites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Citation<'a> {
    /// Always `web_search_result_location`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The page's address.
    pub url: Cow<'a, str>,
    /// The page's title.
    pub title: Cow<'a, str>,
    /// The words that are cited; empty where they are not known.
    pub cited_text: Cow<'a, str>,
    /// The place in the page, in a form that only the service reads.
    pub encrypted_index: &'static str,
}

/// More about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StopDetails {
    /// Always `refusal`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Always `null`: the backend does not say.
    pub category: Option<()>,
    /// Always `null`.
    pub explanation: Option<()>,
}

/// Token counts. Those of the input have no token in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Tokens read that were neither in the cache nor are put there.
    pub input_tokens: u64,
    /// Tokens that are put into the cache.
    pub cache_creation_input_tokens: u64,
    /// Tokens from the cache.
    pub cache_read_input_tokens: u64,
    /// Tokens written, reasoning included.
    pub output_tokens: u64,
    /// More about the end; left out where a stream begins.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub more: Option<UsageDetails>,
}

/// The counts that only the end of a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct UsageDetails {
    /// The time for which tokens are put into the cache.
    pub cache_creation: CacheCreation,
    /// Parts of the tokens written.
    pub output_tokens_details: OutputDetails,
    /// Calls of tools that the service ran.
    pub server_tool_use: Option<ServerToolUse>,
    /// `standard` or `priority`.
    pub service_tier: &'static str,
    /// `fast`, where the answer was made so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<&'static str>,
}

/// The time for which tokens are put into the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CacheCreation {
    /// For five minutes.
    pub ephemeral_5m_input_tokens: u64,
    /// For an hour.
    pub ephemeral_1h_input_tokens: u64,
}

/// Parts of the tokens written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OutputDetails {
    /// Reasoning.
    pub thinking_tokens: u64,
}

/// Calls of tools that the service ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ServerToolUse {
    /// Searches.
    pub web_search_requests: u64,
    /// Always 0: no page is fetched.
    pub web_fetch_requests: u64,
}

impl Usage {
    /// Makes the counts of a message that has ended; `searches` and `tier` are not among the
    /// backend's counts.
    #[must_use]
    pub fn new(usage: crate::responses::Usage, searches: u64, tier: Option<&str>) -> Self {
        let cache_read = usage.cached.min(usage.input);
        let cache_creation = usage.cache_write.min(usage.input - cache_read);
        let priority = tier == Some("priority");
        Self {
            input_tokens: usage.input - cache_read - cache_creation,
            cache_creation_input_tokens: cache_creation,
            cache_read_input_tokens: cache_read,
            output_tokens: usage.output,
            more: Some(UsageDetails {
                cache_creation: CacheCreation {
                    ephemeral_5m_input_tokens: cache_creation,
                    ephemeral_1h_input_tokens: 0,
                },
                output_tokens_details: OutputDetails { thinking_tokens: usage.reasoning },
                server_tool_use: (searches > 0).then_some(ServerToolUse {
                    web_search_requests: searches,
                    web_fetch_requests: 0,
                }),
                service_tier: if priority { "priority" } else { "standard" },
                speed: None,
            }),
        }
    }
}
