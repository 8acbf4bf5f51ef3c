//! The validation of the tools and of the choice among them.

use serde_json::Value;

use super::{at_most, format, matches_pattern, missing, wrong_value};
use crate::backend::{ErrorStyle, Rules};
use crate::error_response::ErrorResponse;
use crate::model_request::ModelRequest;

/// The place where a tool is declared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In `tools` itself.
    Flat,
    /// In a namespace, or in an input item.
    Inner,
}

/// Checks the tools, then the choice.
pub(super) fn check(request: &ModelRequest, rules: &Rules) -> Result<(), ErrorResponse> {
    match request.get("tools") {
        Value::Null => {}
        Value::Array(tools) => list(tools, "tools", rules, Place::Flat)?,
        _ => {
            let message = "Invalid type for 'tools': expected an array of objects.";
            return Err(ErrorResponse::engine(message, "invalid_type", "tools"));
        }
    }
    for (index, item) in request.input().iter().enumerate() {
        if item["type"] == "additional_tools" {
            let tools = item["tools"].as_array().map_or(&[][..], Vec::as_slice);
            list(tools, &format!("input[{index}].tools"), rules, Place::Inner)?;
        }
    }
    choice(request)
}

fn list(tools: &[Value], place: &str, rules: &Rules, within: Place) -> Result<(), ErrorResponse> {
    tools.iter().enumerate().try_for_each(|(index, declared)| {
        tool(declared, &format!("{place}[{index}]"), rules, within)
    })
}

fn tool(tool: &Value, place: &str, rules: &Rules, within: Place) -> Result<(), ErrorResponse> {
    let kind = tool["type"].as_str().unwrap_or_default();
    taken(tool, place, rules, within)?;
    if matches!(kind, "function" | "custom" | "namespace") {
        name(tool, &format!("{place}.name"))?;
    }
    if matches!(kind, "function" | "custom") && !rules.stores {
        known_members(tool, place)?;
    }
    match kind {
        "function" => parameters(tool, &format!("{place}.parameters")),
        "namespace" => {
            if rules.errors == ErrorStyle::SubscriptionSharing && !tool["description"].is_string() {
                return Err(missing(&format!("{place}.description")));
            }
            let inner = tool["tools"].as_array().map_or(&[][..], Vec::as_slice);
            list(inner, &format!("{place}.tools"), rules, Place::Inner)
        }
        _ => Ok(()),
    }
}

/// Rejects a tool of a kind that the backend does not accept there.
fn taken(tool: &Value, place: &str, rules: &Rules, within: Place) -> Result<(), ErrorResponse> {
    let kind = tool["type"].as_str().unwrap_or_default();
    let param = format!("{place}.type");
    if !rules.tools.contains(&kind) {
        return Err(match rules.errors {
            ErrorStyle::SubscriptionSharing => {
                let words =
                    format!("User subscription sharing does not support the tool '{kind}'.");
                ErrorResponse::capability(words, &param)
            }
            ErrorStyle::Gateway | ErrorStyle::Engine => {
                wrong_value(&tool["type"], rules.tools, &param)
            }
        });
    }
    let alone = within == Place::Flat && matches!(kind, "function" | "custom");
    if alone && !rules.flat_tools {
        let words = "User subscription sharing takes function and custom tools in namespaces or \
                     additional tools only.";
        return Err(ErrorResponse::capability(words, &param));
    }
    Ok(())
}

fn name(tool: &Value, param: &str) -> Result<(), ErrorResponse> {
    let name = tool["name"].as_str().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| missing(param))?;
    at_most(name, 64, param)?;
    matches_pattern(name, param)
}

/// Rejects members that a tool of its type does not have.
fn known_members(tool: &Value, place: &str) -> Result<(), ErrorResponse> {
    const KNOWN: [&str; 7] =
        ["type", "name", "description", "parameters", "strict", "format", "defer_loading"];
    let mut names = tool.as_object().into_iter().flatten().map(|(name, _)| &**name);
    let Some(name) = names.find(|name| !KNOWN.contains(name)) else { return Ok(()) };
    let param = format!("{place}.{name}");
    let message = format!("Unknown parameter: '{param}'.");
    Err(ErrorResponse::engine(message, "unknown_parameter", &param))
}

fn parameters(tool: &Value, param: &str) -> Result<(), ErrorResponse> {
    let schema = &tool["parameters"];
    if schema.is_null() {
        return Ok(());
    }
    let problem = if schema["type"] != "object" {
        // The engine writes a missing value as Python does.
        let kind = match &schema["type"] {
            Value::Null => "\"None\"".to_owned(),
            kind => kind.to_string(),
        };
        Some(format!("schema must be a JSON Schema of 'type: \"object\"', got 'type: {kind}'."))
    } else if !schema["properties"].is_object() {
        Some("In context=(), object schema missing properties.".to_owned())
    } else if tool["strict"] == true {
        format::strict_problem(schema)
    } else {
        None
    };
    problem.map_or(Ok(()), |problem| {
        let name = tool["name"].as_str().unwrap_or_default();
        let message = format!("Invalid schema for function '{name}': {problem}");
        Err(ErrorResponse::engine(message, "invalid_function_parameters", param))
    })
}

/// Checks that the required tool is declared. An object is read as the name of a client's tool, so a
/// hosted tool is never found.
fn choice(request: &ModelRequest) -> Result<(), ErrorResponse> {
    let refuse =
        |message: String| Err(ErrorResponse::engine(message, "invalid_value", "tool_choice"));
    match request.get("tool_choice") {
        Value::String(word)
            if word == "required" && request.tool_declarations().next().is_none() =>
        {
            refuse("Tool choice 'required' must be specified with 'tools' parameter.".to_owned())
        }
        Value::Object(choice) => {
            let word = |name| choice.get(name).and_then(Value::as_str);
            let name = word("name").or_else(|| word("type")).unwrap_or_default();
            if request.tools().iter().any(|tool| tool.name == name) {
                return Ok(());
            }
            refuse(format!("Tool choice '{name}' not found in 'tools' parameter."))
        }
        Value::Null => Ok(()),
        word if ["none", "auto", "required"].iter().any(|known| word == known) => Ok(()),
        word => Err(wrong_value(word, &["none", "auto", "required"], "tool_choice")),
    }
}
