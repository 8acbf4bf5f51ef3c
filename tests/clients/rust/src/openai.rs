//! async-openai: models, chat, completions and responses.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use serde_json::{Value, json};

use crate::runner::{Check, Fault, base_url};

mod chat;
mod completions;
mod models;
mod responses;

/// Every check of the crate.
pub(crate) fn checks() -> Vec<Check> {
    [models::checks(), chat::checks(), completions::checks(), responses::checks()]
        .into_iter()
        .flatten()
        .collect()
}

/// A client of the server under test.
fn client() -> Client<OpenAIConfig> {
    let config =
        OpenAIConfig::new().with_api_base(format!("{}/v1", base_url())).with_api_key("unused");
    Client::with_config(config)
}

/// The status of an error that the server answered with, and the error's code.
fn answered(error: OpenAIError) -> Result<(u16, Option<String>), Fault> {
    match error {
        OpenAIError::ApiError(error) => Ok((error.status_code.as_u16(), error.api_error.code)),
        other => Err(other.into()),
    }
}

/// A strict schema of an object whose only member is a city's name.
fn city_schema() -> Value {
    json!({
        "type": "object", "properties": {"city": {"type": "string"}},
        "required": ["city"], "additionalProperties": false,
    })
}
