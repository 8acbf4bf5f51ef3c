//! Pages of input items, in OpenAI's form of a list.

use std::borrow::Cow;

use chatmock_protocol::json::{RawObject, RawValue, raw, read_text};
use chatmock_translate::Failure;
use serde::Serialize;

use crate::state::responses::{StoredResponse, made_id};

/// The most items of a page.
const MAX_LIMIT: usize = 100;

/// Which items are asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query<'q> {
    limit: usize,
    ascending: bool,
    after: Option<Cow<'q, str>>,
}

/// An item and the id that it is listed under.
#[derive(Debug)]
pub(super) struct Item<'k> {
    id: String,
    value: Cow<'k, RawValue>,
}

/// A page as it is written.
#[derive(Serialize)]
pub(super) struct Page<'i> {
    object: &'static str,
    data: Vec<&'i RawValue>,
    first_id: Option<&'i str>,
    last_id: Option<&'i str>,
    has_more: bool,
}

impl<'q> Query<'q> {
    /// Reads a query; other members have no effect.
    pub(super) fn read(query: Option<&'q str>) -> Result<Self, Failure> {
        let mut read = Self { limit: 20, ascending: false, after: None };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "limit" => read.limit = limit(&value)?,
                "order" => read.ascending = ascending(&value)?,
                "after" => read.after = Some(value).filter(|id| !id.is_empty()),
                _ => {}
            }
        }
        Ok(read)
    }

    /// The query of a list that is given as a whole.
    pub(super) fn whole() -> Self {
        Self { limit: MAX_LIMIT, ascending: true, after: None }
    }

    /// Cuts the page out of all items, which are in the order of the conversation.
    pub(super) fn page<'i>(&self, items: &'i [Item<'_>]) -> Result<Page<'i>, Failure> {
        let mut listed: Vec<&Item<'_>> = items.iter().collect();
        if !self.ascending {
            listed.reverse();
        }
        let start = match &self.after {
            // The last of several with one id: so a client that pages on always comes to an end.
            Some(after) => match listed.iter().rposition(|item| item.id == *after) {
                Some(position) => position + 1,
                None => return Err(Failure::param("after", "after must name an item of the list")),
            },
            None => 0,
        };
        let left = listed.get(start..).unwrap_or_default();
        let page = left.get(..self.limit).unwrap_or(left);
        Ok(Page {
            object: "list",
            data: page.iter().map(|item| &*item.value).collect(),
            first_id: page.first().map(|item| &*item.id),
            last_id: page.last().map(|item| &*item.id),
            has_more: left.len() > page.len(),
        })
    }
}

fn limit(value: &str) -> Result<usize, Failure> {
    match value.parse() {
        Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
        _ => Err(Failure::param("limit", format!("limit must be a number from 1 to {MAX_LIMIT}"))),
    }
}

fn ascending(value: &str) -> Result<bool, Failure> {
    match value {
        "asc" => Ok(true),
        "desc" => Ok(false),
        _ => Err(Failure::param("order", "order must be asc or desc")),
    }
}

impl<'k> Item<'k> {
    /// Lists a response's items; one without an id gets one that is the same each time.
    pub(super) fn all(response: &str, stored: &'k StoredResponse) -> Result<Vec<Self>, Failure> {
        let items = stored.items()?.into_iter().enumerate();
        items.map(|(index, item)| Self::new(item, response, index)).collect()
    }

    /// The id that it is listed under.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The item as it is listed.
    pub(super) fn value(&self) -> &RawValue {
        &self.value
    }

    fn new(item: &'k RawValue, response: &str, index: usize) -> Result<Self, Failure> {
        let made = || made_id(item.get(), response, index);
        let Ok(mut members) = read_text::<RawObject<'_>>(item.get()) else {
            return Ok(Self { id: made(), value: Cow::Borrowed(item) });
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
        Ok(Self { id, value })
    }
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
