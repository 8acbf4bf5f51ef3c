//! The `response` object in events.

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::api_error::ApiError;
use super::usage::Usage;
use crate::json::Text;

/// A `response` object, with the members that someone needs.
#[derive(Clone, Debug)]
pub struct Response<'a> {
    /// The response's id, such as `resp_0a1b`.
    pub id: Option<Text<'a>>,
    /// The model that answers.
    pub model: Option<Text<'a>>,
    /// Why the response is incomplete: `max_output_tokens`, `content_filter` or another word.
    pub incomplete: Option<Text<'a>>,
    /// The error of a failed response.
    pub error: Option<ApiError>,
    /// Token counts, once they are known.
    pub usage: Option<Usage>,
    /// The service tier that was used.
    pub service_tier: Option<Text<'a>>,
    /// The items. The backend often sends an empty list although there was output.
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
    /// Reads a `response` object in one pass, since it repeats all of the instructions and tools. A
    /// member of an unexpected type is treated as absent: a change of one member on the backend's
    /// side must not end a stream whose text is fine.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(deserializer.deserialize_map(ResponseVisitor)?.read())
    }
}

/// Reads objects only: a derived `Deserialize` would also accept a list, member after member.
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
    /// The items of `output`; empty where it is absent or not a list.
    #[must_use]
    pub fn output(&self) -> Vec<&'a RawValue> {
        self.output.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }
}
