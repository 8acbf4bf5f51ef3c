//! Tools inside a namespace: grouped on the way out, as the client offered them on the way back.

use std::borrow::Cow;

use bytes::Bytes;
use chatmock_protocol::json::{RawObject, RawValue, raw};
use chatmock_protocol::responses::Request;
use chatmock_protocol::sse::Frame;
use serde::Serialize;

use crate::error::Error;
use crate::item_type::ItemType;

/// What the namespace is called, unless the client has one of that name.
const NAME: &str = "functions";

/// Kinds of tools that stand in a namespace.
const GROUPED: [&str; 2] = ["function", "custom"];

/// Kinds of items that call such a tool.
const CALLS: [&str; 2] = ["function_call", "custom_tool_call"];

/// The client's functions and freeform tools in a namespace of ours.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    name: String,
    /// What the client offered and chose, as a response repeats it.
    offered: Vec<(&'static str, Box<RawValue>)>,
}

#[derive(Serialize)]
struct Tool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    description: &'static str,
    tools: &'a [&'a RawValue],
}

/// Puts functions and freeform tools that stand alone into a namespace; `None` where there are none.
///
/// # Errors
/// [`Error::Request`] when `tools` is no list.
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
    let namespace = Tool { kind: "namespace", name: &name, description, tools: &inside };
    let namespace = written(&namespace)?;
    let mut outside: Vec<&RawValue> =
        both().filter(|(_, kind)| !grouped(kind)).map(|(tool, _)| *tool).collect();
    // Whatever stands before the first of them stays before it.
    outside.insert(first.min(outside.len()), &namespace);
    let tools = written(&outside)?;
    let echoed = ["tools", "tool_choice"];
    let echoed =
        echoed.into_iter().filter_map(|name| Some((name, request.present(name)?.to_owned())));
    let namespace = Namespace { name, offered: echoed.collect() };
    request.put("tools", Cow::Owned(tools));
    namespace.name_calls(request)?;
    namespace.name_choice(request)?;
    Ok(Some(namespace))
}

/// The usual name, or the next one that is no namespace of the client's.
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
    /// Names the namespace in the calls of earlier turns that name none.
    fn name_calls(&self, request: &mut Request<'_>) -> Result<(), Error> {
        let Some(input) = request.present("input") else { return Ok(()) };
        let items: Vec<&RawValue> = serde_json::from_str(input.get())
            .map_err(|_| Error::Request { param: "input", message: "must be a list of items" })?;
        let mut named = Vec::with_capacity(items.len());
        for item in items {
            let called = ItemType::of(item).is_some_and(|kind| kind.is(&CALLS));
            named.push(if called { self.named(item)? } else { Cow::Borrowed(item) });
        }
        let input = written(&named)?;
        request.put("input", Cow::Owned(input));
        Ok(())
    }

    /// Names the namespace in a choice of one tool, or of some.
    fn name_choice(&self, request: &mut Request<'_>) -> Result<(), Error> {
        let Some(choice) = request.present("tool_choice") else { return Ok(()) };
        let Some(kind) = ItemType::of(choice) else { return Ok(()) };
        let choice = if kind.is(&GROUPED) {
            self.named(choice)?.into_owned()
        } else if kind.is(&["allowed_tools"]) {
            self.within(choice, "tools", &GROUPED)?
        } else {
            return Ok(());
        };
        request.put("tool_choice", Cow::Owned(choice));
        Ok(())
    }

    /// The object with the namespace's name, unless it names one.
    fn named<'v>(&self, value: &'v RawValue) -> Result<Cow<'v, RawValue>, Error> {
        let Ok(mut members) = serde_json::from_str::<RawObject<'_>>(value.get()) else {
            return Ok(Cow::Borrowed(value));
        };
        if members.present("namespace").is_some() {
            return Ok(Cow::Borrowed(value));
        }
        members.set("namespace", &self.name).map_err(|_| unwritable())?;
        Ok(Cow::Owned(written(&members)?))
    }

    /// The object with the namespace's name in those of a list in it that are of one of the kinds.
    fn within(
        &self,
        value: &RawValue,
        list: &'static str,
        kinds: &[&str],
    ) -> Result<Box<RawValue>, Error> {
        let wrong = |_| Error::Request { param: "tool_choice", message: "cannot be read" };
        let mut members: RawObject<'_> = serde_json::from_str(value.get()).map_err(wrong)?;
        let entries = members.present(list).map_or("[]", RawValue::get);
        let entries: Vec<Box<RawValue>> = serde_json::from_str(entries).map_err(wrong)?;
        let mut named = Vec::with_capacity(entries.len());
        for entry in &entries {
            let ours = ItemType::of(entry).is_some_and(|kind| kind.is(kinds));
            named.push(if ours { self.named(entry)? } else { Cow::Borrowed(&**entry) });
        }
        members.set(list, &named).map_err(|_| unwritable())?;
        written(&members)
    }

    /// An event as if the tools had been offered without the namespace; `None` where nothing in it
    /// speaks of that.
    pub(crate) fn leave(&self, frame: &Frame) -> Option<Frame> {
        if !frame.text().contains("\"namespace\"") {
            return None;
        }
        let mut event: RawObject<'_> = serde_json::from_str(frame.text()).ok()?;
        self.unname(&mut event);
        if let Some(item) = event.get("item").and_then(|item| self.without(item)) {
            event.put("item", Cow::Owned(item));
        }
        if let Some(response) = event.get("response").and_then(|response| self.response(response)) {
            event.put("response", Cow::Owned(response));
        }
        Some(Frame::new(Bytes::from(serde_json::to_vec(&event).ok()?)))
    }

    fn response(&self, response: &RawValue) -> Option<Box<RawValue>> {
        let mut response: RawObject<'_> = serde_json::from_str(response.get()).ok()?;
        for (name, offered) in &self.offered {
            if response.present(name).is_some() {
                response.put(*name, Cow::Owned(offered.clone()));
            }
        }
        let output = response.get("output").and_then(|output| {
            let items: Vec<&RawValue> = serde_json::from_str(output.get()).ok()?;
            let item = |item| self.without(item).map_or(Cow::Borrowed(item), Cow::Owned);
            raw(&items.into_iter().map(item).collect::<Vec<_>>()).ok()
        });
        if let Some(output) = output {
            response.put("output", Cow::Owned(output));
        }
        raw(&response).ok()
    }

    /// An item that does not name the namespace any more; `None` where it did not.
    fn without(&self, item: &RawValue) -> Option<Box<RawValue>> {
        let mut members: RawObject<'_> = serde_json::from_str(item.get()).ok()?;
        self.unname(&mut members).then(|| raw(&members).ok())?
    }

    fn unname(&self, members: &mut RawObject<'_>) -> bool {
        let ours = members.text("namespace").as_deref() == Some(&self.name);
        ours && members.remove("namespace").is_some()
    }
}

fn written<T: Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>, Error> {
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

    fn left(namespace: &Namespace, event: &str) -> Option<String> {
        let frame = Frame::new(Bytes::copy_from_slice(event.as_bytes()));
        namespace.leave(&frame).map(|frame| frame.text().to_owned())
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
        assert_eq!(left(&namespace, &event).as_deref(), Some(&*expected));
        let other = event.replace("functions", "mine");
        assert_eq!(left(&namespace, &other).as_deref(), Some(&*other));
        let end = format!(
            r#"{{"type":"response.completed","response":{{"id":"r","tools":[{{"type":"namespace","name":"functions"}}],"output":[{{{call},"namespace":"functions"}},{{"type":"message"}}]}}}}"#
        );
        let expected = format!(
            r#"{{"type":"response.completed","response":{{"id":"r","tools":{tools},"output":[{{{call}}},{{"type":"message"}}]}}}}"#
        );
        assert!(end.contains("\"namespace\""));
        assert_eq!(left(&namespace, &end).as_deref(), Some(&*expected));
        assert_eq!(left(&namespace, r#"{"type":"response.output_text.delta","delta":"x"}"#), None);
    }
}
