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
    own.unpadded = options.get("include_obfuscation").map(RawValue::get) == Some("false");
    let known = |name: &str| matches!(name, "include_obfuscation" | "include_usage");
    let matters = options.iter().any(|(name, value)| !known(name) && value.get() != "null");
    draft.optional_param(ParamName::new(NAME, NOT_ACCEPTED), Some(given), |_| matters)
}
