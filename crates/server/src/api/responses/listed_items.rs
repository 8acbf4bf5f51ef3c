//! Items of a conversation as they are listed.

use std::borrow::Cow;

use chatmock_protocol::json::{RawObject, RawValue, raw, read_text};
use chatmock_translate::Failure;
use serde::Serialize;

use crate::api::paging::Listed;
use crate::state::responses::{StoredResponse, made_id};

/// Lists a response's items; one without an id gets one that is the same each time.
pub(super) fn all<'k>(
    response: &str,
    stored: &'k StoredResponse,
) -> Result<Vec<Listed<'k>>, Failure> {
    let items = stored.items()?.into_iter().enumerate();
    items.map(|(index, item)| listed(item, response, index)).collect()
}

fn listed<'k>(item: &'k RawValue, response: &str, index: usize) -> Result<Listed<'k>, Failure> {
    let made = || made_id(item.get(), response, index);
    let Ok(mut members) = read_text::<RawObject<'_>>(item.get()) else {
        return Ok(Listed { id: made(), value: Cow::Borrowed(item) });
    };
    let mut changed = complete(&mut members)?;
    let own = members.text("id").filter(|id| !id.is_empty()).map(Cow::into_owned);
    let id = match own {
        Some(id) => id,
        None => {
            let id = made();
            members.set("id", &id)?;
            changed = true;
            id
        }
    };
    let value = if changed { Cow::Owned(raw(&members)?) } else { Cow::Borrowed(item) };
    Ok(Listed { id, value })
}

/// Spells out what an item may leave unsaid; returns whether it did.
fn complete(item: &mut RawObject<'_>) -> Result<bool, Failure> {
    let kind = item.text("type").map(Cow::into_owned);
    let mut changed = false;
    match kind.as_deref() {
        None | Some("message") => {
            changed |= complete_content(item)?;
            changed |= set_missing(item, "type", &"message")?;
        }
        Some(
            "function_call"
            | "function_call_output"
            | "custom_tool_call"
            | "custom_tool_call_output",
        ) => {}
        Some(_) => return Ok(false),
    }
    changed |= set_missing(item, "status", &"completed")?;
    Ok(changed)
}

/// Makes a list of parts of a text, each with all its members; returns whether it did.
fn complete_content(message: &mut RawObject<'_>) -> Result<bool, Failure> {
    if let Some(text) = message.text("content").map(Cow::into_owned) {
        let assistant = message.text("role").as_deref() == Some("assistant");
        let mut part = RawObject::default();
        part.set("type", if assistant { "output_text" } else { "input_text" })?;
        part.set("text", &text)?;
        complete_part(&mut part)?;
        message.set("content", &[part])?;
        return Ok(true);
    }
    let Some(parts) = message.get("content").map(ToOwned::to_owned) else { return Ok(false) };
    let Ok(parts) = serde_json::from_str::<Vec<&RawValue>>(parts.get()) else { return Ok(false) };
    let (mut whole, mut changed) = (Vec::with_capacity(parts.len()), false);
    for part in parts {
        let mut members: RawObject<'_> = serde_json::from_str(part.get()).unwrap_or_default();
        let completed = complete_part(&mut members)?;
        changed |= completed;
        whole.push(if completed { Cow::Owned(raw(&members)?) } else { Cow::Borrowed(part) });
    }
    if changed {
        let whole = raw(&whole)?;
        message.put("content", Cow::Owned(whole));
    }
    Ok(changed)
}

/// Adds the members that a part of its kind always has; returns whether it lacked any.
fn complete_part(part: &mut RawObject<'_>) -> Result<bool, Failure> {
    let kind = part.text("type").map(Cow::into_owned);
    match kind.as_deref() {
        Some("output_text") => {
            Ok(set_missing(part, "annotations", &[(); 0])?
                | set_missing(part, "logprobs", &[(); 0])?)
        }
        Some("input_image") => set_missing(part, "detail", &"auto"),
        _ => Ok(false),
    }
}

fn set_missing<T: Serialize>(
    object: &mut RawObject<'_>,
    name: &'static str,
    value: &T,
) -> Result<bool, Failure> {
    let missing = object.present(name).is_none();
    if missing {
        object.set(name, value)?;
    }
    Ok(missing)
}

#[cfg(test)]
mod tests;
