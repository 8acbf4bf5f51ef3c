//! The validation of requests: what a backend rejects, in the order in which it checks.
//!
//! The order matters, because a request with two mistakes gets the error of the first, and clients
//! react to it. So the checks run as two stages, as in the real service: the gateway with its
//! requirements and lists, then the engine with the values.

mod format;
mod items;
mod tools;

use serde_json::Value;

use crate::backend::Rules;
use crate::catalog::{Model, Tier};
use crate::encrypted_reasoning::ReasoningSealer;
use crate::error_response::ErrorResponse;
use crate::model_request::ModelRequest;

/// The values of `reasoning.effort` on the wire.
const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/// The value of `include` that every backend takes.
const INCLUDED_EVERYWHERE: [&str; 1] = ["reasoning.encrypted_content"];

/// The members of `text` and of its format.
const TEXT_MEMBERS: [(&str, &[&str]); 2] = [
    ("/text", &["format", "verbosity"]),
    ("/text/format", &["type", "name", "description", "schema", "strict"]),
];

/// The values of `include`.
const INCLUDED: [&str; 8] = [
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
];

/// The bounds of a number, both inclusive.
struct Range {
    param: &'static str,
    least: f64,
    most: f64,
}

const RANGES: [Range; 4] = [
    Range { param: "max_output_tokens", least: 16.0, most: f64::INFINITY },
    Range { param: "temperature", least: 0.0, most: 2.0 },
    Range { param: "top_p", least: 0.0, most: 1.0 },
    Range { param: "top_logprobs", least: 0.0, most: 20.0 },
];

/// The context of the engine's checks.
#[derive(Debug)]
pub(crate) struct ValidationContext<'a> {
    /// The backend's rules.
    pub(crate) rules: &'static Rules,
    /// The model.
    pub(crate) model: &'a Model,
    /// Verifies encrypted reasoning.
    pub(crate) sealer: &'a ReasoningSealer,
}

/// Checks what the gateway checks: requirements, unsupported members, and whether a model is named.
pub(crate) fn gateway(
    request: &ModelRequest,
    rules: &Rules,
    require_instructions: bool,
) -> Result<(), ErrorResponse> {
    if let Some(unmet) = rules.demands.iter().find(|demand| !(demand.met)(request)) {
        return Err(rules.errors.unsupported_member(unmet.words, unmet.param));
    }
    if let Some(name) = request.member_names().find(|name| rules.unsupported.contains(name)) {
        let words = format!("Unsupported parameter: {name}");
        return Err(rules.errors.unsupported_member(&words, name));
    }
    let instructions = request.get("instructions");
    let absent =
        instructions.is_null() && !request.member_names().any(|name| name == "instructions");
    let spared = !rules.instructions || absent && !require_instructions;
    if !(instructions.is_string() || spared) {
        return Err(rules.errors.unsupported_member("Instructions are required", "instructions"));
    }
    if !request.get("model").is_string() {
        return Err(rules.errors.missing_model());
    }
    Ok(())
}

/// Rejects references, and reasoning without content, that are in no stored response.
pub(crate) fn references(
    request: &ModelRequest,
    stored: impl Fn(&str) -> bool,
) -> Result<(), ErrorResponse> {
    let refers = |item: &&Value| match item["type"].as_str() {
        Some("item_reference") => true,
        Some("reasoning") => item["encrypted_content"].is_null(),
        _ => false,
    };
    let mut ids = request.input().iter().filter(refers).filter_map(|item| item["id"].as_str());
    let Some(id) = ids.find(|id| !stored(id)) else { return Ok(()) };
    let message = format!(
        "Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try \
         again with `store` set to true, or remove this item from your input."
    );
    Err(ErrorResponse { status: 404, ..ErrorResponse::engine(message, "", "input") })
}

/// Checks what the engine checks of a request for a model that exists.
pub(crate) fn engine(
    request: &ModelRequest,
    context: &ValidationContext<'_>,
) -> Result<(), ErrorResponse> {
    if let Some(name) = request.member_names().find(|name| !context.rules.known.contains(name)) {
        let message = format!("Unknown parameter: '{name}'.");
        return Err(ErrorResponse::engine(message, "unknown_parameter", name));
    }
    tier(request, context)?;
    reasoning(request, context.model)?;
    included(request, context.rules)?;
    if !context.rules.stores {
        TEXT_MEMBERS
            .iter()
            .try_for_each(|(pointer, known)| text_members(request, pointer, known))?;
    }
    RANGES.iter().try_for_each(|range| within(request, range))?;
    one_of(request, "/truncation", &["auto", "disabled"])?;
    lengths(request)?;
    tools::check(request, context.rules)?;
    items::check(request, context)?;
    format::check(request)
}

fn tier(request: &ModelRequest, context: &ValidationContext<'_>) -> Result<(), ErrorResponse> {
    let tier = request.get("service_tier");
    let word = tier.as_str().unwrap_or_default();
    let fast = word == "priority" && context.model.priority_tier != Tier::None;
    if tier.is_null() || fast || context.rules.tiers.contains(&word) {
        return Ok(());
    }
    let message = format!("Unsupported service_tier: {tier}");
    Err(context.rules.errors.unsupported_value(message, "unsupported_value", "service_tier"))
}

fn included(request: &ModelRequest, rules: &Rules) -> Result<(), ErrorResponse> {
    let taken: &[&str] = if rules.stores { &INCLUDED } else { &INCLUDED_EVERYWHERE };
    let names = request.get("include").as_array().map_or(&[][..], Vec::as_slice);
    let known = |name: &Value| name.as_str().is_some_and(|name| taken.contains(&name));
    match names.iter().position(|name| !known(name)) {
        Some(at) => Err(wrong_value(&names[at], taken, &format!("include[{at}]"))),
        None => Ok(()),
    }
}

/// Rejects members of an object that it does not have.
fn text_members(
    request: &ModelRequest,
    pointer: &str,
    known: &[&str],
) -> Result<(), ErrorResponse> {
    let mut names = request.at(pointer).as_object().into_iter().flatten().map(|(name, _)| &**name);
    let Some(name) = names.find(|name| !known.contains(name)) else { return Ok(()) };
    let param = format!("{}.{name}", pointer.trim_start_matches('/').replace('/', "."));
    let message = format!("Unknown parameter: '{param}'.");
    Err(ErrorResponse::engine(message, "unknown_parameter", &param))
}

/// Rejects a number out of its bounds, or a value that is not a number.
fn within(request: &ModelRequest, range: &Range) -> Result<(), ErrorResponse> {
    let Range { param, least, most } = range;
    let value = request.get(param);
    let Some(number) = value.as_f64() else {
        if value.is_null() {
            return Ok(());
        }
        let message = format!("Invalid type for '{param}': expected a number.");
        return Err(ErrorResponse::engine(message, "invalid_type", *param));
    };
    let kind = if value.is_f64() { "decimal" } else { "integer" };
    let (side, sign, bound) = match number {
        number if number < *least => ("below_min", ">=", least),
        number if number > *most => ("above_max", "<=", most),
        _ => return Ok(()),
    };
    let words = if side == "below_min" { "below minimum" } else { "above maximum" };
    let message = format!(
        "Invalid '{param}': {kind} {words} value. Expected a value {sign} {bound}, but got {value} \
         instead."
    );
    Err(ErrorResponse::engine(message, &format!("{kind}_{side}_value"), *param))
}

fn reasoning(request: &ModelRequest, model: &Model) -> Result<(), ErrorResponse> {
    if let Some(effort) = request.at("/reasoning/effort").as_str() {
        let offered = effort == "none" || model.efforts().contains(&effort);
        if !EFFORTS.contains(&effort) || !offered {
            return Err(effort_refused(effort, model));
        }
    }
    one_of(request, "/reasoning/summary", &["auto", "concise", "detailed"])?;
    one_of(request, "/text/verbosity", &["low", "medium", "high"])
}

fn effort_refused(effort: &str, model: &Model) -> ErrorResponse {
    let offered = model.efforts().iter().filter(|effort| EFFORTS.contains(effort));
    let offered = offered.map(|effort| format!("'{effort}'")).collect::<Vec<_>>().join(", ");
    let slug = &model.slug;
    let message = format!(
        "Unsupported value: '{effort}' is not supported with the '{slug}' model. Supported values \
         are: {offered}."
    );
    ErrorResponse::engine(message, "unsupported_value", "reasoning.effort")
}

fn one_of(request: &ModelRequest, pointer: &str, words: &[&str]) -> Result<(), ErrorResponse> {
    let value = request.at(pointer);
    if value.is_null() || value.as_str().is_some_and(|word| words.contains(&word)) {
        return Ok(());
    }
    let param = pointer.trim_start_matches('/').replace('/', ".");
    Err(wrong_value(value, words, &param))
}

/// Returns the error for a value that is not one of the allowed ones.
fn wrong_value(value: &Value, words: &[&str], param: &str) -> ErrorResponse {
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let words = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
    let message = format!("Invalid value: '{shown}'. Supported values are: {words}.");
    ErrorResponse::engine(message, "invalid_value", param)
}

fn lengths(request: &ModelRequest) -> Result<(), ErrorResponse> {
    if let Some(key) = request.get("prompt_cache_key").as_str() {
        at_most(key, 64, "prompt_cache_key")?;
    }
    ["client_metadata", "metadata"].iter().try_for_each(|member| strings(request, member))
}

/// Rejects a member that contains anything but strings.
fn strings(request: &ModelRequest, member: &str) -> Result<(), ErrorResponse> {
    let mut members = request.get(member).as_object().into_iter().flatten();
    let Some((name, _)) = members.find(|(_, value)| !value.is_string()) else { return Ok(()) };
    let param = format!("{member}.{name}");
    let message = format!("Invalid type for '{param}': expected a string.");
    Err(ErrorResponse::engine(message, "invalid_type", &param))
}

/// Rejects a text that is too long.
fn at_most(text: &str, most: usize, param: &str) -> Result<(), ErrorResponse> {
    let length = text.chars().count();
    if length <= most {
        return Ok(());
    }
    let message = format!(
        "Invalid '{param}': string too long. Expected a string with maximum length {most}, but got \
         a string with length {length} instead."
    );
    Err(ErrorResponse::engine(message, "string_above_max_length", param))
}

/// Returns the error for a missing member.
fn missing(param: &str) -> ErrorResponse {
    let message = format!("Missing required parameter: '{param}'.");
    ErrorResponse::engine(message, "missing_required_parameter", param)
}

/// Rejects a name with other characters than letters, digits, `_` and `-`.
fn matches_pattern(name: &str, param: &str) -> Result<(), ErrorResponse> {
    if name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
        return Ok(());
    }
    let message = format!(
        "Invalid '{param}': string does not match pattern. Expected a string that matches the \
         pattern '^[a-zA-Z0-9_-]+$'."
    );
    Err(ErrorResponse::engine(message, "invalid_value", param))
}
