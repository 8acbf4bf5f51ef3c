//! A chat request, lowered to a draft.

use std::borrow::Cow;

use chatmock_protocol::json::{Raw, Text, raw};
use chatmock_protocol::openai::chat::request::{
    Reasoning, Request, ResponseFormat, Stop, StreamOptions,
};
use serde::Serialize;

use super::messages;
use super::tools::{self, Offer};
use crate::bounds::Bounds;
use crate::draft::Draft;
use crate::failure::Failure;
use crate::notice::{self, Notice, NoticeKind};

/// The most answers that one request may ask for.
const MOST_CHOICES: u32 = 8;

/// Why a member of an option's object has no effect.
const NOT_KNOWN: &str = "not a known option";

/// The `text` member of a Responses request.
#[derive(Debug, Serialize)]
struct TextOptions<'b> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'b>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<Cow<'b, str>>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'b> {
    JsonObject,
    JsonSchema {
        name: Cow<'b, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<Cow<'b, str>>,
        strict: bool,
        schema: Raw<'b>,
    },
}

/// Lowers a request: only what the client said, no policy.
pub(super) fn draft(mut request: Request<'_>) -> Result<Draft<'_>, Failure> {
    let mut draft =
        Draft { choices: choices(request.n)?, shows_reasoning: true, ..Draft::default() };
    ignored(&request, &mut draft.notices);
    draft.model = match request.model.take().filter(|name| !name.trim().is_empty()) {
        Some(Text(name)) => name,
        None => return Err(Failure::param("model", "model is required: name one of /v1/models")),
    };
    draft.stream = request.stream.unwrap_or(false);
    stream_options(request.stream_options.take(), &mut draft);
    draft.bounds = Bounds {
        stop: stop(request.stop.take())?,
        max_tokens: request.max_completion_tokens.or(request.max_tokens),
    };
    emulated(&request, &mut draft);
    draft.tier = request.service_tier.take().map(|text| text.0);
    reasoning(&mut request, &mut draft)?;
    let format = request.response_format.take().map_or(Ok(None), |f| format(f, &mut draft))?;
    draft.json = format.is_some();
    let json_mode = matches!(format, Some(Format::JsonObject));
    conversation(&mut request, json_mode, &mut draft)?;
    tools::offer(&mut request, &mut draft)?.put(&mut draft)?;
    let verbosity = request.verbosity.take().map(|text| text.0);
    if format.is_some() || verbosity.is_some() {
        draft.request.set("text", &TextOptions { format, verbosity })?;
    }
    if let Some(key) = request.prompt_cache_key.take() {
        draft.request.set("prompt_cache_key", &key)?;
    }
    Ok(draft)
}

impl<'b> Offer<'b> {
    /// Puts the offered tools and the choice among them into the request.
    fn put(self, draft: &mut Draft<'b>) -> Result<(), Failure> {
        if !self.tools.is_empty() {
            draft.request.put("tools", Cow::Owned(raw(&self.tools)?));
        }
        if let Some(choice) = self.choice {
            draft.request.set("tool_choice", &choice)?;
        }
        if let Some(parallel) = self.parallel {
            draft.request.set("parallel_tool_calls", &parallel)?;
        }
        Ok(())
    }
}

fn choices(n: Option<u32>) -> Result<u32, Failure> {
    match n {
        None => Ok(1),
        Some(n @ 1..=MOST_CHOICES) => Ok(n),
        Some(n) => Err(Failure::param("n", format!("n is {n}; it must be 1 to {MOST_CHOICES}"))
            .with_code("unsupported_value")),
    }
}

fn stop(stop: Option<Stop<'_>>) -> Result<Vec<String>, Failure> {
    let stop: Vec<String> =
        stop.map(|stop| stop.0).into_iter().flatten().map(|text| text.0.into_owned()).collect();
    match stop.iter().position(String::is_empty) {
        Some(index) => Err(Failure::param(format!("stop[{index}]"), "a stop sequence is empty")),
        None => Ok(stop),
    }
}

fn stream_options(options: Option<StreamOptions<'_>>, draft: &mut Draft<'_>) {
    let Some(options) = options else { return };
    draft.stream_usage = options.include_usage.unwrap_or(false);
    if options.include_obfuscation == Some(true) {
        let why = "streams are never padded";
        draft.notices.push(Notice::ignored("stream_options.include_obfuscation", why));
    }
    notice::unknown(&mut draft.notices, "stream_options", &options.unknown, NOT_KNOWN);
}

/// Names the members that are kept here and not by the backend.
fn emulated(request: &Request<'_>, draft: &mut Draft<'_>) {
    let cap = "the answer is cut here, at about four characters a token";
    let newer = request.max_completion_tokens.is_some();
    let done = [
        ("n", draft.choices > 1, "the question is asked once for each answer"),
        ("stop", !draft.bounds.stop.is_empty(), "the answer is cut here"),
        ("max_completion_tokens", newer, cap),
        ("max_tokens", !newer && request.max_tokens.is_some(), cap),
    ];
    let done = done.into_iter().filter(|(_, present, _)| *present);
    let notice = |(name, _, how)| Notice::new(name, NoticeKind::Emulated, how);
    draft.notices.extend(done.map(notice));
}

fn reasoning<'b>(request: &mut Request<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
    let object: Reasoning<'b> = request.reasoning.take().unwrap_or_default();
    notice::unknown(&mut draft.notices, "reasoning", &object.unknown, NOT_KNOWN);
    let effort = request.reasoning_effort.take().or(object.effort);
    if let Some(effort) = effort {
        draft.reasoning.set("effort", &effort)?;
    }
    if let Some(summary) = object.summary.or(object.generate_summary) {
        draft.reasoning.set("summary", &summary)?;
    }
    Ok(())
}

fn format<'b>(
    format: ResponseFormat<'b>,
    draft: &mut Draft<'b>,
) -> Result<Option<Format<'b>>, Failure> {
    notice::unknown(&mut draft.notices, "response_format", &format.unknown, NOT_KNOWN);
    match format.kind.as_deref() {
        Some("text") => Ok(None),
        Some("json_object") if format.schema.is_none() => Ok(Some(Format::JsonObject)),
        Some("json_object" | "json_schema") => {
            let inner = format.json_schema.unwrap_or_default();
            let path = "response_format.json_schema";
            notice::unknown(&mut draft.notices, path, &inner.unknown, NOT_KNOWN);
            let path = "response_format.json_schema.schema";
            let Some(schema) = inner.schema.or(format.schema) else {
                return Err(Failure::param(path, "a json_schema format needs a schema"));
            };
            if !schema.is_object() {
                return Err(Failure::param(path, "the schema must be an object"));
            }
            Ok(Some(Format::JsonSchema {
                name: inner.name.map_or(Cow::Borrowed("response"), |text| text.0),
                description: inner.description.map(|text| text.0),
                strict: inner.strict.unwrap_or(false),
                schema,
            }))
        }
        other => {
            let given = other.unwrap_or("none");
            let message =
                format!("unknown format {given:?}; expected text, json_object or json_schema");
            Err(Failure::param("response_format.type", message))
        }
    }
}

fn conversation<'b>(
    request: &mut Request<'b>,
    json_mode: bool,
    draft: &mut Draft<'b>,
) -> Result<(), Failure> {
    let messages = request.messages.take().unwrap_or_default();
    if messages.is_empty() {
        return Err(Failure::param("messages", "messages is required and must not be empty"));
    }
    let lowered = messages::lower(messages, json_mode)?;
    if let Some(instructions) = &lowered.instructions {
        draft.request.set("instructions", instructions)?;
    }
    draft.request.put("input", Cow::Owned(raw(&lowered.items)?));
    draft.renamed = lowered.renamed;
    draft.notices.extend(lowered.notices);
    Ok(())
}

/// Names the members that have no effect here; one that asks for the default has none to lose.
fn ignored(request: &Request<'_>, notices: &mut Vec<Notice>) {
    const SAMPLING: &str = "the backend takes no sampling parameters";
    const NOT_SENT: &str = "the backend takes no such member";
    let said: [(&'static str, bool, &'static str); 16] = [
        ("temperature", request.temperature.is_some_and(|t| t != 1.0), SAMPLING),
        ("top_p", request.top_p.is_some_and(|p| p != 1.0), SAMPLING),
        ("presence_penalty", request.presence_penalty.is_some_and(|p| p != 0.0), SAMPLING),
        ("frequency_penalty", request.frequency_penalty.is_some_and(|p| p != 0.0), SAMPLING),
        ("seed", request.seed.is_some(), SAMPLING),
        ("logit_bias", request.logit_bias.is_some_and(|b| b.text() != "{}"), SAMPLING),
        ("logprobs", request.logprobs == Some(true), "the backend gives no log probabilities"),
        (
            "top_logprobs",
            request.top_logprobs.is_some_and(|n| n > 0),
            "the backend gives no log probabilities",
        ),
        ("user", request.user.is_some(), NOT_SENT),
        ("safety_identifier", request.safety_identifier.is_some(), NOT_SENT),
        ("metadata", request.metadata.is_some(), NOT_SENT),
        ("store", request.store == Some(true), "chat completions are not stored"),
        ("prompt_cache_retention", request.prompt_cache_retention.is_some(), NOT_SENT),
        (
            "modalities",
            request.modalities.as_ref().is_some_and(|m| m.iter().any(|m| &**m != "text")),
            "the backend writes text only",
        ),
        ("audio", request.audio.is_some(), "the backend writes text only"),
        ("prediction", request.prediction.is_some(), NOT_SENT),
    ];
    let said = said.into_iter().filter(|(_, present, _)| *present);
    notices.extend(said.map(|(name, _, why)| Notice::ignored(name, why)));
    notice::unknown(notices, "", &request.unknown, "not a member of this API");
}
