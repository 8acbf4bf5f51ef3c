//! A Responses request, reworded only where the backend would not take what the API allows.

use std::borrow::Cow;

use chatmock_protocol::json::{RawObject, RawValue, raw, read_text};
use chatmock_protocol::responses::Request;

use super::{EchoedParams, ResponsesShape, items};
use crate::draft::{Draft, Drafted};
use crate::failure::Failure;
use crate::format;
use crate::schema;

/// Members without which the answer would be to another question, so that leaving them out will
/// not do.
const NEEDED: [(&str, &str); 2] = [
    ("conversation", "send the conversation as `input` instead: conversations are not kept"),
    ("prompt", "send the prompt's text as `instructions` or `input` instead"),
];

/// Lowers a request: what is not named here passes through as it is.
pub(crate) fn draft(mut request: Request<'_>) -> Result<Drafted<'_, ResponsesShape>, Failure> {
    let mut draft = Draft { choices: 1, ..Draft::default() };
    draft.model.name = Cow::Owned(model(&request)?);
    draft.stream = boolean(&request, "stream")?.unwrap_or(false);
    // Absent, it is true: that is this API's default.
    draft.storage.store = boolean(&request, "store")?.unwrap_or(true);
    for (name, instead) in NEEDED {
        if request.present(name).is_some() {
            let message = format!("{name} is not supported; {instead}");
            return Err(Failure::param(name, message).with_code("unsupported_parameter"));
        }
        request.remove(name);
    }
    if boolean(&request, "background")? == Some(true) {
        let message = "background responses are not supported; use stream";
        return Err(Failure::param("background", message).with_code("unsupported_parameter"));
    }
    draft.storage.previous_response_id = string(&request, "previous_response_id")?;
    let mut echoed_params = EchoedParams::new();
    for name in ["previous_response_id", "store", "max_output_tokens"] {
        // A default that is expressed by absence is absent from the response as well.
        if let Some(value) = request.present(name).filter(|value| value.get() != "false") {
            echoed_params.push((name, value.to_owned()));
        }
    }
    request.remove("previous_response_id");
    string(&request, "instructions")?;
    string(&request, "prompt_cache_key")?;
    items::input(&mut request, &mut draft)?;
    items::tools(&mut request, &mut draft)?;
    cap(&mut request, &mut draft)?;
    draft.json = structured(&mut request)?;
    reasoning(&request, &mut draft)?;
    if let Some(tier) = string(&request, "service_tier")? {
        draft.tier = Some(Cow::Owned(tier));
    }
    request.remove("service_tier");
    draft.request = request;
    Ok(Drafted { draft, own: ResponsesShape { echoed_params, ..ResponsesShape::default() } })
}

/// The cap on output tokens, which is kept here: the backend refuses it.
fn cap(request: &mut Request<'_>, draft: &mut Draft<'_>) -> Result<(), Failure> {
    const NAME: &str = "max_output_tokens";
    let Some(value) = request.remove(NAME).filter(|value| value.get() != "null") else {
        return Ok(());
    };
    match value.get().parse::<u64>() {
        Ok(most @ 1..) => draft.caps.stop.max_tokens = Some(most),
        _ => return Err(Failure::param(NAME, format!("{NAME} must be a whole number above 0"))),
    }
    draft.caps.max_tokens_member = Some(NAME);
    Ok(())
}

/// Completes the schema of a structured answer, or checks one that is called strict; returns
/// whether the answer is to be JSON.
fn structured(request: &mut Request<'_>) -> Result<bool, Failure> {
    let path = "text.format.schema";
    let Some(text) = request.present("text") else { return Ok(false) };
    let Ok(mut text) = read_text::<RawObject<'_>>(text.get()) else {
        return Err(Failure::param("text", "text must be an object"));
    };
    let Some(format) = text.as_read("format").filter(|format| format.get() != "null") else {
        return Ok(false);
    };
    let Ok(mut format) = read_text::<RawObject<'_>>(format.get()) else {
        return Err(Failure::param("text.format", "text.format must be an object"));
    };
    let json = format.text("type").is_some_and(|kind| kind != "text");
    let Some(given) = format.as_read("schema") else { return Ok(json) };
    match format.get("strict").map(RawValue::get) {
        Some("true") => return format::checked(given, path).map(|()| json),
        Some("false") => return Ok(json),
        _ => {}
    }
    let completed = schema::complete(given);
    format.set("strict", &completed.is_some())?;
    if let Some(completed) = completed {
        format.put("schema", Cow::Owned(completed));
    }
    text.set("format", &format)?;
    let text = raw(&text)?;
    request.put("text", Cow::Owned(text));
    Ok(json)
}

fn model(request: &Request<'_>) -> Result<String, Failure> {
    match string(request, "model")?.filter(|name| !name.trim().is_empty()) {
        Some(name) => Ok(name),
        None => Err(Failure::param("model", "model is required: name one of /v1/models")),
    }
}

fn string(request: &Request<'_>, name: &'static str) -> Result<Option<String>, Failure> {
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

fn reasoning<'b>(request: &Request<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
    let Some(reasoning) = request.as_read("reasoning").filter(|raw| raw.get() != "null") else {
        return Ok(());
    };
    draft.reasoning.params = read_text(reasoning.get())
        .map_err(|_| Failure::param("reasoning", "reasoning must be an object"))?;
    Ok(())
}
