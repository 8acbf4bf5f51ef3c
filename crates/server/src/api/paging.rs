//! Pages of lists, in OpenAI's form.

use std::borrow::Cow;

use chatmock_protocol::json::RawValue;
use chatmock_translate::Failure;
use serde::Serialize;

/// The most elements of a page.
const MAX_LIMIT: usize = 100;

/// The elements of a page where a query does not say how many.
const USUAL_LIMIT: usize = 20;

/// The order of a list, by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    OldestFirst,
    NewestFirst,
}

/// The page that a query asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Paging {
    limit: usize,
    order: Order,
    after: Option<String>,
}

/// An element of a list, and the id that it is listed under.
#[derive(Debug)]
pub(super) struct Listed<'l> {
    pub(super) id: String,
    pub(super) value: Cow<'l, RawValue>,
}

/// A page as it is written.
#[derive(Serialize)]
pub(super) struct Page<'l> {
    object: &'static str,
    data: Vec<&'l RawValue>,
    first_id: Option<&'l str>,
    last_id: Option<&'l str>,
    has_more: bool,
}

impl Paging {
    /// The first page in an order.
    pub(super) fn first(order: Order) -> Self {
        Self { limit: USUAL_LIMIT, order, after: None }
    }

    /// The page with the whole of a list that fits one.
    pub(super) fn whole() -> Self {
        Self { limit: MAX_LIMIT, ..Self::first(Order::OldestFirst) }
    }

    /// Reads a query that only asks for a page; other members have no effect.
    pub(super) fn read(query: Option<&str>, usual: Order) -> Result<Self, Failure> {
        let mut paging = Self::first(usual);
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            paging.take(&name, &value)?;
        }
        Ok(paging)
    }

    /// Takes a member of a query, if it is about pages.
    pub(super) fn take(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        match name {
            "limit" => self.limit = limit(value)?,
            "order" => self.order = order(value)?,
            "after" => self.after = Some(value.to_owned()).filter(|id| !id.is_empty()),
            _ => {}
        }
        Ok(())
    }

    /// Cuts the page out of a whole list, the oldest first.
    pub(super) fn page<'l>(&self, list: &'l [Listed<'_>]) -> Result<Page<'l>, Failure> {
        let mut list: Vec<&Listed<'_>> = list.iter().collect();
        if self.order == Order::NewestFirst {
            list.reverse();
        }
        let start = match &self.after {
            // The last of several with one id: so a client that pages on always comes to an end.
            Some(after) => match list.iter().rposition(|element| element.id == *after) {
                Some(position) => position + 1,
                None => return Err(Failure::param("after", "after must name an item of the list")),
            },
            None => 0,
        };
        let left = list.get(start..).unwrap_or_default();
        let page = left.get(..self.limit).unwrap_or(left);
        Ok(Page {
            object: "list",
            data: page.iter().map(|element| &*element.value).collect(),
            first_id: page.first().map(|element| &*element.id),
            last_id: page.last().map(|element| &*element.id),
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

fn order(value: &str) -> Result<Order, Failure> {
    match value {
        "asc" => Ok(Order::OldestFirst),
        "desc" => Ok(Order::NewestFirst),
        _ => Err(Failure::param("order", "order must be asc or desc")),
    }
}
