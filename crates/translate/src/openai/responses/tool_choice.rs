//! The choice among the tools, in the shape of this API.

use std::borrow::Cow;

use chatmock_protocol::json::{RawObject, RawValue, read_text};
use chatmock_protocol::openai::chat::request::ToolChoice as ChatChoice;
use chatmock_protocol::responses::Request;
use chatmock_protocol::responses::tool::{AllowedTools, NamedTool, ToolChoice};

use super::tools::Offer;
use crate::draft::Draft;
use crate::failure::Failure;
use crate::notice;
use crate::tool_names;

/// The member, and the one that it has in the old form of chat completions.
const MEMBERS: [&str; 2] = ["tool_choice", "function_call"];

/// Brings the choice into the shape of this API.
///
/// # Errors
/// When it cannot be meant, or names a tool that is not offered.
pub(super) fn choice<'b>(
    request: &mut Request<'b>,
    offer: &Offer,
    draft: &mut Draft<'b>,
) -> Result<(), Failure> {
    let given = MEMBERS.into_iter().find_map(|name| {
        let value = request.as_read(name).filter(|value| value.get() != "null");
        value.map(|value| (name, value))
    });
    let Some((path, value)) = given else { return Ok(()) };
    // What a response that is continued, or an item, offers is not known here.
    let elsewhere = draft.storage.previous_response_id.is_some()
        || request.get("input").is_some_and(|input| input.get().contains("\"additional_tools\""));
    let known = (!elsewhere).then_some(offer);
    let chosen = match word(value) {
        Some(word) => Some(ToolChoice::Mode(mode(&word, path)?)),
        None => object(value, path, known, draft)?,
    };
    request.remove("function_call");
    match chosen {
        Some(chosen) => request.set("tool_choice", &chosen)?,
        None => request.put("tool_choice", Cow::Borrowed(value)),
    }
    Ok(())
}

/// A word, or the type of an object that says nothing else.
fn word(value: &RawValue) -> Option<String> {
    if let Ok(word) = serde_json::from_str::<String>(value.get()) {
        return Some(word);
    }
    let members: RawObject<'_> = serde_json::from_str(value.get()).ok()?;
    let kind = members.text("type")?;
    matches!(&*kind, "auto" | "none" | "required" | "any").then(|| kind.into_owned())
}

fn mode(word: &str, path: &str) -> Result<&'static str, Failure> {
    match word {
        "auto" => Ok("auto"),
        "none" => Ok("none"),
        "required" | "any" => Ok("required"),
        other => {
            let message = format!("unknown choice {other:?}; expected auto, none or required");
            Err(Failure::param(path, message))
        }
    }
}

/// A choice of one or some tools; `None` for one that goes as it is.
fn object<'b>(
    value: &'b RawValue,
    path: &str,
    offer: Option<&Offer>,
    draft: &mut Draft<'b>,
) -> Result<Option<ToolChoice<'b>>, Failure> {
    let choice: ChatChoice<'b> =
        read_text(value.get()).map_err(|fault| Failure::within(path, fault))?;
    match choice.kind.as_deref() {
        Some("allowed_tools") => {
            let nested = choice.allowed_tools.is_some();
            let inner = choice.allowed_tools.unwrap_or_default();
            let mode = inner.mode.or(choice.mode).map_or(Cow::Borrowed("auto"), |text| text.0);
            let mut tools = Vec::new();
            for tool in inner.tools.or(choice.tools).unwrap_or_default() {
                match named(tool, path, offer, draft)? {
                    Some(tool) => tools.push(tool),
                    // A hosted tool among them has no name to be changed.
                    None if nested => {}
                    None => return Ok(None),
                }
            }
            Ok(Some(ToolChoice::Allowed(AllowedTools { kind: "allowed_tools", mode, tools })))
        }
        _ => Ok(named(choice, path, offer, draft)?.map(ToolChoice::Named)),
    }
}

/// A tool by its name; `None` for a hosted one.
fn named<'b>(
    choice: ChatChoice<'b>,
    path: &str,
    offer: Option<&Offer>,
    draft: &mut Draft<'b>,
) -> Result<Option<NamedTool<'b>>, Failure> {
    let custom = match choice.kind.as_deref() {
        None | Some("function" | "tool") => false,
        Some("custom") => true,
        Some(_) => return Ok(None),
    };
    notice::unknown(&mut draft.notices, path, &choice.unknown, "not a member of a choice");
    let inner = choice.function.or(choice.custom);
    let name = inner.and_then(|inner| inner.name).or(choice.name);
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Err(Failure::param(path, "expected auto, none, required or a tool by name"));
    };
    if offer.is_some_and(|offer| !offer.names.is_empty() && !offer.names.contains(&*name)) {
        return Err(Failure::param(
            path,
            format!("no tool named {name:?} is offered", name = &*name),
        ));
    }
    let name = tool_names::tool_name(name.0, &mut draft.shortened);
    Ok(Some(if custom { NamedTool::Custom { name } } else { NamedTool::Function { name } }))
}
