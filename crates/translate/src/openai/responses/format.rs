//! The format of the answer: completed, checked, or taken from where chat completions have it.

use std::borrow::Cow;

use chatmock_protocol::json::{RawObject, RawValue, raw, read_text};
use chatmock_protocol::openai::chat::request::ResponseFormat;
use chatmock_protocol::responses::Request;

use super::request::string;
use crate::draft::Draft;
use crate::failure::Failure;
use crate::format;
use crate::notice::Notice;
use crate::openai::chat;
use crate::schema;

/// The path of a schema.
const SCHEMA: &str = "text.format.schema";

/// Brings `text` into the form that the backend takes; returns whether the answer is to be JSON.
///
/// # Errors
/// When a member is of a wrong type, or a schema is called strict without being so.
pub(super) fn structured<'b>(
    request: &mut Request<'b>,
    draft: &mut Draft<'b>,
) -> Result<bool, Failure> {
    let mut text = match request.as_read("text") {
        None => RawObject::default(),
        Some(text) => read_text::<RawObject<'b>>(text.get())
            .map_err(|_| Failure::param("text", "text must be an object"))?,
    };
    let mut json = false;
    let mut changed = false;
    match text.as_read("format").filter(|format| format.get() != "null") {
        Some(given) => {
            let completed = completed(given, &mut json)?;
            if let Some(format) = completed {
                text.put("format", Cow::Owned(format));
                changed = true;
            }
        }
        None => changed |= of_chat(request, &mut text, draft, &mut json)?,
    }
    changed |= verbosity(request, &mut text, draft)?;
    format::check_verbosity(text.as_read("verbosity"), "text.verbosity")?;
    if request.remove("response_format").is_some() {
        draft.notices.push(Notice::ignored("response_format", "text.format says it already"));
    }
    if changed {
        let text = raw(&text)?;
        request.put("text", Cow::Owned(text));
    }
    Ok(json)
}

/// Completes the schema of a format, or checks one that is called strict; `None` where nothing changes.
fn completed(given: &RawValue, json: &mut bool) -> Result<Option<Box<RawValue>>, Failure> {
    let Ok(mut format) = read_text::<RawObject<'_>>(given.get()) else {
        return Err(Failure::param("text.format", "text.format must be an object"));
    };
    let Some(kind) = format.text("type").map(Cow::into_owned) else {
        return Err(Failure::param("text.format.type", "a format needs a type"));
    };
    *json = kind != "text";
    let Some(given) = format.as_read("schema").filter(|schema| schema.get() != "null") else {
        return if kind == "json_schema" {
            Err(Failure::param(SCHEMA, "a json_schema format needs a schema"))
        } else {
            Ok(None)
        };
    };
    if !given.get().starts_with('{') {
        return Err(Failure::param(SCHEMA, "the schema must be an object"));
    }
    match format.get("strict").map(RawValue::get) {
        Some("true") => return format::checked(given, SCHEMA).map(|()| None),
        Some("false") => return Ok(None),
        _ => {}
    }
    let completed = schema::complete(given);
    format.set("strict", &completed.is_some())?;
    if let Some(completed) = completed {
        format.put("schema", Cow::Owned(completed));
    }
    Ok(Some(raw(&format)?))
}

/// Takes the format from `response_format`; returns whether there is one.
fn of_chat<'b>(
    request: &mut Request<'b>,
    text: &mut RawObject<'b>,
    draft: &mut Draft<'b>,
    json: &mut bool,
) -> Result<bool, Failure> {
    let Some(given) = request.as_read("response_format") else { return Ok(false) };
    let given: ResponseFormat<'b> =
        read_text(given.get()).map_err(|fault| Failure::within("response_format", fault))?;
    request.remove("response_format");
    let Some(format) = chat::read_format(given, draft)? else { return Ok(false) };
    text.set("format", &format)?;
    *json = true;
    Ok(true)
}

/// Takes the verbosity from where chat completions have it; returns whether it is there.
fn verbosity<'b>(
    request: &mut Request<'b>,
    text: &mut RawObject<'b>,
    draft: &mut Draft<'b>,
) -> Result<bool, Failure> {
    let given = string(request, "verbosity")?;
    request.remove("verbosity");
    let Some(given) = given else { return Ok(false) };
    let value = raw(&given)?;
    format::check_verbosity(Some(&value), "verbosity")?;
    if text.present("verbosity").is_some() {
        draft.notices.push(Notice::ignored("verbosity", "text.verbosity says it already"));
        return Ok(false);
    }
    text.set("verbosity", &given)?;
    Ok(true)
}
