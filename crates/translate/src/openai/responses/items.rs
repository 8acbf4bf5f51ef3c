//! Items and tools of a request, changed where the backend would refuse them.

use std::borrow::Cow;

use chatmock_protocol::json::{RawObject, RawValue, raw, read_text};
use chatmock_protocol::responses::Request;
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role};

use crate::draft::Draft;
use crate::failure::Failure;
use crate::notice::{Notice, NoticeKind};
use crate::tool_names::{self, ShortenedName};

/// The input as the list that the backend demands: no `system` items, no overlong call ids.
pub(super) fn input<'b>(request: &mut Request<'b>, draft: &mut Draft<'b>) -> Result<(), Failure> {
    let Some(input) = request.present("input") else {
        return Err(Failure::param("input", "input is required"));
    };
    if let Some(text) = request.text("input") {
        let content = vec![ContentPart::InputText { text: text.into_owned().into() }];
        return Ok(request.set("input", &[InputItem::Message { role: Role::User, content }])?);
    }
    if !input.get().starts_with('[') {
        return Err(Failure::param("input", "input must be a string or a list of items"));
    }
    if !has_system(input) && !has_long_call_id(input) {
        return Ok(());
    }
    let mut repairs = Repairs { shortened: &mut draft.shortened, systems: false, call_ids: false };
    let repaired = repaired("input", input, |item| repairs.item(item))?;
    let done = [
        (repairs.systems, "system items went as developer items"),
        (repairs.call_ids, "call ids over 64 characters were shortened"),
    ];
    for (_, why) in done.into_iter().filter(|(done, _)| *done) {
        draft.notices.push(Notice::new("input", NoticeKind::Changed, why));
    }
    if let Some(repaired) = repaired {
        request.put("input", Cow::Owned(repaired));
    }
    Ok(())
}

/// The changes of items, with a note of each kind that was needed.
struct Repairs<'m> {
    shortened: &'m mut Vec<ShortenedName>,
    systems: bool,
    call_ids: bool,
}

/// Returns the list with each entry corrected; `None` where none needed it.
fn repaired<'l>(
    name: &'static str,
    list: &'l RawValue,
    repair: impl FnMut(&'l RawValue) -> Result<Cow<'l, RawValue>, Failure>,
) -> Result<Option<Box<RawValue>>, Failure> {
    let list: Vec<&'l RawValue> = serde_json::from_str(list.get())
        .map_err(|_| Failure::param(name, format!("{name} must be a list")))?;
    let list = list.into_iter().map(repair).collect::<Result<Vec<_>, _>>()?;
    let changed = list.iter().any(|entry| matches!(entry, Cow::Owned(_)));
    Ok(if changed { Some(raw(&list)?) } else { None })
}

fn has_system(raw: &RawValue) -> bool {
    raw.get().contains("\"system\"")
}

/// Returns whether a call id over the limit may be in there, without a parse.
fn has_long_call_id(raw: &RawValue) -> bool {
    raw.get().split("\"call_id\"").skip(1).any(|rest| {
        let value = rest.trim_start_matches([':', ' ', '\t', '\r', '\n']).strip_prefix('"');
        let end = value.and_then(|value| value.find('"'));
        end.is_some_and(|end| end > tool_names::MAX_CHARS)
    })
}

impl Repairs<'_> {
    /// The item with the role `developer` where it had `system`, and a call id within the limit.
    fn item<'i>(&mut self, item: &'i RawValue) -> Result<Cow<'i, RawValue>, Failure> {
        if !has_system(item) && !has_long_call_id(item) {
            return Ok(Cow::Borrowed(item));
        }
        let Ok(mut members) = read_text::<RawObject<'i>>(item.get()) else {
            return Ok(Cow::Borrowed(item));
        };
        let system = members.text("role").as_deref() == Some("system");
        if system {
            members.set("role", &Role::Developer)?;
        }
        let call_id = members.text("call_id").map(|id| id.into_owned());
        let call_id = call_id.filter(|id| id.chars().count() > tool_names::MAX_CHARS);
        let long = call_id.is_some();
        if let Some(call_id) = call_id {
            members.set("call_id", &*tool_names::call_id(Cow::Owned(call_id), self.shortened))?;
        }
        self.systems |= system;
        self.call_ids |= long;
        Ok(if system || long { Cow::Owned(raw(&members)?) } else { Cow::Borrowed(item) })
    }
}

/// Finds out whether a web search is offered; its old name is not the backend's.
pub(super) fn tools(request: &mut Request<'_>, draft: &mut Draft<'_>) -> Result<(), Failure> {
    let Some(tools) = request.present("tools") else { return Ok(()) };
    let web_search = &mut draft.web_search;
    if let Some(repaired) = repaired("tools", tools, |tool| search(tool, web_search))? {
        request.put("tools", Cow::Owned(repaired));
        let why = "web_search_preview went as web_search";
        draft.notices.push(Notice::new("tools", NoticeKind::Changed, why));
    }
    Ok(())
}

/// The tool as it goes out, noted if it is a web search.
fn search<'t>(
    tool: &'t RawValue,
    web_search: &mut Option<bool>,
) -> Result<Cow<'t, RawValue>, Failure> {
    if !tool.get().contains("web_search") {
        return Ok(Cow::Borrowed(tool));
    }
    let Ok(mut members) = read_text::<RawObject<'_>>(tool.get()) else {
        return Ok(Cow::Borrowed(tool));
    };
    let kind = members.text("type").unwrap_or_default().into_owned();
    if kind != "web_search" && !kind.starts_with("web_search_preview") {
        return Ok(Cow::Borrowed(tool));
    }
    *web_search = Some(true);
    if kind == "web_search" {
        return Ok(Cow::Borrowed(tool));
    }
    members.set("type", "web_search")?;
    Ok(Cow::Owned(raw(&members)?))
}
