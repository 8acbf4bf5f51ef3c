//! A Responses request, reworded only where the backend would not take what the API allows.

use std::borrow::Cow;

use chatmock_protocol::json::{RawObject, RawValue, raw, read_text};
use chatmock_protocol::responses::Request;
use serde::Serialize;

use super::{ResponsesShape, format, items, options, tool_choice, tools};
use crate::draft::{Draft, Drafted};
use crate::failure::Failure;
use crate::stop;

/// Members without which the answer would be to another question, so that leaving them out will
/// not do.
const NEEDED: [(&str, &str); 1] =
    [("prompt", "prompt templates are not kept here: send its text as `instructions` or `input`")];

/// Lowers a request: what is not named here passes through as it is.
pub(crate) fn draft(mut request: Request<'_>) -> Result<Drafted<'_, ResponsesShape>, Failure> {
    remove_nulls(&mut request);
    let mut draft = Draft { choices: 1, ..Draft::default() };
    draft.model.name = Cow::Owned(model(&request)?);
    draft.stream = boolean(&request, "stream")?.unwrap_or(false);
    // Absent, it is true: that is this API's default.
    draft.storage.store = boolean(&request, "store")?.unwrap_or(true);
    draft.storage.raw_items = true;
    options::check_types(&request)?;
    refuse_needed(&request)?;
    draft.storage.previous_response_id = string(&request, "previous_response_id")?;
    let mut own = ResponsesShape::default();
    if draft.storage.store {
        own.echo("store", Some(Cow::Owned(raw(&true)?)));
    }
    background(&mut request, &mut draft, &mut own)?;
    own.echo("previous_response_id", request.remove("previous_response_id"));
    draft.storage.conversation = conversation(&mut request)?;
    if draft.storage.conversation.is_some() && draft.storage.previous_response_id.is_some() {
        let message = "conversation and previous_response_id exclude each other";
        return Err(Failure::param("conversation", message));
    }
    if let Some(id) = &draft.storage.conversation {
        own.echo("conversation", Some(Cow::Owned(raw(&Named { id })?)));
    }
    string(&request, "instructions")?;
    string(&request, "prompt_cache_key")?;
    items::input(&mut request, &mut draft)?;
    let offer = tools::tools(&mut request, &mut draft)?;
    tool_choice::choice(&mut request, &offer, &mut draft)?;
    cap(&mut request, &mut draft, &mut own)?;
    stop(&mut request, &mut draft)?;
    options::metadata(&mut request, &mut draft, &mut own)?;
    options::stream(&mut request, &mut draft, &mut own)?;
    draft.json = format::structured(&mut request, &mut draft)?;
    reasoning(&mut request, &mut draft)?;
    if let Some(tier) = string(&request, "service_tier")? {
        draft.tier = Some(Cow::Owned(tier));
    }
    request.remove("service_tier");
    draft.request = request;
    own.put_in_force(&draft);
    Ok(Drafted { draft, own })
}

#[derive(Serialize)]
struct Named<'a> {
    id: &'a str,
}

/// Takes the id of the conversation that a request belongs to: a string, or an object with it.
fn conversation(request: &mut Request<'_>) -> Result<Option<String>, Failure> {
    const NAME: &str = "conversation";
    let Some(value) = request.remove(NAME).filter(|value| value.get() != "null") else {
        return Ok(None);
    };
    let object = read_text::<RawObject<'_>>(value.get()).ok();
    let id = object.and_then(|object| object.text("id").map(Cow::into_owned));
    let id = id.or_else(|| serde_json::from_str(value.get()).ok());
    let wrong = || Failure::param(NAME, "conversation must be an id, or an object with an id");
    id.map(Some).ok_or_else(wrong)
}

/// Removes the members that are `null`: they count as absent.
fn remove_nulls(request: &mut Request<'_>) {
    let nulls = request.iter().filter(|(_, value)| value.get() == "null");
    let nulls: Vec<String> = nulls.map(|(name, _)| name.to_owned()).collect();
    for name in nulls {
        request.remove(&name);
    }
}

/// Refuses members without which the answer would be to another question.
fn refuse_needed(request: &Request<'_>) -> Result<(), Failure> {
    for (name, instead) in NEEDED {
        if request.contains(name) {
            let message = format!("{name} is not supported; {instead}");
            return Err(Failure::param(name, message).with_code("unsupported_parameter"));
        }
    }
    Ok(())
}

/// Takes the wish for an answer that is made without its client. Whoever serves the turn does that: the backend has no
/// part in it, and keeps nothing of it.
fn background(
    request: &mut Request<'_>,
    draft: &mut Draft<'_>,
    own: &mut ResponsesShape,
) -> Result<(), Failure> {
    const NAME: &str = "background";
    let wanted = boolean(request, NAME)?.unwrap_or(false);
    request.remove(NAME);
    if !wanted {
        return Ok(());
    }
    if !draft.storage.store {
        let message = "background needs store: an answer that is not kept could not be asked for";
        return Err(Failure::param(NAME, message).with_code("invalid_value"));
    }
    (draft.storage.background, draft.storage.kept_here) = (true, true);
    own.echo(NAME, Some(Cow::Owned(raw(&true)?)));
    request.set("store", &false)?;
    Ok(())
}

/// The members that cap the output tokens, in this API and in chat completions; the first one counts.
const CAPS: [&str; 3] = ["max_output_tokens", "max_completion_tokens", "max_tokens"];

/// The cap on output tokens, which is kept here: the backend refuses it.
fn cap(
    request: &mut Request<'_>,
    draft: &mut Draft<'_>,
    own: &mut ResponsesShape,
) -> Result<(), Failure> {
    for name in CAPS {
        let Some(value) = request.remove(name) else { continue };
        if draft.caps.stop.max_tokens.is_some() {
            continue;
        }
        match value.get().parse::<u64>() {
            Ok(most @ 1..) => draft.caps.stop.max_tokens = Some(most),
            _ => {
                return Err(Failure::param(name, format!("{name} must be a whole number above 0")));
            }
        }
        draft.caps.max_tokens_member = Some(name);
        own.echo(CAPS[0], Some(value));
    }
    Ok(())
}

/// The texts before which the answer ends, as chat completions have them.
fn stop<'b>(request: &mut Request<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
    const NAME: &str = "stop";
    let Some(given) = request.as_read(NAME) else { return Ok(()) };
    let given = read_text(given.get()).map_err(|fault| Failure::within(NAME, fault))?;
    draft.caps.stop.sequences = stop::sequences(Some(given), NAME)?;
    request.remove(NAME);
    draft.report_emulated(NAME);
    Ok(())
}

fn model(request: &Request<'_>) -> Result<String, Failure> {
    match string(request, "model")?.filter(|name| !name.trim().is_empty()) {
        Some(name) => Ok(name),
        None => Err(Failure::param("model", "model is required: name one of /v1/models")),
    }
}

pub(super) fn string(request: &Request<'_>, name: &'static str) -> Result<Option<String>, Failure> {
    match request.present(name) {
        None => Ok(None),
        Some(_) => match request.text(name) {
            Some(text) => Ok(Some(text.into_owned())),
            None => Err(Failure::param(name, format!("{name} must be a string"))),
        },
    }
}

fn boolean(request: &Request<'_>, name: &'static str) -> Result<Option<bool>, Failure> {
    match request.present(name).map(RawValue::get) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Failure::param(name, format!("{name} must be true or false"))),
    }
}

/// Reads `reasoning`, and the effort that chat completions have beside it.
fn reasoning<'b>(request: &mut Request<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
    const NAME: &str = "reasoning_effort";
    if let Some(reasoning) = request.as_read("reasoning") {
        draft.reasoning.params = read_text(reasoning.get())
            .map_err(|_| Failure::param("reasoning", "reasoning must be an object"))?;
    }
    // The older name of the summary.
    if let Some(summary) = draft.reasoning.params.remove("generate_summary") {
        if summary.get() != "null" && draft.reasoning.params.present("summary").is_none() {
            draft.reasoning.params.put("summary", summary);
        }
        request.set("reasoning", &draft.reasoning.params)?;
    }
    let effort = string(request, NAME)?;
    request.remove(NAME);
    if let Some(effort) = effort
        && draft.reasoning.params.present("effort").is_none()
    {
        draft.reasoning.params.set("effort", &effort)?;
        draft.reasoning.effort_member = Some(NAME);
        request.set("reasoning", &draft.reasoning.params)?;
    }
    Ok(())
}
