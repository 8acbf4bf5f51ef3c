//! The composer: it turns output items into the events of a response stream.
//!
//! Every answer of the simulator is composed here, also those of the modes, so that sequence
//! numbers, ids, padding and usage are consistent everywhere. Recorded streams would be more
//! faithful, but they could not depend on the request, and each would have to be recorded again
//! when the real service changes.

mod items;

use std::time::Duration;

use serde_json::{Value, json};

use crate::json::{Json, Members, members, object};
use crate::model_request::ModelRequest;
use crate::output_items::{OpenItem, with_member};
use crate::script::{Script, Step};

/// Random-looking padding, of which each delta takes a part.
const PADDING: &str = "k2JdQx7PvTzLmR9bWc4HsY1nGf6E";

const BYTES_PER_TOKEN: u64 = 4;

/// The identity of one response.
#[derive(Clone, Debug)]
pub(crate) struct ResponseMeta {
    /// The number of the response; ids are derived from it.
    pub(crate) serial: u64,
    /// Seconds since 1970.
    pub(crate) created_at: i64,
    /// The time between deltas.
    pub(crate) pace: Duration,
    /// True if the last event repeats the output items.
    pub(crate) fill_output: bool,
    /// The input tokens that the usage reports.
    pub(crate) input_tokens: u64,
    /// The input tokens that were cached.
    pub(crate) cached_tokens: u64,
    /// Its encrypted reasoning, if that is included.
    pub(crate) encrypted_content: Option<String>,
    /// The state of its turn; empty without one.
    pub(crate) turn_state: String,
}

impl ResponseMeta {
    /// Returns the id of the response.
    pub(crate) fn response_id(&self) -> String {
        format!("resp_{:08x}", self.serial)
    }
}

/// Composes a stream of events.
#[derive(Debug)]
pub(crate) struct Composer {
    steps: Vec<Step>,
    meta: ResponseMeta,
    echo: Members,
    model: String,
    sequence: u64,
    opened: usize,
    done: Vec<Json>,
    output_bytes: usize,
    reasoning_bytes: usize,
    /// The limit of output tokens that the request sets.
    most_tokens: Option<u64>,
    padded: bool,
    /// True if the request names no tier.
    default_tier: bool,
    cut: bool,
}

impl Composer {
    /// Returns a composer that has written `response.created` and `response.in_progress`.
    pub(crate) fn begin(request: &ModelRequest, meta: &ResponseMeta) -> Self {
        let mut composer = Self {
            steps: Vec::new(),
            meta: meta.clone(),
            echo: echo(request),
            model: request.model().to_owned(),
            sequence: 0,
            opened: 0,
            done: Vec::new(),
            output_bytes: 0,
            reasoning_bytes: 0,
            most_tokens: request.get("max_output_tokens").as_u64(),
            padded: request.at("/stream_options/include_obfuscation") != false,
            default_tier: matches!(request.get("service_tier").as_str(), None | Some("auto")),
            cut: false,
        };
        for kind in ["response.created", "response.in_progress"] {
            let response = composer.response("in_progress", Vec::new());
            composer.emit(kind, members! {"response": response});
        }
        composer
    }

    /// Writes an event; its type and number come first.
    pub(crate) fn emit(&mut self, kind: &str, rest: Members) {
        let mut event = members! {"type": kind, "sequence_number": self.sequence};
        event.extend(rest);
        self.sequence += 1;
        self.steps.push(Step::Event(Json::Object(event).text()));
    }

    /// Adds a step between events.
    pub(crate) fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Begins an item, whose first form is made from its id.
    pub(crate) fn open(&mut self, prefix: &str, item: impl FnOnce(&str) -> Json) -> OpenItem {
        let open = self.reserve(prefix);
        let item = item(&open.id);
        let event = members! {"output_index": open.index, "item": item};
        self.emit("response.output_item.added", event);
        open
    }

    /// Reserves the index and the id of the next item, without an event.
    pub(crate) fn reserve(&mut self, prefix: &str) -> OpenItem {
        let index = self.opened;
        self.opened += 1;
        let id = format!("{prefix}_{:08x}{index:02x}", self.meta.serial);
        OpenItem { index, id, phase: "" }
    }

    /// Ends an item with its finished form.
    pub(crate) fn close(&mut self, open: &OpenItem, item: Json) {
        self.done.push(item.clone());
        let event = members! {"output_index": open.index, "item": item};
        self.emit("response.output_item.done", event);
    }

    /// Ends the stream with `response.completed`, or with `response.incomplete` if something was
    /// cut.
    pub(crate) fn complete(self) -> Script {
        if self.cut {
            return self.incomplete("max_output_tokens");
        }
        let now = self.meta.created_at;
        let mut rest = members! {"completed_at": now, "end_turn": true};
        if self.default_tier {
            rest.push(("service_tier", "default".into()));
        }
        self.end("completed", rest)
    }

    /// Ends the stream with `response.incomplete`.
    pub(crate) fn incomplete(self, reason: &str) -> Script {
        self.end("incomplete", members! {"incomplete_details": object! {"reason": reason}})
    }

    /// Ends the stream with `response.failed`.
    pub(crate) fn fail(mut self, error: Json) -> Script {
        let response = self.response("failed", members! {"error": error, "usage": Value::Null});
        self.emit("response.failed", members! {"response": response});
        Script::stream(self.steps)
    }

    /// Ends the stream without a terminal event.
    pub(crate) fn stop(self) -> Script {
        Script::stream(self.steps)
    }

    /// Returns the terminal event of this stream, as the text of its data.
    pub(crate) fn terminal(&self, status: &str, mut rest: Members) -> String {
        let output = if self.meta.fill_output { self.done.clone() } else { Vec::new() };
        rest.push(("output", output.into()));
        rest.push(("usage", self.usage()));
        let event = object! {
            "type": format!("response.{status}"), "sequence_number": self.sequence,
            "response": self.response(status, rest),
        };
        event.text()
    }

    fn end(mut self, status: &str, rest: Members) -> Script {
        let event = self.terminal(status, rest);
        self.steps.push(Step::Event(event));
        Script::stream(self.steps)
    }

    fn delta(&mut self, kind: &str, place: &Members, piece: &str) {
        if !self.meta.pace.is_zero() {
            self.steps.push(Step::Wait(self.meta.pace));
        }
        let mut event = with_member(place, "delta", piece.into());
        if self.padded {
            let padding = &PADDING[..1 + (self.sequence as usize * 7) % (PADDING.len() - 1)];
            event.push(("obfuscation", padding.into()));
        }
        self.emit(kind, event);
    }

    /// Returns the part of a text that fits within the token limit.
    fn within_limit<'t>(&mut self, text: &'t str) -> &'t str {
        let Some(most) = self.most_tokens else { return text };
        if self.cut {
            return "";
        }
        let room = most.saturating_sub(self.reasoning_tokens()).saturating_mul(BYTES_PER_TOKEN);
        let room = usize::try_from(room).unwrap_or(usize::MAX).saturating_sub(self.output_bytes);
        if text.len() <= room {
            return text;
        }
        self.cut = true;
        let end = (0..=room).rev().find(|at| text.is_char_boundary(*at));
        &text[..end.unwrap_or_default()]
    }

    /// Returns the status of an item that ends now.
    fn closing_status(&self) -> &'static str {
        if self.cut { "incomplete" } else { "completed" }
    }

    fn reasoning_tokens(&self) -> u64 {
        (self.reasoning_bytes as u64).div_ceil(BYTES_PER_TOKEN)
    }

    fn usage(&self) -> Json {
        let reasoning = self.reasoning_tokens();
        let output = (self.output_bytes as u64).div_ceil(BYTES_PER_TOKEN).max(1) + reasoning;
        let output = output.min(self.most_tokens.unwrap_or(u64::MAX));
        let input = self.meta.input_tokens;
        object! {
            "input_tokens": input,
            "input_tokens_details":
                object! {"cached_tokens": self.meta.cached_tokens, "cache_write_tokens": 0_u64},
            "output_tokens": output,
            "output_tokens_details": object! {"reasoning_tokens": reasoning},
            "total_tokens": input + output,
        }
    }

    /// Returns the response object; `rest` replaces members of the same name.
    fn response(&self, status: &str, rest: Members) -> Json {
        let mut members = members! {
            "id": self.meta.response_id(), "object": "response", "created_at": self.meta.created_at,
            "status": status, "model": &self.model, "output": Vec::<Json>::new(),
        };
        members.extend(self.echo.iter().cloned());
        members.extend(members! {
            "usage": Value::Null, "error": Value::Null, "incomplete_details": Value::Null,
        });
        for (name, value) in rest {
            match members.iter_mut().find(|(known, _)| *known == name) {
                Some(member) => member.1 = value,
                None => members.push((name, value)),
            }
        }
        Json::Object(members)
    }
}

/// Returns the members of a response that repeat the request.
fn echo(request: &ModelRequest) -> Members {
    let or = |name: &str, usual: Value| match request.get(name) {
        Value::Null => usual,
        value => value.clone(),
    };
    let with = |name: &str, usual: Value| whole(request.get(name), usual);
    members! {
        "background": or("background", false.into()),
        "completed_at": Value::Null,
        "frequency_penalty": 0.0,
        "instructions": or("instructions", Value::Null),
        "max_tool_calls": or("max_tool_calls", Value::Null),
        "parallel_tool_calls": or("parallel_tool_calls", true.into()),
        "presence_penalty": 0.0,
        "reasoning": with("reasoning", json!({"effort": "medium", "summary": null})),
        "safety_identifier": or("safety_identifier", Value::Null),
        "service_tier": or("service_tier", "auto".into()),
        "store": or("store", false.into()),
        "temperature": or("temperature", 1.0.into()),
        "top_logprobs": or("top_logprobs", 0.into()),
        "top_p": or("top_p", 0.98.into()),
        "max_output_tokens": or("max_output_tokens", Value::Null),
        "text": with("text", json!({"format": {"type": "text"}, "verbosity": "medium"})),
        "tool_choice": or("tool_choice", "auto".into()),
        "tools": tools(request.get("tools")),
        "truncation": or("truncation", "disabled".into()),
        "metadata": or("metadata", Value::Object(serde_json::Map::new())),
        "previous_response_id": or("previous_response_id", Value::Null),
        "user": or("user", Value::Null),
        "prompt_cache_key": or("prompt_cache_key", Value::Null),
    }
}

/// Returns an object with the members that it lacks.
fn whole(given: &Value, mut usual: Value) -> Value {
    let members = given.as_object().into_iter().flatten();
    for (name, value) in members {
        usual[name.as_str()] = value.clone();
    }
    usual
}

/// Returns the tools as a response repeats them: functions with all their members.
fn tools(given: &Value) -> Vec<Json> {
    let tools = given.as_array().map_or(&[][..], Vec::as_slice);
    let repeated = |tool: &Value| match tool["type"].as_str() {
        Some("function") => {
            whole(tool, json!({"description": null, "parameters": null, "strict": true}))
        }
        _ => tool.clone(),
    };
    tools.iter().map(|tool| repeated(tool).into()).collect()
}
