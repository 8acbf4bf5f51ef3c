//! The validation of input items: ids, call pairs, content parts, encrypted reasoning.

use std::collections::HashSet;

use serde_json::Value;

use super::{ValidationContext, at_most, missing, wrong_value};
use crate::error_response::ErrorResponse;
use crate::model_request::ModelRequest;

/// The required prefix of the id of an item.
const PREFIXES: [(&str, &str); 7] = [
    ("message", "msg"),
    ("reasoning", "rs"),
    ("function_call", "fc"),
    ("custom_tool_call", "ctc"),
    ("web_search_call", "ws"),
    ("tool_search_call", "tsc"),
    ("agent_message", "amsg"),
];

/// A call, its output, and their name in messages.
struct Pair {
    call: &'static str,
    output: &'static str,
    words: &'static str,
}

const PAIRS: [Pair; 2] = [
    Pair { call: "function_call", output: "function_call_output", words: "function call" },
    Pair { call: "custom_tool_call", output: "custom_tool_call_output", words: "custom tool call" },
];

/// Checks every item separately, then the pairs.
pub(super) fn check(
    request: &ModelRequest,
    context: &ValidationContext<'_>,
) -> Result<(), ErrorResponse> {
    for (index, item) in request.input().iter().enumerate() {
        let place = format!("input[{index}]");
        kind_allowed(item, context)?;
        id(item, &place)?;
        call(item, &place)?;
        content(item, &place)?;
        encrypted_content(item, context)?;
    }
    PAIRS.iter().try_for_each(|pair| paired(request.input(), pair))
}

/// Returns the type of an item; a message may omit it.
fn kind(item: &Value) -> &str {
    let usual = if item["role"].is_string() { "message" } else { "" };
    item["type"].as_str().unwrap_or(usual)
}

/// Rejects an item that a shared plan does not offer.
fn kind_allowed(item: &Value, context: &ValidationContext<'_>) -> Result<(), ErrorResponse> {
    let mut parts = item["content"].as_array().into_iter().flatten();
    let foreign = parts.any(|part| part["type"] == "input_audio" || part["file_id"].is_string());
    if context.rules.items.is_empty() || context.rules.items.contains(&kind(item)) && !foreign {
        return Ok(());
    }
    let words = "User subscription sharing currently supports only text, image, and file messages, \
                 item references, additional tools, compaction summaries, reasoning items, Web \
                 Search call items, and developer function and custom tool call items. Remove \
                 unsupported input items or use an API key instead.";
    Err(context.rules.errors.unsupported_value(words.to_owned(), "invalid_value", "input"))
}

fn id(item: &Value, place: &str) -> Result<(), ErrorResponse> {
    let Some(id) = item["id"].as_str() else { return Ok(()) };
    let Some((_, prefix)) = PREFIXES.iter().find(|(known, _)| *known == kind(item)) else {
        return Ok(());
    };
    if id.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('_')) {
        return Ok(());
    }
    let param = format!("{place}.id");
    let message = format!("Invalid '{param}': '{id}'. Expected an ID that begins with '{prefix}'.");
    Err(ErrorResponse::engine(message, "invalid_value", &param))
}

fn call(item: &Value, place: &str) -> Result<(), ErrorResponse> {
    let kind = kind(item);
    let is_call = PAIRS.iter().any(|pair| pair.call == kind);
    let is_output = PAIRS.iter().any(|pair| pair.output == kind);
    if !(is_call || is_output) {
        return Ok(());
    }
    let call_id = item["call_id"].as_str().filter(|id| !id.is_empty());
    let param = format!("{place}.call_id");
    at_most(call_id.ok_or_else(|| missing(&param))?, 64, &param)?;
    let text = match kind {
        "function_call" => "arguments",
        "custom_tool_call" => "input",
        _ => "output",
    };
    if is_call {
        let param = format!("{place}.name");
        let name = item["name"].as_str().filter(|name| !name.is_empty());
        at_most(name.ok_or_else(|| missing(&param))?, 64, &param)?;
    }
    match &item[text] {
        Value::String(_) => Ok(()),
        Value::Array(_) if is_output => Ok(()),
        _ => Err(missing(&format!("{place}.{text}"))),
    }
}

fn content(item: &Value, place: &str) -> Result<(), ErrorResponse> {
    const SAID: [&str; 4] = ["input_text", "input_image", "input_file", "input_audio"];
    const ANSWERED: [&str; 2] = ["output_text", "refusal"];
    let kinds: &[&str] = match (kind(item), item["role"].as_str()) {
        ("message", Some("assistant")) => &ANSWERED,
        ("message", Some("user" | "developer" | "system")) => &SAID,
        ("message", _) => {
            let roles = ["assistant", "system", "developer", "user"];
            return Err(wrong_value(&item["role"], &roles, &format!("{place}.role")));
        }
        _ => return Ok(()),
    };
    let parts = match &item["content"] {
        Value::String(_) => return Ok(()),
        Value::Array(parts) => parts,
        _ => return Err(missing(&format!("{place}.content"))),
    };
    parts
        .iter()
        .enumerate()
        .try_for_each(|(index, content)| part(content, kinds, &format!("{place}.content[{index}]")))
}

fn part(part: &Value, kinds: &[&str], place: &str) -> Result<(), ErrorResponse> {
    let kind = part["type"].as_str().unwrap_or_default();
    if !kinds.contains(&kind) {
        return Err(wrong_value(&part["type"], kinds, &format!("{place}.type")));
    }
    if part.get("prompt_cache_breakpoint").is_some() {
        let message = "prompt_cache_breakpoint is not supported on this model";
        return Err(ErrorResponse::engine(message, "", place));
    }
    if kind.ends_with("_text") && !part["text"].is_string() {
        return Err(missing(&format!("{place}.text")));
    }
    if kind == "input_image" && part["file_id"].is_null() {
        return image(&part["image_url"], &format!("{place}.image_url"));
    }
    Ok(())
}

fn image(url: &Value, param: &str) -> Result<(), ErrorResponse> {
    let fits = |url: &str| {
        ["data:image/", "http://", "https://"].iter().any(|start| url.starts_with(start))
    };
    if url.as_str().is_some_and(fits) {
        return Ok(());
    }
    let message =
        format!("Invalid '{param}'. Expected a valid URL, but got a value with an invalid format.");
    Err(ErrorResponse::engine(message, "invalid_value", param))
}

/// Rejects encrypted reasoning that this backend cannot have made.
fn encrypted_content(item: &Value, context: &ValidationContext<'_>) -> Result<(), ErrorResponse> {
    let content = item["encrypted_content"].as_str();
    let Some(content) = content.filter(|_| kind(item) == "reasoning") else { return Ok(()) };
    if context.sealer.verifies(content) {
        Ok(())
    } else {
        Err(ErrorResponse::unverified_reasoning(content))
    }
}

/// Checks that every output follows its call, and that every call has its output.
fn paired(input: &[Value], pair: &Pair) -> Result<(), ErrorResponse> {
    let words = pair.words;
    let (mut called, mut open) = (HashSet::new(), Vec::new());
    let mut answered = HashSet::new();
    for item in input {
        let id = item["call_id"].as_str().unwrap_or_default();
        if item["type"] == pair.call {
            called.insert(id);
            open.push(id);
        } else if item["type"] == pair.output {
            if !called.contains(id) {
                let message = format!("No tool call found for {words} output with call_id {id}.");
                return Err(ErrorResponse::engine(message, "", "input"));
            }
            answered.insert(id);
        }
    }
    let Some(id) = open.into_iter().find(|id| !answered.contains(id)) else { return Ok(()) };
    let message = format!("No tool output found for {words} {id}.");
    Err(ErrorResponse::engine(message, "", "input"))
}
