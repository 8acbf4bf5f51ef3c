//! A chat request, lowered to a draft.

use chatmock_protocol::openai::chat::request::{Reasoning, Request, ResponseFormat};

use super::{messages, tools};
use crate::draft::{self, Draft, NOT_KNOWN, NOT_OF_API, NOT_SENT, NOT_STORED, SAMPLING};
use crate::failure::Failure;
use crate::format::{self, Format, Named};
use crate::notice;
use crate::stop::{self, StopCriteria};

/// Lowers a request: only what the client said, no policy.
pub(crate) fn draft(mut request: Request<'_>) -> Result<Draft<'_>, Failure> {
    let mut draft =
        Draft { choices: draft::choices(request.n)?, shows_reasoning: true, ..Draft::default() };
    ignored(&request, &mut draft);
    optional_params(&mut request, &mut draft)?;
    draft.model = draft::model(request.model.take())?;
    draft.stream = request.stream.unwrap_or(false);
    draft.read_stream_options(request.stream_options.take());
    let newer = request.max_completion_tokens.is_some();
    draft.stop = StopCriteria {
        sequences: stop::sequences(request.stop.take(), "stop")?,
        max_tokens: request.max_completion_tokens.or(request.max_tokens),
    };
    draft.cap_member = if newer { "max_completion_tokens" } else { "max_tokens" };
    draft.note_emulated("stop");
    draft.tier = request.service_tier.take().map(|text| text.0);
    reasoning(&mut request, &mut draft)?;
    let format = request.response_format.take().map_or(Ok(None), |f| read_format(f, &mut draft))?;
    draft.json = format.is_some();
    let json_mode = matches!(format, Some(Format::JsonObject));
    conversation(&mut request, json_mode, &mut draft)?;
    tools::offer(&mut request, &mut draft)?.put(&mut draft)?;
    let verbosity = request.verbosity.take().map(|text| text.0);
    format::put(format, verbosity, &mut draft)?;
    if let Some(key) = request.prompt_cache_key.take() {
        draft.request.set("prompt_cache_key", &key)?;
    }
    Ok(draft)
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

fn read_format<'b>(
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
            let named = Named {
                name: inner.name.map(|text| text.0),
                description: inner.description.map(|text| text.0),
                strict: inner.strict,
            };
            format::schema(schema, named, path).map(Some)
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
    messages::lower(messages, json_mode)?.finish(draft)
}

/// Names the members that have no effect here; one that asks for the default has none to lose.
fn ignored(request: &Request<'_>, draft: &mut Draft<'_>) {
    draft.note_ignored(&[
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
        (
            "modalities",
            request.modalities.as_ref().is_some_and(|m| m.iter().any(|m| &**m != "text")),
            "the backend writes text only",
        ),
        ("audio", request.audio.is_some(), "the backend writes text only"),
        ("prediction", request.prediction.is_some(), NOT_SENT),
    ]);
    notice::unknown(&mut draft.notices, "", &request.unknown, NOT_OF_API);
}

/// Members that some backends take.
fn optional_params<'b>(request: &mut Request<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
    let (says, sampling) = (|value: &f64| *value != 1.0, SAMPLING);
    draft.optional_param(("temperature", "temperature"), request.temperature, (says, sampling))?;
    draft.optional_param(("top_p", "top_p"), request.top_p, (says, sampling))?;
    let words = [
        ("user", request.user.take()),
        ("safety_identifier", request.safety_identifier.take()),
        ("prompt_cache_retention", request.prompt_cache_retention.take()),
    ];
    for (name, word) in words {
        draft.optional_param((name, name), word, (|_: &_| true, NOT_SENT))?;
    }
    draft.optional_param(("metadata", "metadata"), request.metadata, (|_: &_| true, NOT_SENT))?;
    // This API keeps nothing unless it is asked to.
    let store = request.store.unwrap_or(false);
    draft.optional_param(("store", "store"), Some(store), (|store: &bool| *store, NOT_STORED))
}
