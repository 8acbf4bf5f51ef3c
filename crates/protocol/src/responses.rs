//! The Responses API, as the Codex backend speaks it.

mod api_error;
pub mod event;
pub mod item;
pub mod tool;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::{RawObject, Text};

pub use api_error::ApiError;
pub use event::{Event, Phase};
pub use item::{ContentPart, InputItem, OutputItem};
pub use tool::{Tool, ToolChoice};

/// A request body, member by member: what no one reads or changes leaves as it came.
pub type Request<'b> = RawObject<'b>;

/// The `reasoning` member of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reasoning<'a> {
    /// One of the words of [`crate::effort::Effort`], or a number as configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<&'a str>,
    /// `auto`, `concise` or `detailed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<&'a str>,
}

/// Token counts of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read, cached ones included.
    pub input: u64,
    /// Tokens of the input that came from the prompt cache.
    pub cached: u64,
    /// Tokens written, reasoning included.
    pub output: u64,
    /// Tokens of the output that were reasoning.
    pub reasoning: u64,
    /// Input and output together.
    pub total: u64,
}

impl Usage {
    /// Adds another response's counts.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            total: self.total.saturating_add(other.total),
        }
    }
}

/// Reads counts tolerantly: a float or a negative number counts as absent.
#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    total_tokens: Count,
    #[serde(default)]
    input_tokens_details: Option<WireDetails>,
    #[serde(default)]
    output_tokens_details: Option<WireDetails>,
}

#[derive(Default, Deserialize)]
struct WireDetails {
    #[serde(default)]
    cached_tokens: Count,
    #[serde(default)]
    reasoning_tokens: Count,
}

/// A token count; anything but a whole number of `u64` is `None`.
#[derive(Clone, Copy, Default)]
struct Count(Option<u64>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        Ok(Self(raw.get().parse().ok()))
    }
}

impl Usage {
    /// Reads a `usage` object; `None` for anything that is not one with readable counts.
    #[must_use]
    pub fn read(raw: &RawValue) -> Option<Self> {
        let raw = raw.get().starts_with('{').then(|| raw.get())?;
        let wire: WireUsage = serde_json::from_str(raw).ok()?;
        let (input, output) = (wire.input_tokens.0?, wire.output_tokens.0?);
        let details = |details: Option<WireDetails>| details.unwrap_or_default();
        Some(Self {
            input,
            cached: details(wire.input_tokens_details).cached_tokens.0.unwrap_or(0),
            output,
            reasoning: details(wire.output_tokens_details).reasoning_tokens.0.unwrap_or(0),
            total: wire.total_tokens.0.unwrap_or_else(|| input.saturating_add(output)),
        })
    }
}

/// A `response` object as far as it is read.
#[derive(Clone, Debug)]
pub struct Response<'a> {
    /// The response's id, such as `resp_0a1b`.
    pub id: Option<Text<'a>>,
    /// The model that answers.
    pub model: Option<Text<'a>>,
    /// Why the response is incomplete: `max_output_tokens`, `content_filter` or another word.
    pub incomplete: Option<Text<'a>>,
    /// What went wrong, for a failed response.
    pub error: Option<ApiError>,
    /// Token counts, once known.
    pub usage: Option<Usage>,
    /// The service tier that was used.
    pub service_tier: Option<Text<'a>>,
    /// The items, as far as the backend put them there; often an empty list.
    pub output: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireResponse<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    incomplete_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireIncomplete<'a> {
    #[serde(borrow, default)]
    reason: Option<Text<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Response<'a> {
    /// Reads a `response` object in one pass, since it repeats the whole of the instructions and
    /// tools; a member of an unexpected type counts as absent.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(deserializer.deserialize_map(ResponseVisitor)?.read())
    }
}

/// A derived struct would read a list too, member after member.
struct ResponseVisitor;

impl<'de> Visitor<'de> for ResponseVisitor {
    type Value = WireResponse<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a response object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        WireResponse::deserialize(MapAccessDeserializer::new(map))
    }
}

impl<'a> WireResponse<'a> {
    fn read(self) -> Response<'a> {
        let word = |raw: Option<&'a RawValue>| raw.and_then(|r| serde_json::from_str(r.get()).ok());
        let incomplete = self
            .incomplete_details
            .and_then(|raw| serde_json::from_str::<WireIncomplete<'a>>(raw.get()).ok())
            .and_then(|details| details.reason);
        Response {
            id: word(self.id),
            model: word(self.model),
            incomplete,
            error: self.error.and_then(ApiError::read),
            usage: self.usage.and_then(Usage::read),
            service_tier: word(self.service_tier),
            output: self.output,
        }
    }
}

impl<'a> Response<'a> {
    /// The items under `output`, if any.
    #[must_use]
    pub fn output(&self) -> Vec<&'a RawValue> {
        self.output.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
