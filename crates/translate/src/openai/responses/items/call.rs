//! Calls of tools, and their results.

use chatmock_protocol::json::RawObject;

use super::{Items, known};
use crate::failure::Failure;
use crate::field_path::FieldPath;
use crate::openai::chat::parts::TextKind;

impl<'b> Items<'b> {
    /// A call, with an id, a name and a text.
    pub(super) fn call(
        &mut self,
        mut members: RawObject<'b>,
        path: FieldPath<'_>,
    ) -> Result<(), Failure> {
        let custom = members.text("type").as_deref() == Some("custom_tool_call");
        complete_id(&mut members, path)?;
        if members.text("name").is_none_or(|name| name.is_empty()) {
            return Err(Failure::param(format!("{path}.name"), "a tool call needs a name"));
        }
        if !members.contains("type") {
            members.set("type", "function_call")?;
        }
        let (name, empty) = if custom { ("input", "") } else { ("arguments", "{}") };
        let text = known::as_text(members.get(name), empty).map(|text| text.into_owned());
        if let Some(text) = text {
            members.set(name, &text)?;
        }
        self.lowering.retain(&mut members, known::CALL, path);
        self.add_members(&members)
    }

    /// A result, with the id of its call: a text, or parts.
    pub(super) fn result(
        &mut self,
        mut members: RawObject<'b>,
        path: FieldPath<'_>,
    ) -> Result<(), Failure> {
        complete_id(&mut members, path)?;
        if !members.contains("type") {
            members.set("type", "function_call_output")?;
        }
        match members.as_read("output") {
            Some(list) if list.get().starts_with('[') => {
                let parts = self.parts(list, TextKind::Input, path.member("output"))?;
                if let Some(parts) = parts {
                    members.set("output", &parts)?;
                }
            }
            other => {
                if let Some(text) = known::as_text(other, "") {
                    let text = text.into_owned();
                    members.set("output", &text)?;
                }
            }
        }
        self.lowering.retain(&mut members, known::RESULT, path);
        self.add_members(&members)
    }
}

/// Gives a call or a result the id that joins them, where it stands under another name.
fn complete_id(members: &mut RawObject<'_>, path: FieldPath<'_>) -> Result<(), Failure> {
    if members.text("call_id").is_some_and(|id| !id.is_empty()) {
        return Ok(());
    }
    let other = ["tool_call_id", "id"].into_iter().find_map(|name| {
        let id = members.text(name).filter(|id| !id.is_empty());
        id.map(|id| (name, id.into_owned()))
    });
    let Some((name, id)) = other else {
        let path = format!("{path}.call_id");
        return Err(Failure::param(path, "a call and its result need a call_id"));
    };
    members.remove(name);
    members.set("call_id", &id)?;
    Ok(())
}
