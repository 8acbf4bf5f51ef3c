//! A chat request, lowered to a draft.

use chatmock_protocol::json::raw;
use chatmock_protocol::openai::chat::request::{Reasoning, Request, ResponseFormat};

use super::{ChatShape, messages, tools};
use crate::conversation::Conversation;
use crate::draft::{
    self, Draft, Drafted, NO_SAMPLING, NOT_ACCEPTED, NOT_STORED, ParamName, UNKNOWN_MEMBER,
    UNKNOWN_OPTION,
};
use crate::failure::Failure;
use crate::format::{self, Format, SchemaOptions};
use crate::notice;
use crate::openai::stored_chat;
use crate::reasoning_seal::ReasoningSeal;
use crate::stop::{self, StopCriteria};

/// Lowers a request: only what the client said, no policy.
pub(crate) fn draft<'b>(
    mut request: Request<'b>,
    seal: &ReasoningSeal,
) -> Result<Drafted<'b, ChatShape>, Failure> {
    let mut draft = Draft { choices: draft::choices(request.n)?, ..Draft::default() };
    draft.reasoning.shown = true;
    // The old form counts only where the new one offers nothing.
    let legacy_functions =
        request.functions.is_some() && request.tools.as_ref().is_none_or(Vec::is_empty);
    check_objects(&request)?;
    report_ignored(&request, &mut draft);
    optional_params(&mut request, &mut draft)?;
    draft.model.name = draft::model(request.model.take())?;
    draft.stream = request.stream.unwrap_or(false);
    let stream_usage = draft.stream_options(request.stream_options.take());
    let newer = request.max_completion_tokens.is_some();
    draft.caps.stop = StopCriteria {
        sequences: stop::sequences(request.stop.take(), "stop")?,
        max_tokens: match newer {
            true => draft::token_cap("max_completion_tokens", request.max_completion_tokens)?,
            false => draft::token_cap("max_tokens", request.max_tokens)?,
        },
    };
    draft.caps.max_tokens_member = Some(if newer { "max_completion_tokens" } else { "max_tokens" });
    draft.report_emulated("stop");
    draft.tier = request.service_tier.take().map(|text| text.0);
    reasoning(&mut request, &mut draft)?;
    let format = request.response_format.take().map_or(Ok(None), |f| read_format(f, &mut draft))?;
    draft.json = format.is_some();
    let json_mode = matches!(format, Some(Format::JsonObject));
    let conversation = conversation(&mut request, json_mode, seal)?;
    conversation.finish(&mut draft)?;
    tools::offer(&mut request, legacy_functions, &mut draft)?.put(&mut draft)?;
    let verbosity = request.verbosity.take().map(|text| text.0);
    if let Some(verbosity) = &verbosity {
        format::check_verbosity(Some(&raw(verbosity)?), "verbosity")?;
    }
    format::put(format, verbosity, &mut draft)?;
    if let Some(key) = request.prompt_cache_key.take() {
        draft.request.set("prompt_cache_key", &key)?;
    }
    let own = ChatShape { stream_usage, legacy_functions, seal: seal.clone() };
    Ok(Drafted { draft, own })
}

fn reasoning<'b>(request: &mut Request<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
    let object: Reasoning<'b> = request.reasoning.take().unwrap_or_default();
    notice::unknown(&mut draft.notices, "reasoning", &object.unknown, UNKNOWN_OPTION);
    let effort = request.reasoning_effort.take().or(object.effort);
    if let Some(effort) = effort {
        draft.reasoning.params.set("effort", &effort)?;
    }
    if let Some(summary) = object.summary.or(object.generate_summary) {
        draft.reasoning.params.set("summary", &summary)?;
    }
    Ok(())
}

/// Reads the format of the answer; `None` for plain text.
///
/// # Errors
/// When it is of no known kind, or its schema cannot be meant.
pub(in crate::openai) fn read_format<'b>(
    format: ResponseFormat<'b>,
    draft: &mut Draft<'b>,
) -> Result<Option<Format<'b>>, Failure> {
    notice::unknown(&mut draft.notices, "response_format", &format.unknown, UNKNOWN_OPTION);
    match format.kind.as_deref() {
        Some("text") => Ok(None),
        Some("json_object") if format.schema.is_none() => Ok(Some(Format::JsonObject)),
        Some("json_object" | "json_schema") => {
            let inner = format.json_schema.unwrap_or_default();
            let path = "response_format.json_schema";
            notice::unknown(&mut draft.notices, path, &inner.unknown, UNKNOWN_OPTION);
            let path = "response_format.json_schema.schema";
            let Some(schema) = inner.schema.or(format.schema) else {
                return Err(Failure::param(path, "a json_schema format needs a schema"));
            };
            let options = SchemaOptions {
                name: inner.name.map(|text| text.0),
                description: inner.description.map(|text| text.0),
                strict: inner.strict,
            };
            format::schema(schema, options, path).map(Some)
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
    seal: &ReasoningSeal,
) -> Result<Conversation<'b>, Failure> {
    let messages = request.messages.take().unwrap_or_default();
    if messages.is_empty() {
        return Err(Failure::param("messages", "messages is required and must not be empty"));
    }
    messages::lower(messages, json_mode, seal)
}

/// Refuses members that are not the objects which they should be, whatever becomes of a right one.
fn check_objects(request: &Request<'_>) -> Result<(), Failure> {
    let members = [
        ("audio", request.audio),
        ("logit_bias", request.logit_bias),
        ("metadata", request.metadata),
        ("prediction", request.prediction),
    ];
    match members.into_iter().find(|(_, value)| value.is_some_and(|value| !value.is_object())) {
        Some((name, _)) => Err(Failure::param(name, format!("{name} must be an object"))),
        None => Ok(()),
    }
}

/// Reports the members that have no effect here; one that asks for the default loses nothing.
fn report_ignored(request: &Request<'_>, draft: &mut Draft<'_>) {
    let no_probabilities = "the backend gives no log probabilities";
    let text_only = "the backend writes text only";
    let some = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty != 0.0);
    draft.report_ignored("presence_penalty", some(request.presence_penalty), NO_SAMPLING);
    draft.report_ignored("frequency_penalty", some(request.frequency_penalty), NO_SAMPLING);
    draft.report_ignored("seed", request.seed.is_some(), NO_SAMPLING);
    let biased = request.logit_bias.is_some_and(|bias| bias.text() != "{}");
    draft.report_ignored("logit_bias", biased, NO_SAMPLING);
    draft.report_ignored("logprobs", request.logprobs == Some(true), no_probabilities);
    let top = request.top_logprobs.is_some_and(|n| n > 0);
    draft.report_ignored("top_logprobs", top, no_probabilities);
    let modalities = request.modalities.as_ref();
    let other = modalities.is_some_and(|list| list.iter().any(|modality| &**modality != "text"));
    draft.report_ignored("modalities", other, text_only);
    draft.report_ignored("audio", request.audio.is_some(), text_only);
    draft.report_ignored("prediction", request.prediction.is_some(), NOT_ACCEPTED);
    notice::unknown(&mut draft.notices, "", &request.unknown, UNKNOWN_MEMBER);
}

/// Notes the members that some backends accept.
fn optional_params<'b>(request: &mut Request<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
    let not_default = |value: &f64| *value != 1.0;
    let temperature = ParamName::new("temperature", NO_SAMPLING);
    draft.optional_param(temperature, request.temperature, not_default)?;
    draft.optional_param(ParamName::new("top_p", NO_SAMPLING), request.top_p, not_default)?;
    let texts = [
        ("user", request.user.take()),
        ("safety_identifier", request.safety_identifier.take()),
        ("prompt_cache_retention", request.prompt_cache_retention.take()),
    ];
    for (name, text) in texts {
        draft.optional_param(ParamName::new(name, NOT_ACCEPTED), text, |_| true)?;
    }
    // This API stores nothing unless it is asked to, and then here, since a backend would keep it as another API's.
    let stores = request.store.unwrap_or(false);
    if let Some(metadata) = request.metadata.filter(|_| stores) {
        stored_chat::check_metadata(metadata.text())?;
    }
    draft.storage.store = stores;
    draft.storage.kept_here = stores;
    draft.storage.as_completion = stores;
    let metadata = ParamName::new("metadata", NOT_ACCEPTED);
    draft.optional_param(metadata, request.metadata, |_| !stores)?;
    draft.optional_param(ParamName::new("store", NOT_STORED), Some(false), |_| false)
}
