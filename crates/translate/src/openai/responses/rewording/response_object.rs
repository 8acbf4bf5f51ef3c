//! Response objects made whole: every member that the API demands, with the value in force.

use std::time::Duration;

use chatmock_protocol::json::{items, members, raw};

use super::item_ids::ItemIds;
use super::{ResponsesShape, member, splice, with_members};
use crate::openai::responses::EchoedParams;
use crate::shape::Shape;

/// The members that every response has, and their values where nobody says others.
const DEFAULTS: [(&str, &str); 26] = [
    ("object", r#""response""#),
    ("completed_at", "null"),
    ("incomplete_details", "null"),
    ("previous_response_id", "null"),
    ("instructions", "null"),
    ("output", "[]"),
    ("error", "null"),
    ("tools", "[]"),
    ("tool_choice", r#""auto""#),
    ("truncation", r#""disabled""#),
    ("parallel_tool_calls", "true"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("top_p", "1.0"),
    ("presence_penalty", "0.0"),
    ("frequency_penalty", "0.0"),
    ("top_logprobs", "0"),
    ("temperature", "1.0"),
    ("reasoning", "null"),
    ("usage", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("store", "false"),
    ("background", "false"),
    ("service_tier", r#""default""#),
    ("metadata", "{}"),
    ("safety_identifier", "null"),
];

/// The members of a function on offer, in the same way.
const OF_FUNCTION: [(&str, &str); 3] =
    [("description", "null"), ("parameters", "null"), ("strict", "false")];

/// The details of token counts, in the same way.
const OF_USAGE: [(&str, &str); 2] = [
    ("input_tokens_details", r#"{"cached_tokens":0,"cache_write_tokens":0}"#),
    ("output_tokens_details", r#"{"reasoning_tokens":0}"#),
];

/// Members that an answer without its client says of itself.
const OF_ITSELF: [&str; 2] = ["store", "background"];

/// How far a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has come to its end, so long after the request.
    Completed(Duration),
    /// It failed, so that it is not kept.
    Failed,
    /// Anything else.
    Other,
}

/// What the response objects of one turn have in common.
#[derive(Debug)]
pub(super) struct ResponseObject {
    /// Members that are said as the client sent them, whatever the backend says.
    echoed: EchoedParams,
    /// Members that are said where the backend says nothing.
    in_force: EchoedParams,
    created: u64,
    model: String,
    /// True if it is kept even where it fails.
    kept_if_failed: bool,
}

impl ResponseObject {
    pub(super) fn new(shape: &Shape<ResponsesShape>) -> Self {
        // The backend repeats the members that it received.
        let mut echoed = shape.own.echoed_params.clone();
        echoed.retain(|(name, _)| !shape.backend.accepts(name));
        // An answer without its client has its id before the backend gives one, and what it says of itself is not
        // what the backend was asked.
        let id = shape.response_id.get().and_then(|id| raw(id).ok());
        let kept_if_failed = id.is_some();
        if let Some(id) = id {
            let of_itself =
                shape.own.echoed_params.iter().filter(|(name, _)| OF_ITSELF.contains(name));
            echoed.retain(|(name, _)| !OF_ITSELF.contains(name));
            echoed.extend(of_itself.cloned());
            echoed.push(("id", id));
        }
        let model = serde_json::to_string(&shape.model).unwrap_or_default();
        let in_force = shape.own.in_force.clone();
        Self { echoed, in_force, created: shape.created, model, kept_if_failed }
    }

    /// The object of a response of which nothing has been done.
    pub(super) fn queued(&self) -> String {
        let queued = r#"{"status":"queued"}"#;
        self.completed(queued, Stage::Other, &ItemIds::default())
            .unwrap_or_else(|| queued.to_owned())
    }

    /// A response object with all its members; `None` where it has them.
    pub(super) fn completed(&self, response: &str, stage: Stage, ids: &ItemIds) -> Option<String> {
        let completed_at = match stage {
            Stage::Completed(at) => Some(self.created.saturating_add(at.as_secs()).to_string()),
            _ => None,
        };
        let forgotten = stage == Stage::Failed && !self.kept_if_failed;
        let is_echoed = |name: &str| !(forgotten && name == "store");
        let mut set: Vec<(&str, String)> = Vec::new();
        for (name, value) in members(response) {
            let echoed = self.echoed.iter().find(|(echoed, _)| *echoed == name && is_echoed(name));
            let new = match (echoed, name) {
                (Some((_, echoed)), _) => (echoed.get() != value).then(|| echoed.get().to_owned()),
                (None, "completed_at") if value == "null" => completed_at.clone(),
                (None, "tools") => with_whole_functions(value),
                (None, "text") => with_whole_format(value),
                (None, "usage") => filled(value, &OF_USAGE),
                (None, "output") => ids.output(value),
                _ => None,
            };
            set.extend(new.map(|new| (name, new)));
        }
        let echoed = self.echoed.iter().filter(|(name, _)| is_echoed(name));
        let echoed = echoed.map(|(name, value)| (*name, value.get().to_owned()));
        self.add_missing(
            response,
            echoed.chain(completed_at.map(|at| ("completed_at", at))),
            &mut set,
        );
        let set: Vec<(&str, &str)> = set.iter().map(|(name, value)| (*name, &**value)).collect();
        (!set.is_empty()).then(|| with_members(response, &set, &[]))
    }

    fn add_missing<'r>(
        &self,
        response: &str,
        said: impl Iterator<Item = (&'static str, String)>,
        set: &mut Vec<(&'r str, String)>,
    ) {
        // Read once: there are some thirty names to look for in an object that may hold the whole answer.
        let present: Vec<&str> = members(response).map(|(name, _)| name).collect();
        let mut add = |name: &'r str, value: String| {
            if !present.contains(&name) && !set.iter().any(|(set, _)| *set == name) {
                set.push((name, value));
            }
        };
        for (name, value) in said {
            add(name, value);
        }
        add("created_at", self.created.to_string());
        add("model", self.model.clone());
        for (name, value) in &self.in_force {
            let value = value.get();
            let whole = match *name {
                "tools" => with_whole_functions(value),
                "text" => with_whole_format(value),
                "reasoning" => filled(value, &[("effort", "null"), ("summary", "null")]),
                _ => None,
            };
            add(name, whole.unwrap_or_else(|| value.to_owned()));
        }
        for (name, value) in DEFAULTS {
            add(name, value.to_owned());
        }
        add("prompt_cache_key", "null".to_owned());
    }
}

/// An object with members that it lacks; `None` where it lacks none, or is no object.
fn filled(object: &str, defaults: &[(&str, &str)]) -> Option<String> {
    let lacks = |name: &str| object.starts_with('{') && member(object, name).is_none();
    let missing = defaults.iter().filter(|(name, _)| lacks(name)).copied();
    let missing: Vec<(&str, &str)> = missing.collect();
    (!missing.is_empty()).then(|| with_members(object, &missing, &[]))
}

/// The options of a text whose format says all that it is; `None` where it does.
fn with_whole_format(text: &str) -> Option<String> {
    let Some(format) = member(text, "format") else {
        return filled(text, &[("format", r#"{"type":"text"}"#)]);
    };
    if member(format, "type") != Some(r#""json_schema""#) {
        return None;
    }
    let whole = filled(format, &[("description", "null"), ("strict", "false")])?;
    Some(splice(text, format, &whole))
}

/// Tools whose functions say all that they are; `None` where they do.
fn with_whole_functions(tools: &str) -> Option<String> {
    let mut changed = false;
    let whole = items(tools).map(|tool| {
        let function = member(tool, "type") == Some(r#""function""#);
        let filled = if function { filled(tool, &OF_FUNCTION) } else { None };
        changed |= filled.is_some();
        filled.unwrap_or_else(|| tool.to_owned())
    });
    let whole = whole.collect::<Vec<_>>().join(",");
    changed.then(|| format!("[{whole}]"))
}
