//! A conversation as it is sent again: ids, pairs and names as a backend takes them that keeps nothing.
//!
//! The items of a request are those of its client, of kept responses and of other services. Each is fit to
//! be sent again only within the whole: an id may be used once, a call needs its result, reasoning needs
//! what only the backend can read. So this is done when all items are in their places, and each item that
//! needs no change keeps its bytes.

mod foreign;
mod head;
mod named;

use std::borrow::Cow;
use std::collections::BTreeSet;

use chatmock_protocol::json::{self, RawObject, RawValue, raw};
use chatmock_protocol::responses::item::{ContentPart, Role};

use crate::backend::Backend;
use crate::draft::Draft;
use crate::failure::Failure;
use crate::notice::{Notice, NoticeKind};
use crate::pairing::{self, Fate};
use crate::tool_names::{self, ShortenedName};
use head::Head;

pub use named::{fill_named, named_items};

/// A mark on parts that the Codex backend refuses.
const BREAKPOINT: &str = "prompt_cache_breakpoint";

/// Fits the items of a draft, where they are those of the Responses API as they came.
///
/// # Errors
/// Only where a value cannot be written.
pub(crate) fn fit(draft: &mut Draft<'_>, backend: &Backend) -> Result<(), Failure> {
    let Some(input) = draft.request.get("input").filter(|_| draft.storage.raw_items) else {
        return Ok(());
    };
    // The client does not know the places of what was put in front of its own items.
    let continues =
        draft.storage.previous_response_id.is_some() || draft.storage.conversation.is_some();
    let mut notices = Vec::new();
    let foreign = foreign::Foreign { kinds: backend.refused_items, placed: !continues };
    let known = foreign.converted(input, &mut notices)?;
    let mut fitting = Fitting { notices, ..Fitting::default() };
    let items = known.as_deref().unwrap_or(input);
    let changes = fitting.changes(items.get(), backend);
    let fit = fitted(items, changes)?;
    let shortened = std::mem::take(&mut fitting.shortened);
    let notices = std::mem::take(&mut fitting.notices);
    drop(fitting);
    if let Some(fit) = fit.or(known) {
        draft.request.put("input", Cow::Owned(fit));
    }
    draft.shortened.extend(shortened);
    draft.notices.extend(notices);
    Ok(())
}

/// The list with its changes; `None` where there are none.
fn fitted(input: &RawValue, changes: Vec<Change>) -> Result<Option<Box<RawValue>>, Failure> {
    if changes.iter().all(Change::is_none) {
        return Ok(None);
    }
    let items: Vec<&RawValue> = serde_json::from_str(input.get())?;
    let mut fit = Vec::with_capacity(items.len());
    for (item, change) in items.into_iter().zip(changes) {
        fit.extend(change.apply(item)?);
    }
    Ok(Some(raw(&fit)?))
}

/// The change that an item needs.
#[derive(Debug, Default)]
struct Change {
    left_out: bool,
    /// The words before a result that becomes a message.
    spoken: Option<String>,
    without_id: bool,
    without_breakpoints: bool,
    call_id: Option<String>,
    name: Option<String>,
    kind: Option<&'static str>,
}

impl Change {
    fn is_none(&self) -> bool {
        !(self.left_out || self.without_id || self.without_breakpoints)
            && self.spoken.is_none()
            && self.call_id.is_none()
            && self.name.is_none()
            && self.kind.is_none()
    }

    fn apply(self, item: &RawValue) -> Result<Option<Cow<'_, RawValue>>, Failure> {
        if self.left_out {
            return Ok(None);
        }
        if self.is_none() {
            return Ok(Some(Cow::Borrowed(item)));
        }
        let mut members: RawObject<'_> = serde_json::from_str(item.get())?;
        if let Some(introduction) = self.spoken {
            return spoken(introduction, &members).map(|item| Some(Cow::Owned(item)));
        }
        if self.without_id {
            members.remove("id");
        }
        if let Some(kind) = self.kind {
            members.set("type", kind)?;
        }
        for (name, value) in [("call_id", self.call_id), ("name", self.name)] {
            if let Some(value) = value {
                members.set(name, &value)?;
            }
        }
        if self.without_breakpoints {
            for name in ["content", "output"] {
                let parts = members.get(name).map(without_breakpoints).transpose()?.flatten();
                if let Some(parts) = parts {
                    members.put(name, Cow::Owned(parts));
                }
            }
        }
        Ok(Some(Cow::Owned(raw(&members)?)))
    }
}

/// A result as something that the person says.
fn spoken(introduction: String, result: &RawObject<'_>) -> Result<Box<RawValue>, Failure> {
    let mut content = vec![raw(&ContentPart::InputText { text: introduction.into() })?];
    let output = result.get("output").unwrap_or(RawValue::NULL);
    if output.get().starts_with('[') {
        content.extend(serde_json::from_str::<Vec<Box<RawValue>>>(output.get())?);
    } else {
        let mut part = RawObject::default();
        part.set("type", "input_text")?;
        part.put("text", Cow::Borrowed(output));
        content.push(raw(&part)?);
    }
    let mut message = RawObject::default();
    message.set("type", "message")?;
    message.set("role", &Role::User)?;
    message.set("content", &content)?;
    Ok(raw(&message)?)
}

/// The list of parts without the mark; `None` for anything else.
fn without_breakpoints(parts: &RawValue) -> Result<Option<Box<RawValue>>, Failure> {
    let Ok(parts) = serde_json::from_str::<Vec<&RawValue>>(parts.get()) else { return Ok(None) };
    let mut left: Vec<Cow<'_, RawValue>> = Vec::with_capacity(parts.len());
    for part in parts {
        let mut members: RawObject<'_> = serde_json::from_str(part.get()).unwrap_or_default();
        left.push(match members.remove(BREAKPOINT) {
            Some(_) => Cow::Owned(raw(&members)?),
            None => Cow::Borrowed(part),
        });
    }
    Ok(Some(raw(&left)?))
}

/// What the changes of all items have in common.
#[derive(Default)]
struct Fitting<'i> {
    shortened: Vec<ShortenedName>,
    notices: Vec<Notice>,
    /// Ids of items so far.
    ids: BTreeSet<Cow<'i, str>>,
}

impl<'i> Fitting<'i> {
    fn changes(&mut self, input: &'i str, backend: &Backend) -> Vec<Change> {
        let heads: Vec<Head<'i>> = json::items(input).map(Head::of).collect();
        let mut changes: Vec<Change> = heads.iter().map(|_| Change::default()).collect();
        if !backend.accepts("store") {
            self.fit_reasoning(&heads, &mut changes, backend);
        }
        if backend.closed {
            self.fit_ids(&heads, &mut changes);
            self.mark_breakpoints(input, &mut changes);
        }
        for (head, change) in heads.iter().zip(&mut changes) {
            self.fit_names(head, change);
        }
        // A backend that continues a response has calls and results that are not here.
        if !backend.accepts("previous_response_id") {
            self.pair(&heads, &mut changes);
        }
        changes
    }

    /// Leaves out reasoning that nobody can read who keeps nothing; other servers than the closed ones may read the
    /// text of it.
    fn fit_reasoning(&mut self, heads: &[Head<'i>], changes: &mut [Change], backend: &Backend) {
        let mut unread = false;
        for (head, change) in heads.iter().zip(changes) {
            let read = head.encrypted || head.content && !backend.closed;
            change.left_out = head.is_reasoning() && !read;
            unread |= change.left_out;
        }
        self.note(unread, "reasoning without its encrypted content was left out");
    }

    /// Leaves out ids that the backend refuses, and what comes twice.
    fn fit_ids(&mut self, heads: &[Head<'i>], changes: &mut [Change]) {
        let (mut wrong, mut twice) = (false, false);
        for (head, change) in heads.iter().zip(changes) {
            let Some(id) = head.id.as_ref().filter(|_| !change.left_out) else { continue };
            if !head.has_fitting_id() {
                change.without_id = true;
                wrong = true;
            } else if !self.ids.insert(id.clone()) {
                // A message may be another one in spite of its id.
                let same = head.is_reasoning() || !head.call_id.is_empty();
                change.left_out = same;
                change.without_id = !same;
                twice = true;
            }
        }
        self.note(wrong, "ids that the backend would refuse were left out");
        self.note(twice, "items that came twice were sent once");
    }

    fn mark_breakpoints(&mut self, input: &str, changes: &mut [Change]) {
        if memchr::memmem::find(input.as_bytes(), BREAKPOINT.as_bytes()).is_none() {
            return;
        }
        let mut found = false;
        for (item, change) in json::items(input).zip(changes) {
            change.without_breakpoints = item.contains("\"prompt_cache_breakpoint\"");
            found |= change.without_breakpoints;
        }
        if found {
            let why = "the backend takes no such mark";
            self.notices.push(Notice::ignored("input.prompt_cache_breakpoint", why));
        }
    }

    /// Shortens names and ids that are too long, or have letters that the backend does not take.
    fn fit_names(&mut self, head: &Head<'i>, change: &mut Change) {
        if head.is_call() && !tool_names::fits(&head.name) {
            let name = head.name.clone();
            change.name = Some(tool_names::tool_name(name, &mut self.shortened).into_owned());
        }
        if head.call_id.chars().count() > tool_names::MAX_CHARS {
            let id = head.call_id.clone();
            change.call_id = Some(tool_names::call_id(id, &mut self.shortened).into_owned());
            let why = "call ids over 64 characters were shortened";
            if !self.notices.iter().any(|notice| notice.detail == why) {
                self.note(true, why);
            }
        }
    }

    fn pair(&mut self, heads: &[Head<'i>], changes: &mut [Change]) {
        let links = heads.iter().zip(&*changes);
        let links: Vec<_> = links.map(|(head, change)| head.link(change.left_out)).collect();
        let (mut again, mut unanswered, mut unasked) = (false, false, false);
        let fates = pairing::fates(&links).into_iter();
        for ((head, change), fate) in heads.iter().zip(changes).zip(fates) {
            match fate {
                Fate::Kept => {}
                Fate::Paired { own_id, custom } => {
                    again |= own_id.is_some();
                    change.call_id = own_id.or_else(|| change.call_id.take());
                    change.kind = head.other_kind(custom);
                }
                Fate::LeftOut if head.is_call() => {
                    change.left_out = true;
                    unanswered = true;
                }
                Fate::LeftOut => {}
                Fate::Spoken => {
                    change.spoken = Some(pairing::introduction(&head.call_id));
                    unasked = true;
                }
            }
        }
        self.note(again, pairing::USED_AGAIN);
        self.note(unanswered, pairing::UNANSWERED);
        self.note(unasked, pairing::UNASKED);
    }

    fn note(&mut self, done: bool, why: &'static str) {
        if done {
            self.notices.push(Notice::new("input", NoticeKind::Changed, why));
        }
    }
}

#[cfg(test)]
mod tests;
