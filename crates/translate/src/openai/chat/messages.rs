//! Messages of a chat request, lowered to instructions and input items.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chatmock_protocol::json::{self, Raw, RawString, RawValue, Text};
use chatmock_protocol::openai::chat::request::{CallFunction, Content, Message, ToolCall};
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role, ToolOutput};

use serde::Deserialize;

use super::items;
use super::parts::TextKind;
use crate::conversation::{Conversation, text_of};
use crate::failure::Failure;
use crate::field_path::FieldPath;
use crate::notice::{self, Notice, NoticeKind};
use crate::reasoning_seal::ReasoningSeal;
use crate::tool_names;
use crate::tools::arguments;

/// The path of the messages.
const MESSAGES: FieldPath<'_> = FieldPath::Top("messages");

/// The reason why a member of a call in the history has no effect.
const NOT_OF_CALL: &str = "not a member of a tool call";

/// The lowering of a conversation, with the state that only this API's messages need.
#[derive(Debug, Default)]
pub(in crate::openai) struct Lowering<'b> {
    /// The lowered messages.
    pub(in crate::openai) conversation: Conversation<'b>,
    /// Calls in the old form that no result has answered yet: name and made id.
    legacy: Vec<(Cow<'b, str>, String)>,
    /// Ids of calls of freeform tools.
    custom: BTreeSet<String>,
    /// True while a message is lowered that the person cannot take back: it was answered already, or
    /// a tool gave it.
    pub(in crate::openai) past: bool,
    /// Opens the reasoning that replies handed out.
    seal: ReasoningSeal,
}

/// An element of `reasoning_details`; one of another shape, or whose seal has escapes, holds nothing of ours.
#[derive(Default, Deserialize)]
struct ReasoningDetail<'b> {
    #[serde(borrow, default)]
    data: Option<&'b str>,
}

/// Lowers a conversation; `json_mode` keeps system text that says "json" in the input.
///
/// # Errors
/// When a message cannot be meant; the failure names its path.
pub(super) fn lower<'b>(
    messages: Vec<Message<'b>>,
    json_mode: bool,
    seal: &ReasoningSeal,
) -> Result<Conversation<'b>, Failure> {
    let conversation = Conversation::new(json_mode);
    let mut lowering = Lowering { conversation, seal: seal.clone(), ..Lowering::default() };
    let past = messages.iter().rposition(items::is_answer);
    for (index, message) in messages.into_iter().enumerate() {
        lowering.past = past.is_some_and(|past| index <= past);
        lowering.message(message, MESSAGES.item(index))?;
    }
    Ok(lowering.conversation)
}

pub(in crate::openai) fn unknown_role(role: &str, path: FieldPath<'_>) -> Failure {
    let known = "system, developer, user, assistant, tool, function";
    Failure::param(
        format!("{path}.role"),
        format!("unknown role {role:?}; expected one of {known}"),
    )
}

impl<'b> Lowering<'b> {
    /// Lowers one message, in its place after those before it.
    ///
    /// # Errors
    /// When it cannot be meant; the failure names its path.
    pub(in crate::openai) fn message(
        &mut self,
        message: Message<'b>,
        path: FieldPath<'_>,
    ) -> Result<(), Failure> {
        let Some(role) = message.role.clone() else {
            return self.item(message, path);
        };
        self.unknown(path, &message);
        match &*role {
            "system" | "developer" => self.system(message, path),
            "user" => self.user(message, path),
            "assistant" => self.assistant(message, path),
            "tool" => self.tool(message, path),
            "function" => self.function(message, path),
            other => Err(unknown_role(other, path)),
        }
    }

    fn unknown(&mut self, path: FieldPath<'_>, message: &Message<'_>) {
        notice::unknown(
            &mut self.conversation.notices,
            &path,
            &message.unknown,
            "not a member of a message",
        );
        self.members_of_items(path, message);
        if message.name.is_some() && message.role.as_deref() != Some("function") {
            self.ignored(format!("{path}.name"), "the backend takes no speaker's name");
        }
    }

    pub(in crate::openai) fn ignored(&mut self, field: String, why: &'static str) {
        self.conversation.notices.push(Notice::ignored(field, why));
    }

    fn system(&mut self, message: Message<'b>, path: FieldPath<'_>) -> Result<(), Failure> {
        let parts = self.parts(required(message.content, path)?, path, TextKind::Input)?;
        self.conversation.system(parts);
        Ok(())
    }

    fn user(&mut self, message: Message<'b>, path: FieldPath<'_>) -> Result<(), Failure> {
        let content = self.parts(required(message.content, path)?, path, TextKind::Input)?;
        if content.is_empty() {
            return Err(Failure::param(
                format!("{path}.content"),
                "the message has no content that the backend takes",
            ));
        }
        self.conversation.push(InputItem::Message { role: Role::User, content });
        Ok(())
    }

    /// Reasoning first, where it can be sent back, then text, then calls.
    fn assistant(&mut self, message: Message<'b>, path: FieldPath<'_>) -> Result<(), Failure> {
        let remembered = self.reasoning(message.reasoning_details);
        self.assistant_notices(&message, remembered, path);
        let mut content = match message.content {
            Some(content) => self.parts(content, path, TextKind::Output)?,
            None => Vec::new(),
        };
        content.retain(|part| !text_of(part).is_some_and(RawString::is_empty));
        if let Some(Text(refusal)) = message.refusal.filter(|text| !text.is_empty()) {
            content.push(ContentPart::Refusal { refusal });
        }
        if !content.is_empty() {
            self.conversation.push(InputItem::Message { role: Role::Assistant, content });
        }
        let calls = path.member("tool_calls");
        for (index, call) in message.tool_calls.into_iter().flatten().enumerate() {
            self.call(call, calls.item(index))?;
        }
        match message.function_call {
            Some(call) => self.legacy_call(*call, path.member("function_call")),
            None => Ok(()),
        }
    }

    /// Sends back the reasoning that replies handed out to this account, and returns whether there was some. What other
    /// services put there is of no use to the backend, and no fault of the client.
    fn reasoning(&mut self, details: Option<Raw<'b>>) -> bool {
        let before = self.conversation.items.len();
        for detail in details.map(Raw::text).into_iter().flat_map(json::items) {
            let detail = serde_json::from_str::<ReasoningDetail<'b>>(detail).unwrap_or_default();
            if let Some(item) = detail.data.and_then(|data| self.seal.open(data)) {
                self.conversation.push(item);
            }
        }
        self.conversation.items.len() > before
    }

    fn assistant_notices(&mut self, message: &Message<'_>, remembered: bool, path: FieldPath<'_>) {
        // Beside the reasoning itself, its text says nothing that would be lost.
        let reasoning = !remembered
            && (message.reasoning_content.is_some()
                || message.reasoning.is_some()
                || message.reasoning_summary.is_some());
        let changed = [
            ("reasoning", reasoning, "reasoning is not sent back as text"),
            ("annotations", message.annotations.is_some(), "citations are not sent back"),
            ("images", message.images.is_some(), "generated images are not sent back"),
        ];
        for (name, present, why) in changed {
            if present {
                let field = format!("{path}.{name}");
                self.conversation.notices.push(Notice::new(field, NoticeKind::Changed, why));
            }
        }
        if message.audio.is_some() {
            self.ignored(format!("{path}.audio"), "the backend takes no audio");
        }
    }

    /// Lowers a call.
    ///
    /// # Errors
    /// When it names no tool.
    pub(in crate::openai) fn call(
        &mut self,
        call: ToolCall<'b>,
        path: FieldPath<'_>,
    ) -> Result<(), Failure> {
        let made = || {
            let path = path.to_string();
            Text(format!("call_{}", path.replace(|c: char| !c.is_alphanumeric(), "_")).into())
        };
        let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(made);
        let call_id = tool_names::call_id(id.0, &mut self.conversation.shortened);
        notice::unknown(&mut self.conversation.notices, &path, &call.unknown, NOT_OF_CALL);
        if let Some(custom) = call.custom {
            let path = path.member("custom");
            notice::unknown(&mut self.conversation.notices, &path, &custom.unknown, NOT_OF_CALL);
            let name = self.tool_name(custom.name, path.member("name"))?;
            let input = custom.input.unwrap_or_default();
            self.custom.insert(call_id.clone().into_owned());
            self.conversation.push(InputItem::CustomToolCall { call_id, name, input });
            return Ok(());
        }
        let Some(function) = call.function else {
            return Err(Failure::param(format!("{path}.function"), "a tool call needs a function"));
        };
        let path = path.member("function");
        notice::unknown(&mut self.conversation.notices, &path, &function.unknown, NOT_OF_CALL);
        let name = self.tool_name(function.name, path.member("name"))?;
        let arguments = arguments(function.arguments);
        self.conversation.push(InputItem::FunctionCall { call_id, name, arguments });
        Ok(())
    }

    fn legacy_call(&mut self, call: CallFunction<'b>, path: FieldPath<'_>) -> Result<(), Failure> {
        notice::unknown(&mut self.conversation.notices, &path, &call.unknown, NOT_OF_CALL);
        let id = format!("call_{}", self.conversation.items.len());
        let original = call.name.clone().unwrap_or_default().0;
        let name = self.tool_name(call.name, path.member("name"))?;
        self.legacy.push((original, id.clone()));
        let arguments = arguments(call.arguments);
        self.conversation.push(InputItem::FunctionCall { call_id: id.into(), name, arguments });
        Ok(())
    }

    fn tool_name(
        &mut self,
        name: Option<Text<'b>>,
        path: FieldPath<'_>,
    ) -> Result<Cow<'b, str>, Failure> {
        match name.filter(|name| !name.is_empty()) {
            Some(Text(name)) => Ok(tool_names::tool_name(name, &mut self.conversation.shortened)),
            None => Err(Failure::param(path, "a tool call needs a name")),
        }
    }

    pub(super) fn tool(
        &mut self,
        message: Message<'b>,
        path: FieldPath<'_>,
    ) -> Result<(), Failure> {
        let Some(Text(id)) = message.tool_call_id.filter(|id| !id.is_empty()) else {
            let path = format!("{path}.tool_call_id");
            return Err(Failure::param(path, "a tool message needs the id of the call it answers"));
        };
        let call_id = tool_names::call_id(id, &mut self.conversation.shortened);
        let output = self.output(required(message.content, path)?, path)?;
        self.conversation.push(if self.custom.contains(&*call_id) {
            InputItem::CustomToolCallOutput { call_id, output }
        } else {
            InputItem::FunctionCallOutput { call_id, output }
        });
        Ok(())
    }

    /// A result in the old form answers the latest open call of its name.
    fn function(&mut self, message: Message<'b>, path: FieldPath<'_>) -> Result<(), Failure> {
        let Some(name) = message.name else {
            return Err(Failure::param(format!("{path}.name"), "a function message needs a name"));
        };
        let output = self.output(required(message.content, path)?, path)?;
        let open = self.legacy.iter().rposition(|(called, _)| *called == name.0);
        let call_id = match open {
            Some(at) => Cow::Owned(self.legacy.remove(at).1),
            None => name.0,
        };
        self.conversation.push(InputItem::FunctionCallOutput { call_id, output });
        Ok(())
    }

    fn output(
        &mut self,
        content: Content<'b>,
        path: FieldPath<'_>,
    ) -> Result<ToolOutput<'b>, Failure> {
        match content {
            Content::Text(text) => Ok(ToolOutput::Text(text)),
            list => Ok(ToolOutput::Parts(self.parts(list, path, TextKind::Input)?)),
        }
    }
}

fn required<'b>(content: Option<Content<'b>>, path: FieldPath<'_>) -> Result<Content<'b>, Failure> {
    match content {
        Some(Content::Parts(list)) if is_empty(list) => None,
        content => content,
    }
    .ok_or_else(|| Failure::param(format!("{path}.content"), "the message has no content"))
}

fn is_empty(list: &RawValue) -> bool {
    list.get().strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(']'))
}
