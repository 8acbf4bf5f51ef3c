//! Pages of input items, in OpenAI's form of a list.

use std::borrow::Cow;
use std::fmt::Write;

use chatmock_protocol::json::{RawObject, RawValue, raw, read_text};
use chatmock_protocol::responses::ContentPart;
use chatmock_translate::Failure;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::state::responses::StoredResponse;

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

    fn new(item: &'k RawValue, response: &str, index: usize) -> Result<Self, Failure> {
        let Ok(mut members) = read_text::<RawObject<'_>>(item.get()) else {
            return Ok(Self { id: made_id("item", response, index), value: Cow::Borrowed(item) });
        };
        if let Some(id) = members.text("id").filter(|id| !id.is_empty()) {
            return Ok(Self { id: id.into_owned(), value: Cow::Borrowed(item) });
        }
        let message = matches!(members.text("type").as_deref(), None | Some("message"));
        let id = made_id(if message { "msg" } else { "item" }, response, index);
        if message {
            complete_message(&mut members)?;
        }
        members.set("id", &id)?;
        Ok(Self { id, value: Cow::Owned(raw(&members)?) })
    }
}

/// Spells out what a message may leave unsaid: its type, its parts and that it is complete.
fn complete_message(message: &mut RawObject<'_>) -> Result<(), Failure> {
    if let Some(text) = message.text("content").map(|text| text.into_owned()) {
        let assistant = message.text("role").as_deref() == Some("assistant");
        let text = text.into();
        let part = if assistant {
            ContentPart::OutputText { text }
        } else {
            ContentPart::InputText { text }
        };
        message.set("content", &[part])?;
    }
    for (name, value) in [("type", "message"), ("status", "completed")] {
        if !message.contains(name) {
            message.set(name, value)?;
        }
    }
    Ok(())
}

fn made_id(kind: &str, response: &str, index: usize) -> String {
    let hash = Sha256::digest(format!("{response}/{index}"));
    hash.iter().take(24).fold(format!("{kind}_"), |mut id, byte| {
        // Writing into a string does not fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests;
