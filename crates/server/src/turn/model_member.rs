//! The model of a request body, where the path or the operator names it.

use bytes::Bytes;
use chatmock_protocol::json::{self, RawObject};

/// Returns whether a body is an object that names no model.
pub(super) fn names_no_model(body: &[u8]) -> bool {
    let members: Option<RawObject<'_>> = json::read(body).ok();
    members.is_some_and(|members| {
        members.text("model").is_none_or(|name| name.trim().is_empty())
            && members.present("model").is_none_or(|model| model.get().starts_with('"'))
    })
}

/// Returns a body with the model that the path names; `None` where the body is no object, which its reader refuses.
pub(crate) fn with_model(body: &[u8], model: &str) -> Option<Bytes> {
    let mut members: RawObject<'_> = json::read(body).ok()?;
    members.set("model", model).ok()?;
    serde_json::to_vec(&members).ok().map(Bytes::from)
}
