//! Members of a request that are kept here, and not by every backend.

use chatmock_protocol::json::{RawObject, RawValue, read_text};
use chatmock_protocol::responses::Request;

use super::ResponsesShape;
use crate::draft::{Draft, NOT_ACCEPTED, ParamName};
use crate::failure::Failure;

/// The labels of a response, which are kept with it and said again.
///
/// # Errors
/// When they are anything but texts by name.
pub(super) fn metadata(
    request: &mut Request<'_>,
    draft: &mut Draft<'_>,
    own: &mut ResponsesShape,
) -> Result<(), Failure> {
    const NAME: &str = "metadata";
    let Some(given) = request.remove(NAME) else { return Ok(()) };
    let labels: RawObject<'_> = read_text(given.get())
        .map_err(|_| Failure::param(NAME, "metadata must be an object of texts"))?;
    if let Some((name, _)) = labels.iter().find(|(_, value)| !value.get().starts_with('"')) {
        let message = format!("metadata.{name} must be a text");
        return Err(Failure::param(format!("{NAME}.{name}"), message));
    }
    own.echo(NAME, Some(given.clone()));
    let name = ParamName::new(NAME, NOT_ACCEPTED);
    // Nothing is lost where the backend does not have it.
    draft.optional_param(name, Some(given), |_| false)
}

/// What a member's value is.
#[derive(Clone, Copy)]
enum Type {
    Number,
    Integer,
    Text,
    Boolean,
}

/// Members that the backend does not take, by what they are in this API or in chat completions; a wrong one is a
/// mistake, whatever becomes of a right one.
const TYPES: [(&str, Type); 20] = [
    ("best_of", Type::Integer),
    ("frequency_penalty", Type::Number),
    ("generate", Type::Boolean),
    ("logprobs", Type::Boolean),
    ("max_tool_calls", Type::Integer),
    ("n", Type::Integer),
    ("parallel_tool_calls", Type::Boolean),
    ("presence_penalty", Type::Number),
    ("prompt_cache_retention", Type::Text),
    ("safety_identifier", Type::Text),
    ("seed", Type::Integer),
    ("suffix", Type::Text),
    ("temperature", Type::Number),
    ("top_k", Type::Integer),
    ("top_logprobs", Type::Integer),
    ("top_p", Type::Number),
    ("truncation", Type::Text),
    ("user", Type::Text),
    ("echo", Type::Boolean),
    ("stream", Type::Boolean),
];

/// Refuses members of a wrong type.
///
/// # Errors
/// A failure that names the member.
pub(super) fn check_types(request: &Request<'_>) -> Result<(), Failure> {
    for (name, kind) in TYPES {
        let Some(value) = request.present(name).map(RawValue::get) else { continue };
        let (fits, wanted) = match kind {
            Type::Number => (value.parse::<f64>().is_ok(), "a number"),
            Type::Integer => (value.parse::<i64>().is_ok(), "a whole number"),
            Type::Text => (value.starts_with('"'), "a text"),
            Type::Boolean => (matches!(value, "true" | "false"), "true or false"),
        };
        if !fits {
            return Err(Failure::param(name, format!("{name} must be {wanted}")));
        }
    }
    Ok(())
}

/// The options of a stream: whether its deltas are padded.
///
/// # Errors
/// When they are no object.
pub(super) fn stream(
    request: &mut Request<'_>,
    draft: &mut Draft<'_>,
    own: &mut ResponsesShape,
) -> Result<(), Failure> {
    const NAME: &str = "stream_options";
    let Some(given) = request.remove(NAME) else { return Ok(()) };
    let options: RawObject<'_> = read_text(given.get())
        .map_err(|_| Failure::param(NAME, "stream_options must be an object"))?;
    if let Some(padded) = options.present("include_obfuscation").map(RawValue::get)
        && !matches!(padded, "true" | "false")
    {
        let path = "stream_options.include_obfuscation";
        return Err(Failure::param(path, format!("{path} must be true or false")));
    }
    own.unpadded = options.get("include_obfuscation").map(RawValue::get) == Some("false");
    let known = |name: &str| matches!(name, "include_obfuscation" | "include_usage");
    let matters = options.iter().any(|(name, value)| !known(name) && value.get() != "null");
    draft.optional_param(ParamName::new(NAME, NOT_ACCEPTED), Some(given), |_| matters)
}
