//! The validation of input items: ids, call pairs, content parts, encrypted reasoning.

use std::collections::HashSet;

use serde_json::Value;

use super::{ValidationContext, at_most, matches_pattern, missing, wrong_value};
use crate::error_response::ErrorResponse;
use crate::model_request::ModelRequest;

/// The beginnings of the ids of items; the first is the one in messages.
const PREFIXES: [(&str, &[&str]); 10] = [
    ("message", &["msg_"]),
    ("reasoning", &["rs_"]),
    ("function_call", &["fc_"]),
    ("function_call_output", &["fc_", "fco_"]),
    ("custom_tool_call", &["ctc_"]),
    ("custom_tool_call_output", &["ctc_", "ctco_"]),
    ("web_search_call", &["ws_"]),
    ("tool_search_call", &["tsc_"]),
    ("image_generation_call", &["ig_"]),
    ("agent_message", &["amsg_"]),
];

/// Members that every item may have.
const COMMON: [&str; 3] = ["type", "id", "internal_chat_message_metadata_passthrough"];

/// The further members of items, by their type.
const MEMBERS: [(&str, &[&str]); 6] = [
    ("message", &["role", "content", "status", "phase"]),
    ("reasoning", &["summary", "content", "encrypted_content", "status"]),
    (
        "function_call",
        &["call_id", "name", "namespace", "arguments", "status", "encrypted_function_args"],
    ),
    ("function_call_output", &["call_id", "output", "status"]),
    ("custom_tool_call", &["call_id", "name", "namespace", "input", "status"]),
    ("custom_tool_call_output", &["call_id", "name", "output", "status"]),
];

/// The members of parts, by their type.
const PART_MEMBERS: [(&str, &[&str]); 5] = [
    ("input_text", &["type", "text", "prompt_cache_breakpoint"]),
    ("output_text", &["type", "text", "annotations", "logprobs"]),
    ("refusal", &["type", "refusal"]),
    ("input_image", &["type", "image_url", "file_id", "detail", "prompt_cache_breakpoint"]),
    ("input_file", &["type", "filename", "file_data", "file_url", "file_id"]),
];

/// Members of items that may not be `null`.
const NOT_NULL: [&str; 5] = ["id", "status", "phase", "content", "namespace"];

/// The kinds of images in `data:` addresses.
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

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
        kind_known(item, &place, context)?;
        if !context.rules.stores {
            known_members(item, &place)?;
        }
        id(item, &place)?;
        call(item, &place)?;
        content(item, &place)?;
        encrypted_content(item, context)?;
    }
    distinct(request.input())?;
    PAIRS.iter().try_for_each(|pair| paired(request.input(), pair))
}

/// Rejects members that an item of its type does not have.
fn known_members(item: &Value, place: &str) -> Result<(), ErrorResponse> {
    let Some((_, known)) = MEMBERS.iter().find(|(known, _)| *known == kind(item)) else {
        return Ok(());
    };
    for (name, value) in item.as_object().into_iter().flatten() {
        let param = format!("{place}.{name}");
        if !known.contains(&&**name) && !COMMON.contains(&&**name) {
            let message = format!("Unknown parameter: '{param}'.");
            return Err(ErrorResponse::engine(message, "unknown_parameter", &param));
        }
        if value.is_null() && NOT_NULL.contains(&&**name) {
            let message = format!("Invalid type for '{param}': got null instead.");
            return Err(ErrorResponse::engine(message, "invalid_type", &param));
        }
    }
    if kind(item) == "reasoning" {
        for name in ["summary", "encrypted_content"] {
            if item[name].is_null() {
                return Err(missing(&format!("{place}.{name}")));
            }
        }
    }
    Ok(())
}

/// Rejects ids of items that are there twice.
fn distinct(input: &[Value]) -> Result<(), ErrorResponse> {
    let mut seen = HashSet::new();
    let mut ids = input.iter().filter_map(|item| item["id"].as_str());
    let Some(twice) = ids.find(|id| !seen.insert(*id)) else { return Ok(()) };
    let message = format!(
        "Duplicate item found with id {twice}. Remove duplicate items from your input and try \
         again."
    );
    Err(ErrorResponse::engine(message, "", "input"))
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

/// The kinds of items that the engine names where it knows another one not.
const KNOWN_KINDS: [&str; 7] = [
    "message",
    "reasoning",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "web_search_call",
];

/// Rejects an item of a kind that the backend is not known to take.
fn kind_known(
    item: &Value,
    place: &str,
    context: &ValidationContext<'_>,
) -> Result<(), ErrorResponse> {
    if context.rules.refused_items.contains(&kind(item)) {
        return Err(wrong_value(&item["type"], &KNOWN_KINDS, &format!("{place}.type")));
    }
    Ok(())
}

fn id(item: &Value, place: &str) -> Result<(), ErrorResponse> {
    let Some(id) = item["id"].as_str() else { return Ok(()) };
    let param = format!("{place}.id");
    at_most(id, 64, &param)?;
    let Some((_, prefixes)) = PREFIXES.iter().find(|(known, _)| *known == kind(item)) else {
        return Ok(());
    };
    if prefixes.iter().any(|prefix| id.starts_with(prefix)) {
        return Ok(());
    }
    let prefix = prefixes[0].trim_end_matches('_');
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
        let name = name.ok_or_else(|| missing(&param))?;
        at_most(name, 64, &param)?;
        matches_pattern(name, &param)?;
    }
    match &item[text] {
        Value::String(_) => Ok(()),
        Value::Array(list) if is_output => parts(list, &SAID, &format!("{place}.output")),
        _ => Err(missing(&format!("{place}.{text}"))),
    }
}

/// The parts of what is said to the model.
const SAID: [&str; 4] = ["input_text", "input_image", "input_file", "input_audio"];

fn content(item: &Value, place: &str) -> Result<(), ErrorResponse> {
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
    match &item["content"] {
        Value::String(_) => Ok(()),
        Value::Array(list) => parts(list, kinds, &format!("{place}.content")),
        _ => Err(missing(&format!("{place}.content"))),
    }
}

fn parts(list: &[Value], kinds: &[&str], place: &str) -> Result<(), ErrorResponse> {
    list.iter()
        .enumerate()
        .try_for_each(|(index, content)| part(content, kinds, &format!("{place}[{index}]")))
}

fn part(part: &Value, kinds: &[&str], place: &str) -> Result<(), ErrorResponse> {
    let kind = part["type"].as_str().unwrap_or_default();
    if !kinds.contains(&kind) {
        return Err(wrong_value(&part["type"], kinds, &format!("{place}.type")));
    }
    let known = PART_MEMBERS.iter().find(|(known, _)| *known == kind);
    let mut names = part.as_object().into_iter().flatten().map(|(name, _)| &**name);
    if let Some((_, known)) = known
        && let Some(name) = names.find(|name| !known.contains(name))
    {
        let param = format!("{place}.{name}");
        let message = format!("Unknown parameter: '{param}'.");
        return Err(ErrorResponse::engine(message, "unknown_parameter", &param));
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
    if let Some(url) = url.as_str().filter(|url| fits(url)) {
        let taken = |kind: &str| url["data:".len()..].starts_with(kind);
        if !url.starts_with("data:") || IMAGES.into_iter().any(taken) {
            return Ok(());
        }
        let message = "The image data you provided does not represent a valid image. Please check \
                       your input and try again with one of the following image formats: \
                       ['image/jpeg', 'image/png', 'image/gif', 'image/webp'].";
        return Err(ErrorResponse::engine(message, "invalid_value", "input"));
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

/// Checks that every output follows its call, that every call has its output, and that no id is there twice.
fn paired(input: &[Value], pair: &Pair) -> Result<(), ErrorResponse> {
    let words = pair.words;
    let (mut called, mut open) = (HashSet::new(), Vec::new());
    let mut answered = HashSet::new();
    let twice = |kind: &str, id: &str| {
        let message = format!("Duplicate {kind} for call_id {id}.");
        Err(ErrorResponse::engine(message, "", "input"))
    };
    // The output of a shell call is that of a function.
    let shells = input.iter().filter(|item| item["type"] == "local_shell_call");
    called.extend(shells.filter_map(|item| item["call_id"].as_str()));
    for item in input {
        let id = item["call_id"].as_str().unwrap_or_default();
        if item["type"] == pair.call {
            if !called.insert(id) {
                return twice(pair.call, id);
            }
            open.push(id);
        } else if item["type"] == pair.output {
            if !called.contains(id) {
                let message = format!("No tool call found for {words} output with call_id {id}.");
                return Err(ErrorResponse::engine(message, "", "input"));
            }
            if !answered.insert(id) {
                return twice(pair.output, id);
            }
        }
    }
    let Some(id) = open.into_iter().find(|id| !answered.contains(id)) else { return Ok(()) };
    let message = format!("No tool output found for {words} {id}.");
    Err(ErrorResponse::engine(message, "", "input"))
}
