//! The checks: what the backend refuses, in the order and the words in which it refuses it.

mod format;
mod items;
mod tools;

use serde_json::Value;

use crate::asked::Asked;
use crate::catalog::{Model, Tier};
use crate::refusal::Refusal;

/// Parameters that the endpoint names as unsupported.
const UNSUPPORTED: [&str; 18] = [
    "temperature",
    "top_p",
    "max_output_tokens",
    "previous_response_id",
    "metadata",
    "user",
    "truncation",
    "background",
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
];

/// Parameters that the engine knows.
const KNOWN: [&str; 17] = [
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
];

/// The words of `reasoning.effort` on the wire.
const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/// What the gateway checks, the demanded `store` and `stream` first.
pub(crate) fn gateway(asked: &Asked, require_instructions: bool) -> Result<(), Refusal> {
    let refuse = |detail: &str| Err(Refusal::detail(400, detail));
    if asked.get("store") != &Value::Bool(false) {
        return refuse("Store must be set to false");
    }
    if asked.get("stream") != &Value::Bool(true) {
        return refuse("Stream must be set to true");
    }
    if !asked.get("input").is_array() {
        return refuse("Input must be a list");
    }
    if asked.input().iter().any(|item| item["role"] == "system") {
        return refuse("System messages are not allowed");
    }
    if let Some(name) = asked.names().find(|name| UNSUPPORTED.contains(name)) {
        return refuse(&format!("Unsupported parameter: {name}"));
    }
    let instructions = asked.get("instructions");
    let absent = instructions.is_null() && !asked.names().any(|name| name == "instructions");
    if !(instructions.is_string() || absent && !require_instructions) {
        return refuse("Instructions are required");
    }
    if !asked.get("model").is_string() {
        return Err(Refusal::missing("body", "model"));
    }
    Ok(())
}

/// What the engine checks of a request for a model that is there.
pub(crate) fn engine(asked: &Asked, model: &Model) -> Result<(), Refusal> {
    if let Some(name) = asked.names().find(|name| !KNOWN.contains(name)) {
        let message = format!("Unknown parameter: '{name}'.");
        return Err(Refusal::engine(message, "unknown_parameter", name));
    }
    tier(asked, model)?;
    reasoning(asked, model)?;
    lengths(asked)?;
    tools::check(asked)?;
    items::check(asked)?;
    format::check(asked)
}

fn tier(asked: &Asked, model: &Model) -> Result<(), Refusal> {
    match asked.get("service_tier") {
        Value::Null => Ok(()),
        Value::String(tier) if tier == "priority" && model.priority_tier != Tier::None => Ok(()),
        tier => {
            let message = format!("Unsupported service_tier: {tier}");
            Err(Refusal::engine(message, "unsupported_value", "service_tier"))
        }
    }
}

fn reasoning(asked: &Asked, model: &Model) -> Result<(), Refusal> {
    if let Some(effort) = asked.at("/reasoning/effort").as_str() {
        let offered = effort == "none" || model.efforts().contains(&effort);
        if !EFFORTS.contains(&effort) || !offered {
            return Err(effort_refused(effort, model));
        }
    }
    one_of(asked, "/reasoning/summary", &["auto", "concise", "detailed"])?;
    one_of(asked, "/text/verbosity", &["low", "medium", "high"])
}

fn effort_refused(effort: &str, model: &Model) -> Refusal {
    let offered = model.efforts().iter().filter(|effort| EFFORTS.contains(effort));
    let offered = offered.map(|effort| format!("'{effort}'")).collect::<Vec<_>>().join(", ");
    let slug = &model.slug;
    let message = format!(
        "Unsupported value: '{effort}' is not supported with the '{slug}' model. Supported values \
         are: {offered}."
    );
    Refusal::engine(message, "unsupported_value", "reasoning.effort")
}

fn one_of(asked: &Asked, pointer: &str, words: &[&str]) -> Result<(), Refusal> {
    let value = asked.at(pointer);
    if value.is_null() || value.as_str().is_some_and(|word| words.contains(&word)) {
        return Ok(());
    }
    let param = pointer.trim_start_matches('/').replace('/', ".");
    Err(wrong_value(value, words, &param))
}

/// The refusal of a value that is not one of a few.
fn wrong_value(value: &Value, words: &[&str], param: &str) -> Refusal {
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let words = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
    let message = format!("Invalid value: '{shown}'. Supported values are: {words}.");
    Refusal::engine(message, "invalid_value", param)
}

fn lengths(asked: &Asked) -> Result<(), Refusal> {
    if let Some(key) = asked.get("prompt_cache_key").as_str() {
        at_most(key, 64, "prompt_cache_key")?;
    }
    let metadata = asked.get("client_metadata").as_object().into_iter().flatten();
    for (name, value) in metadata {
        if !value.is_string() {
            let param = format!("client_metadata.{name}");
            let message = format!("Invalid type for '{param}': expected a string.");
            return Err(Refusal::engine(message, "invalid_type", &param));
        }
    }
    Ok(())
}

/// Refuses a text of more characters than the engine takes.
fn at_most(text: &str, most: usize, param: &str) -> Result<(), Refusal> {
    let length = text.chars().count();
    if length <= most {
        return Ok(());
    }
    let message = format!(
        "Invalid '{param}': string too long. Expected a string with maximum length {most}, but got \
         a string with length {length} instead."
    );
    Err(Refusal::engine(message, "string_above_max_length", param))
}

/// The refusal of a member that must be there.
fn missing(param: &str) -> Refusal {
    let message = format!("Missing required parameter: '{param}'.");
    Refusal::engine(message, "missing_required_parameter", param)
}
