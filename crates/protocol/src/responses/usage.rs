//! The token counts of a response.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Token counts of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read, cached ones included.
    pub input: u64,
    /// Tokens of the input that came from the prompt cache.
    pub cached: u64,
    /// Tokens of the input that were put into the prompt cache.
    pub cache_write: u64,
    /// Tokens written, reasoning included.
    pub output: u64,
    /// Tokens of the output that were reasoning.
    pub reasoning: u64,
    /// Input and output together.
    pub total: u64,
}

impl Usage {
    /// Adds the counts of another response.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            total: self.total.saturating_add(other.total),
        }
    }
}

/// Token counts on the wire. A float or a negative number is treated as absent.
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
    cache_write_tokens: Count,
    #[serde(default)]
    reasoning_tokens: Count,
}

/// A token count; `None` for anything but an integer within `u64`.
#[derive(Clone, Copy, Default)]
struct Count(Option<u64>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        Ok(Self(raw.get().parse().ok()))
    }
}

impl Usage {
    /// Reads a `usage` object; `None` for anything but an object with input and output counts.
    #[must_use]
    pub fn read(raw: &RawValue) -> Option<Self> {
        let raw = raw.get().starts_with('{').then(|| raw.get())?;
        let wire: WireUsage = serde_json::from_str(raw).ok()?;
        let (input, output) = (wire.input_tokens.0?, wire.output_tokens.0?);
        let read = wire.input_tokens_details.unwrap_or_default();
        let written = wire.output_tokens_details.unwrap_or_default();
        Some(Self {
            input,
            cached: read.cached_tokens.0.unwrap_or(0),
            cache_write: read.cache_write_tokens.0.unwrap_or(0),
            output,
            reasoning: written.reasoning_tokens.0.unwrap_or(0),
            total: wire.total_tokens.0.unwrap_or_else(|| input.saturating_add(output)),
        })
    }
}
