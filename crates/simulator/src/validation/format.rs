//! The validation of the answer's format and of strict schemas.

use serde_json::Value;

use super::{missing, wrong_value};
use crate::error_response::ErrorResponse;
use crate::model_request::{ModelRequest, text_of};

/// Checks `text.format`.
pub(super) fn check(request: &ModelRequest) -> Result<(), ErrorResponse> {
    let format = request.at("/text/format");
    match format["type"].as_str() {
        Some("text") => Ok(()),
        Some("json_object") => speaks_of_json(request),
        Some("json_schema") => schema(format),
        None if format.is_null() => Ok(()),
        _ => {
            let kinds = ["text", "json_schema", "json_object"];
            Err(wrong_value(&format["type"], &kinds, "text.format.type"))
        }
    }
}

/// Checks that an input message contains the word "json", which JSON mode requires. Instructions do
/// not matter.
fn speaks_of_json(request: &ModelRequest) -> Result<(), ErrorResponse> {
    let says = |item: &Value| text_of(&item["content"]).to_lowercase().contains("json");
    if request.input().iter().any(says) {
        return Ok(());
    }
    let message = "Response input messages must contain the word 'json' in some form to use \
                   'text.format' of type 'json_object'.";
    Err(ErrorResponse::engine(message, "", "input"))
}

fn schema(format: &Value) -> Result<(), ErrorResponse> {
    let name = format["name"].as_str().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| missing("text.format.name"))?;
    let schema = &format["schema"];
    if !schema.is_object() {
        return Err(missing("text.format.schema"));
    }
    let problem = match (format["strict"] == true, schema["type"] == "object") {
        (true, false) => Some("schema must be a JSON Schema of 'type: \"object\"'.".to_owned()),
        (true, true) => strict_problem(schema),
        (false, _) => None,
    };
    problem.map_or(Ok(()), |problem| {
        let message = format!("Invalid schema for response_format '{name}': {problem}");
        Err(ErrorResponse::engine(message, "invalid_json_schema", "text.format.schema"))
    })
}

/// Returns what is wrong with a schema under the strict rules: every object closed, every property
/// required.
pub(super) fn strict_problem(schema: &Value) -> Option<String> {
    problem_at(schema, &mut Vec::new())
}

fn problem_at<'s>(schema: &'s Value, path: &mut Vec<&'s str>) -> Option<String> {
    object_problem(schema)
        .map(|problem| format!("In context={}, {problem}", context(path)))
        .or_else(|| {
            children(schema).find_map(|(steps, child)| {
                let depth = path.len();
                path.extend(steps.into_iter().filter(|step| !step.is_empty()));
                let problem = problem_at(child, path);
                path.truncate(depth);
                problem
            })
        })
}

fn object_problem(schema: &Value) -> Option<String> {
    if schema["type"] != "object" {
        return None;
    }
    if schema["additionalProperties"] != false {
        return Some(
            "'additionalProperties' is required to be supplied and to be false.".to_owned(),
        );
    }
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    let mut names = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name);
    let left_out = names.find(|name| !required.iter().any(|known| known == *name))?;
    Some(format!(
        "'required' is required to be supplied and to be an array including every key in \
         properties. Missing '{left_out}'."
    ))
}

/// Returns the schemas inside a schema, each with the two steps that lead to it.
fn children(schema: &Value) -> impl Iterator<Item = ([&str; 2], &Value)> {
    let maps = ["properties", "$defs", "definitions"].into_iter().flat_map(|key| {
        let members = schema[key].as_object().into_iter().flatten();
        members.map(move |(name, child)| ([key, name.as_str()], child))
    });
    let lists = ["anyOf", "oneOf", "allOf"].into_iter().flat_map(|key| {
        let branches = schema[key].as_array().into_iter().flatten();
        branches.map(move |child| ([key, ""], child))
    });
    let items = schema.get("items").map(|child| (["items", ""], child));
    maps.chain(lists).chain(items)
}

/// Formats a path as the engine does, which is how Python formats a tuple.
fn context(path: &[&str]) -> String {
    let steps: Vec<String> = path.iter().map(|step| format!("'{step}'")).collect();
    match steps.as_slice() {
        [one] => format!("({one},)"),
        steps => format!("({})", steps.join(", ")),
    }
}
