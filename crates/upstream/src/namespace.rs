//! Tools inside a namespace: grouped in the request, ungrouped in the events.
//!
//! Plan usage accepts functions and freeform tools only inside a namespace, while clients offer
//! them one by one. So the request puts them into a namespace of ours, and every event is rewritten
//! as if that had not happened: neither the client nor the translation for it needs to know. The
//! price is a search for one word in every frame of such a turn, and a second pass over those that
//! contain it.

use std::borrow::Cow;

use bytes::Bytes;
use chatmock_protocol::json::{RawObject, RawValue, raw};
use chatmock_protocol::responses::Request;
use chatmock_protocol::sse::Frame;
use serde::Serialize;

use crate::error::Error;
use crate::item_type::ItemType;

/// The name of the namespace, unless the client has one of that name.
const NAME: &str = "functions";

/// Kinds of tools that go into the namespace.
const GROUPED: [&str; 2] = ["function", "custom"];

/// Kinds of items that call such a tool.
const CALLS: [&str; 2] = ["function_call", "custom_tool_call"];

/// A namespace of ours that holds the client's functions and freeform tools.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    name: String,
    /// `tools` and `tool_choice` as the client sent them, since a response repeats them.
    original: Vec<(&'static str, Box<RawValue>)>,
}

#[derive(Serialize)]
struct Tool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    description: &'static str,
    tools: &'a [&'a RawValue],
}

/// Puts the functions and freeform tools of a request into a namespace; returns `None` where it
/// offers none.
///
/// # Errors
/// [`Error::Request`] when `tools` is not a list.
pub(crate) fn group(request: &mut Request<'_>) -> Result<Option<Namespace>, Error> {
    let Some(offered) = request.present("tools") else { return Ok(None) };
    let tools: Vec<&RawValue> = serde_json::from_str(offered.get())
        .map_err(|_| Error::Request { param: "tools", message: "must be a list of tools" })?;
    let kinds: Vec<Option<ItemType<'_>>> = tools.iter().map(|tool| ItemType::of(tool)).collect();
    let grouped = |kind: &Option<ItemType<'_>>| kind.as_ref().is_some_and(|kind| kind.is(&GROUPED));
    let Some(first) = kinds.iter().position(grouped) else { return Ok(None) };
    let name = free_name(&kinds);
    let both = || tools.iter().zip(&kinds);
    let inside: Vec<&RawValue> =
        both().filter(|(_, kind)| grouped(kind)).map(|(tool, _)| *tool).collect();
    let description = "The client's tools.";
    let namespace = to_raw(&Tool { kind: "namespace", name: &name, description, tools: &inside })?;
    let mut outside: Vec<&RawValue> =
        both().filter(|(_, kind)| !grouped(kind)).map(|(tool, _)| *tool).collect();
    // The namespace takes the place of the first tool in it; what came before that still does.
    outside.insert(first.min(outside.len()), &namespace);
    let tools = to_raw(&outside)?;
    let original = ["tools", "tool_choice"].into_iter();
    let original = original.filter_map(|name| Some((name, request.present(name)?.to_owned())));
    let namespace = Namespace { name, original: original.collect() };
    request.put("tools", Cow::Owned(tools));
    namespace.add_to_calls(request)?;
    namespace.add_to_choice(request)?;
    Ok(Some(namespace))
}

/// The usual name, or the first numbered one that the client does not use for a namespace.
fn free_name(kinds: &[Option<ItemType<'_>>]) -> String {
    let taken = |name: &str| {
        let mut kinds = kinds.iter().flatten().filter(|kind| kind.is(&["namespace"]));
        kinds.any(|kind| kind.name.as_deref() == Some(name))
    };
    let further = (2..).map(|number| format!("{NAME}_{number}"));
    let mut names = std::iter::once(NAME.to_owned()).chain(further);
    names.find(|name| !taken(name)).unwrap_or_default()
}

impl Namespace {
    /// Adds the namespace's name to those calls of earlier turns that name none.
    fn add_to_calls(&self, request: &mut Request<'_>) -> Result<(), Error> {
        let Some(input) = request.present("input") else { return Ok(()) };
        let items: Vec<&RawValue> = serde_json::from_str(input.get())
            .map_err(|_| Error::Request { param: "input", message: "must be a list of items" })?;
        let mut named = Vec::with_capacity(items.len());
        for item in items {
            let called = ItemType::of(item).is_some_and(|kind| kind.is(&CALLS));
            named.push(if called { self.with_name(item)? } else { Cow::Borrowed(item) });
        }
        let input = to_raw(&named)?;
        request.put("input", Cow::Owned(input));
        Ok(())
    }

    /// Adds the namespace's name to a choice of one tool, or to each tool in a choice of several.
    fn add_to_choice(&self, request: &mut Request<'_>) -> Result<(), Error> {
        let Some(choice) = request.present("tool_choice") else { return Ok(()) };
        let Some(kind) = ItemType::of(choice) else { return Ok(()) };
        let choice = if kind.is(&GROUPED) {
            self.with_name(choice)?.into_owned()
        } else if kind.is(&["allowed_tools"]) {
            self.with_names(choice)?
        } else {
            return Ok(());
        };
        request.put("tool_choice", Cow::Owned(choice));
        Ok(())
    }

    /// Returns the object with the namespace's name added, unless it names one.
    fn with_name<'v>(&self, value: &'v RawValue) -> Result<Cow<'v, RawValue>, Error> {
        let Ok(mut members) = serde_json::from_str::<RawObject<'_>>(value.get()) else {
            return Ok(Cow::Borrowed(value));
        };
        if members.present("namespace").is_some() {
            return Ok(Cow::Borrowed(value));
        }
        members.set("namespace", &self.name).map_err(|_| unwritable())?;
        Ok(Cow::Owned(to_raw(&members)?))
    }

    /// Returns a choice of several tools with the namespace's name added to those inside it.
    fn with_names(&self, choice: &RawValue) -> Result<Box<RawValue>, Error> {
        let wrong = |_| Error::Request { param: "tool_choice", message: "cannot be read" };
        let mut members: RawObject<'_> = serde_json::from_str(choice.get()).map_err(wrong)?;
        let entries = members.present("tools").map_or("[]", RawValue::get);
        let entries: Vec<Box<RawValue>> = serde_json::from_str(entries).map_err(wrong)?;
        let mut named = Vec::with_capacity(entries.len());
        for entry in &entries {
            let ours = ItemType::of(entry).is_some_and(|kind| kind.is(&GROUPED));
            named.push(if ours { self.with_name(entry)? } else { Cow::Borrowed(&**entry) });
        }
        members.set("tools", &named).map_err(|_| unwritable())?;
        to_raw(&members)
    }

    /// Rewrites an event as if the tools had been offered without the namespace; `None` for an
    /// event that mentions no namespace.
    pub(crate) fn strip(&self, frame: &Frame) -> Option<Frame> {
        if !frame.text().contains("\"namespace\"") {
            return None;
        }
        let mut event: RawObject<'_> = serde_json::from_str(frame.text()).ok()?;
        self.remove_from(&mut event);
        if let Some(item) = event.get("item").and_then(|item| self.strip_item(item)) {
            event.put("item", Cow::Owned(item));
        }
        if let Some(response) =
            event.get("response").and_then(|response| self.strip_response(response))
        {
            event.put("response", Cow::Owned(response));
        }
        Some(Frame::new(Bytes::from(serde_json::to_vec(&event).ok()?)))
    }

    /// Removes the namespace from a response, and restores the members that it repeats.
    fn strip_response(&self, response: &RawValue) -> Option<Box<RawValue>> {
        let mut response: RawObject<'_> = serde_json::from_str(response.get()).ok()?;
        for (name, original) in &self.original {
            if response.present(name).is_some() {
                response.put(*name, Cow::Owned(original.clone()));
            }
        }
        let output = response.get("output").and_then(|output| {
            let items: Vec<&RawValue> = serde_json::from_str(output.get()).ok()?;
            let item = |item| self.strip_item(item).map_or(Cow::Borrowed(item), Cow::Owned);
            raw(&items.into_iter().map(item).collect::<Vec<_>>()).ok()
        });
        if let Some(output) = output {
            response.put("output", Cow::Owned(output));
        }
        raw(&response).ok()
    }

    /// Removes the namespace's name from an item; `None` where the item has none.
    fn strip_item(&self, item: &RawValue) -> Option<Box<RawValue>> {
        let mut members: RawObject<'_> = serde_json::from_str(item.get()).ok()?;
        self.remove_from(&mut members).then(|| raw(&members).ok())?
    }

    /// Removes the namespace's name from an object; returns whether it was there.
    fn remove_from(&self, members: &mut RawObject<'_>) -> bool {
        let ours = members.text("namespace").as_deref() == Some(&self.name);
        ours && members.remove("namespace").is_some()
    }
}

fn to_raw<T: Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>, Error> {
    raw(value).map_err(|_| unwritable())
}

fn unwritable() -> Error {
    Error::Request { param: "tools", message: "cannot be written as JSON" }
}

#[cfg(test)]
mod tests {
    use chatmock_protocol::json::read_text;

    use super::*;

    fn grouped(body: &str) -> (String, Option<Namespace>) {
        let mut request: Request<'_> = read_text(body).unwrap();
        let namespace = group(&mut request).unwrap();
        (serde_json::to_string(&request).unwrap(), namespace)
    }

    fn stripped(namespace: &Namespace, event: &str) -> Option<String> {
        let frame = Frame::new(Bytes::copy_from_slice(event.as_bytes()));
        namespace.strip(&frame).map(|frame| frame.text().to_owned())
    }

    #[test]
    fn functions_and_freeform_tools_go_into_one_namespace_in_their_order() {
        let (body, _) = grouped(
            r#"{"tools":[{"type":"web_search"},{"type":"function","name":"a","parameters":{"x": 1E2}},{"type":"namespace","name":"mine","tools":[]},{"type":"custom","name":"b"}],"input":[]}"#,
        );
        assert_eq!(
            body,
            r#"{"tools":[{"type":"web_search"},{"type":"namespace","name":"functions","description":"The client's tools.","tools":[{"type":"function","name":"a","parameters":{"x": 1E2}},{"type":"custom","name":"b"}]},{"type":"namespace","name":"mine","tools":[]}],"input":[]}"#
        );
    }

    #[test]
    fn a_request_without_such_tools_stays_as_it_is() {
        for body in [
            r#"{"input":[]}"#,
            r#"{"tools":[],"input":[]}"#,
            r#"{"tools":[{"type":"web_search"},7],"input":[{"type":"function_call"}]}"#,
        ] {
            let (after, namespace) = grouped(body);
            assert_eq!((after.as_str(), namespace.is_none()), (body, true));
        }
    }

    #[test]
    fn a_name_that_the_client_uses_is_left_to_it() {
        let (body, _) = grouped(
            r#"{"tools":[{"type":"namespace","name":"functions","tools":[]},{"type":"function","name":"a"}],"input":[]}"#,
        );
        assert!(body.contains(r#""name":"functions_2""#), "{body}");
    }

    #[test]
    fn earlier_calls_and_the_choice_name_the_namespace() {
        let (body, _) = grouped(
            r#"{"tools":[{"type":"function","name":"a"}],"tool_choice":{"type":"function","name":"a"},"input":[{"role":"user","content":"x"},{"type":"function_call","name":"a","call_id":"1"},{"type":"custom_tool_call","name":"b","namespace":"mine"},{"type":"function_call_output","call_id":"1"}]}"#,
        );
        assert!(
            body.contains(
                r#""tool_choice":{"type":"function","name":"a","namespace":"functions"}"#
            ),
            "{body}"
        );
        assert!(
            body.contains(
                r#"{"type":"function_call","name":"a","call_id":"1","namespace":"functions"}"#
            ),
            "{body}"
        );
        assert_eq!(body.matches(r#""namespace":"mine""#).count(), 1, "{body}");
        let (body, _) = grouped(
            r#"{"tools":[{"type":"function","name":"a"}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"a"},{"type":"web_search"}]},"input":[]}"#,
        );
        assert!(
            body.contains(
                r#"[{"type":"function","name":"a","namespace":"functions"},{"type":"web_search"}]"#
            ),
            "{body}"
        );
    }

    #[test]
    fn events_come_back_as_if_there_were_no_namespace() {
        let tools = r#"[{"type":"function","name":"a"}]"#;
        let (_, namespace) = grouped(&format!(r#"{{"tools":{tools},"input":[]}}"#));
        let namespace = namespace.unwrap();
        let call = r#""type":"function_call","name":"a""#;
        let event =
            format!(r#"{{"type":"x","item":{{{call},"namespace":"functions","status":"s"}}}}"#);
        let expected = format!(r#"{{"type":"x","item":{{{call},"status":"s"}}}}"#);
        assert_eq!(stripped(&namespace, &event).as_deref(), Some(&*expected));
        let other = event.replace("functions", "mine");
        assert_eq!(stripped(&namespace, &other).as_deref(), Some(&*other));
        let end = format!(
            r#"{{"type":"response.completed","response":{{"id":"r","tools":[{{"type":"namespace","name":"functions"}}],"output":[{{{call},"namespace":"functions"}},{{"type":"message"}}]}}}}"#
        );
        let expected = format!(
            r#"{{"type":"response.completed","response":{{"id":"r","tools":{tools},"output":[{{{call}}},{{"type":"message"}}]}}}}"#
        );
        assert!(end.contains("\"namespace\""));
        assert_eq!(stripped(&namespace, &end).as_deref(), Some(&*expected));
        assert_eq!(
            stripped(&namespace, r#"{"type":"response.output_text.delta","delta":"x"}"#),
            None
        );
    }
}
