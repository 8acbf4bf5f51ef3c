//! Events reworded on their way to the client: names, ids and response objects made whole.
//!
//! Nothing is parsed into values and written again: an event is searched for what may have to change, and
//! all else of it is copied. Most events need no change, and deltas cost one search for an item's id.

mod item_ids;
mod response_object;

use std::borrow::Cow;
use std::time::Duration;

use chatmock_protocol::json::members;
use chatmock_protocol::responses::Event;
use chatmock_protocol::responses::event::Body;
use chatmock_protocol::sse::Frame;

use super::ResponsesShape;
use crate::shape::Shape;
use crate::tool_names::ShortenedName;
use item_ids::ItemIds;
use response_object::{ResponseObject, Stage};

/// What is needed to reword the events of one response.
#[derive(Debug)]
pub(super) struct Rewording {
    shortened: Vec<ShortenedName>,
    unpadded: bool,
    ids: ItemIds,
    object: ResponseObject,
}

impl Rewording {
    pub(super) fn new(shape: &Shape<ResponsesShape>) -> Self {
        Self {
            shortened: shape.shortened.clone(),
            unpadded: shape.own.unpadded,
            ids: ItemIds::default(),
            object: ResponseObject::new(shape),
        }
    }

    /// The object of a response of which nothing has been done.
    pub(super) fn queued(shape: &Shape<ResponsesShape>) -> String {
        ResponseObject::new(shape).queued()
    }

    /// The event as the client is to have it; `None` where that is how it came. `at` is the time since the
    /// request.
    pub(super) fn event(
        &mut self,
        frame: &Frame,
        event: &Event<'_>,
        at: Duration,
    ) -> Option<String> {
        let text = frame.text();
        match &event.body {
            Body::Private => None,
            Body::Created(_)
            | Body::Progress
            | Body::Completed(_)
            | Body::Incomplete(_)
            | Body::Failed(_) => self.response(text, event, at),
            Body::ItemAdded { output_index, item } | Body::ItemDone { output_index, item } => {
                let part = member(text, "item")?;
                let named = self.ids.item(part, *output_index, &item.kind);
                let item = restored(named.as_deref().unwrap_or(part), &self.shortened).or(named);
                // While a call is in progress its arguments may still come.
                let item = match event.body {
                    Body::ItemDone { .. } => argued(item.as_deref().unwrap_or(part)).or(item)?,
                    _ => item?,
                };
                Some(splice(text, part, &item))
            }
            Body::Text { output_index, .. }
            | Body::Refusal { output_index, .. }
            | Body::Reasoning { output_index, .. }
            | Body::Arguments { output_index, .. } => self.delta(text, *output_index),
            Body::Annotation { output_index, .. } => self.ids.event(text, *output_index),
            Body::ArgumentsDone { output_index, .. } => {
                let named = self.ids.event(text, *output_index);
                let named = restored(named.as_deref().unwrap_or(text), &self.shortened).or(named);
                argued(named.as_deref().unwrap_or(text)).or(named)
            }
            Body::Other => {
                let index = member(text, "output_index")?.parse().ok()?;
                member(text, "item_id")?;
                self.ids.event(text, index)
            }
            _ => None,
        }
    }

    fn delta(&mut self, text: &str, output_index: usize) -> Option<String> {
        let named = self.ids.event(text, output_index);
        if !self.unpadded {
            return named;
        }
        let text = named.as_deref().unwrap_or(text);
        member(text, "obfuscation")?;
        Some(with_members(text, &[], &["obfuscation"])).or(named)
    }

    fn response(&mut self, text: &str, event: &Event<'_>, at: Duration) -> Option<String> {
        let part = member(text, "response")?;
        self.ids.begin(part);
        let stage = match event.body {
            Body::Completed(_) => Stage::Completed(at),
            Body::Failed(_) => Stage::Failed,
            _ => Stage::Other,
        };
        let whole = self.object.completed(part, stage, &self.ids);
        let whole = restored(whole.as_deref().unwrap_or(part), &self.shortened).or(whole);
        let whole = match stage {
            Stage::Completed(_) => argued(whole.as_deref().unwrap_or(part)).or(whole)?,
            _ => whole?,
        };
        Some(splice(text, part, &whole))
    }
}

/// The value of a member of an object, as it is written.
fn member<'t>(object: &'t str, name: &str) -> Option<&'t str> {
    members(object).find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// The content of a string without escapes.
fn bare(value: &str) -> Option<&str> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    (!inside.contains('\\')).then_some(inside)
}

/// A text with another in the place of a part of it.
fn splice(text: &str, part: &str, new: &str) -> String {
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(start + part.len()..).unwrap_or_default();
    [before, new, after].concat()
}

/// An object with members set, in their places or at the end, and without others.
fn with_members(object: &str, set: &[(&str, &str)], without: &[&str]) -> String {
    let mut out = String::with_capacity(object.len() + 64);
    out.push('{');
    let mut write = |name: &str, value: &str| {
        let comma = if out.len() > 1 { "," } else { "" };
        for piece in [comma, "\"", name, "\":", value] {
            out.push_str(piece);
        }
    };
    // Read once, since an object may hold a whole answer.
    let mut present = Vec::new();
    for (name, value) in members(object) {
        present.push(name);
        if !without.contains(&name) {
            let new = set.iter().find(|(set, _)| *set == name);
            write(name, new.map_or(value, |(_, new)| new));
        }
    }
    for (name, value) in set.iter().filter(|(name, _)| !present.contains(name)) {
        write(name, value);
    }
    out.push('}');
    out
}

/// The text with an empty object as the arguments of calls that have none, since clients read them as JSON; `None`
/// where all have some.
fn argued(text: &str) -> Option<String> {
    const NAME: &str = "\"arguments\"";
    let mut argued = String::new();
    let mut copied = 0;
    // Inside of a string the quotes would have a backslash before them.
    for at in memchr::memmem::find_iter(text.as_bytes(), NAME) {
        let rest = text.get(at + NAME.len()..)?.trim_start();
        let value = rest.strip_prefix(':').map(str::trim_start);
        let Some(after) = value.and_then(|value| value.strip_prefix("\"\"")) else { continue };
        let end = text.len() - after.len();
        argued.push_str(text.get(copied..end - 1)?);
        argued.push_str("{}");
        copied = end - 1;
    }
    argued.push_str(text.get(copied..)?);
    (copied > 0).then_some(argued)
}

/// The text with the client's names in the places of those that went out; `None` where it has none.
fn restored(text: &str, shortened: &[ShortenedName]) -> Option<String> {
    let mut restored = Cow::Borrowed(text);
    for name in shortened {
        // Inside of another string the quotes would have a backslash before them.
        let short = format!("\"{}\"", name.short);
        if memchr::memmem::find(restored.as_bytes(), short.as_bytes()).is_some()
            && let Ok(original) = serde_json::to_string(&name.original)
        {
            restored = Cow::Owned(restored.replace(&short, &original));
        }
    }
    match restored {
        Cow::Owned(text) => Some(text),
        Cow::Borrowed(_) => None,
    }
}
