//! Items of the Responses API that stand among the messages of a chat request.
//!
//! Agents that speak both APIs keep one history and send it to either. A call or a result says the same in both
//! shapes, so it is read in the other one, too.

use chatmock_protocol::openai::chat::request::{CallCustom, CallFunction, Message, ToolCall};

use super::messages::Lowering;
use crate::failure::Failure;
use crate::field_path::FieldPath;

/// The types of items that are results of tools.
const RESULTS: [&str; 2] = ["function_call_output", "custom_tool_call_output"];

/// Returns whether a message, or what stands in its place, is of the model or of a tool.
pub(super) fn is_answer(message: &Message<'_>) -> bool {
    match (message.role.as_deref(), message.kind.as_deref()) {
        (Some(role), _) => matches!(role, "assistant" | "tool" | "function"),
        (None, kind) => kind.is_some(),
    }
}

impl<'b> Lowering<'b> {
    /// Lowers an item without a role.
    ///
    /// # Errors
    /// When it is neither a call, nor a result, nor reasoning; the failure names its path.
    pub(super) fn item(
        &mut self,
        message: Message<'b>,
        path: FieldPath<'_>,
    ) -> Result<(), Failure> {
        match message.kind.as_deref() {
            Some("function_call" | "custom_tool_call") => self.call(call(message), path),
            Some(kind) if RESULTS.contains(&kind) => self.tool(result(message), path),
            Some("reasoning") => {
                self.ignored(path.to_string(), "reasoning goes back in reasoning_details here");
                Ok(())
            }
            _ => Err(Failure::param(format!("{path}.role"), "a message needs a role")),
        }
    }

    /// Names the members of items that a message with a role has.
    pub(super) fn members_of_items(&mut self, path: FieldPath<'_>, message: &Message<'_>) {
        let present = [
            ("type", message.kind.as_deref().is_some_and(|kind| kind != "message")),
            ("call_id", message.call_id.is_some()),
            ("arguments", message.arguments.is_some()),
            ("input", message.input.is_some()),
            ("output", message.output.is_some()),
        ];
        for (name, _) in present.into_iter().filter(|(_, present)| *present) {
            self.ignored(format!("{path}.{name}"), "not a member of a message");
        }
    }
}

/// A call, in the shape of chat completions.
fn call(item: Message<'_>) -> ToolCall<'_> {
    let (name, input, arguments) = (item.name, item.input, item.arguments);
    let custom = item.kind.as_deref() == Some("custom_tool_call");
    ToolCall {
        id: item.call_id,
        function: (!custom).then(|| CallFunction {
            name: name.clone(),
            arguments,
            ..<_>::default()
        }),
        custom: custom.then_some(CallCustom { name, input, ..<_>::default() }),
        ..ToolCall::default()
    }
}

/// A result, in the shape of chat completions.
fn result(item: Message<'_>) -> Message<'_> {
    Message {
        tool_call_id: item.tool_call_id.or(item.call_id),
        content: item.content.or(item.output),
        ..Message::default()
    }
}
