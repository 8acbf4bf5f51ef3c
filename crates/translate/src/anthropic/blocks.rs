//! Blocks of messages, lowered to parts of an item or to items of their own.

use std::borrow::Cow;

use chatmock_protocol::anthropic::request::{Block, Content};
use chatmock_protocol::json::{Raw, RawObject, RawString, Text, read_text};
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role, SearchAction, ToolOutput};

use super::lowering::{self, Lowering};
use super::reply::SEARCH_ID;
use super::request::word;
use crate::failure::Failure;
use crate::field_path::FieldPath;
use crate::notice::{self, Notice, NoticeKind};
use crate::tool_names;

/// The first line of the output of a tool that failed: the backend has no member that says so.
const TOOL_ERROR: &str = "[tool error]\n";

/// The place of a block.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    /// The author of its message.
    pub(super) role: Role,
    pub(super) path: FieldPath<'p>,
}

impl<'b> Lowering<'b, '_> {
    /// Lowers a block. What another service has left in the conversation is left out.
    ///
    /// # Errors
    /// When it cannot be meant; the failure names its path.
    pub(super) fn block(&mut self, block: Block<'b>, place: Place<'_>) -> Result<(), Failure> {
        let why = "not a member of a content block";
        let notices = &mut self.lowered.conversation.notices;
        notice::unknown(notices, &place.path, &block.unknown, why);
        match word(block.kind.as_ref()) {
            "tool_use" => self.tool_use(block, place),
            "tool_result" => self.tool_result(block, place),
            "thinking" => {
                self.reasoning(block.signature.as_ref(), place.role);
                Ok(())
            }
            "redacted_thinking" => {
                self.reasoning(block.data.as_ref(), place.role);
                Ok(())
            }
            "server_tool_use" if word(block.name.as_ref()) == "web_search" => {
                self.search(&block, place.role);
                Ok(())
            }
            // What it found is in the text that follows.
            "web_search_tool_result" => Ok(()),
            "compaction" => self.compaction(block, place),
            "tool_search_tool_result" => {
                self.found(block.content.as_ref());
                Ok(())
            }
            "tool_addition" | "tool_removal" => {
                self.changed(block);
                Ok(())
            }
            _ => {
                let parts = self.part(block, place)?;
                self.run.extend(parts);
                Ok(())
            }
        }
    }

    /// A call; its arguments keep the order in which they came.
    fn tool_use(&mut self, block: Block<'b>, place: Place<'_>) -> Result<(), Failure> {
        let Some(Text(name)) = block.name.filter(|name| !name.is_empty()) else {
            let path = format!("{}.name", place.path);
            return Err(Failure::param(path, "a tool_use block needs a name"));
        };
        self.end_run(place.role);
        let made = || {
            let path = place.path.to_string();
            Text(format!("call_{}", path.replace(|c: char| !c.is_alphanumeric(), "_")).into())
        };
        let id = block.id.filter(|id| !id.is_empty()).unwrap_or_else(made);
        let shortened = &mut self.lowered.conversation.shortened;
        let call_id = tool_names::call_id(id.0, shortened);
        let name = tool_names::tool_name(name, shortened);
        let arguments = block.input.map_or_else(|| "{}".into(), arguments);
        self.lowered.conversation.push(InputItem::FunctionCall { call_id, name, arguments });
        Ok(())
    }

    fn tool_result(&mut self, block: Block<'b>, place: Place<'_>) -> Result<(), Failure> {
        let Some(Text(id)) = block.tool_use_id.filter(|id| !id.is_empty()) else {
            let path = format!("{}.tool_use_id", place.path);
            return Err(Failure::param(path, "a tool_result block needs the id of its call"));
        };
        self.end_run(place.role);
        let call_id = tool_names::call_id(id, &mut self.lowered.conversation.shortened);
        let mut output = match block.content {
            None => ToolOutput::Text(RawString::default()),
            Some(Content::Text(text)) => ToolOutput::Text(text),
            Some(content) => self.output(content, place)?,
        };
        if block.is_error == Some(true) {
            output = failed(output);
        }
        self.lowered.conversation.push(InputItem::FunctionCallOutput { call_id, output });
        Ok(())
    }

    /// The output of a tool; one of nothing but text is one text.
    fn output(
        &mut self,
        content: Content<'b>,
        place: Place<'_>,
    ) -> Result<ToolOutput<'b>, Failure> {
        let path = place.path.member("content");
        let mut parts = Vec::new();
        // No person can mend what a tool gave.
        let past = std::mem::replace(&mut self.past, true);
        for (index, block) in lowering::blocks(content, path)?.into_iter().enumerate() {
            parts.extend(self.part(block, Place { role: Role::User, path: path.item(index) })?);
        }
        self.past = past;
        let texts: Option<Vec<_>> = parts.iter().map(crate::conversation::text_of).collect();
        Ok(match texts.as_deref() {
            Some([]) => ToolOutput::Text(RawString::default()),
            None | Some([_]) => parts.into(),
            Some(texts) => {
                ToolOutput::Text(texts.iter().map(|text| text.text()).collect::<String>().into())
            }
        })
    }

    /// Reasoning that this program handed out; what others did is of no use here.
    fn reasoning(&mut self, sealed: Option<&Text<'b>>, role: Role) {
        self.end_run(role);
        let reasoning = match sealed {
            Some(Text(Cow::Borrowed(sealed))) => self.seal.open(sealed),
            // A seal has no escapes.
            _ => None,
        };
        if let Some(item) = reasoning.filter(|_| role == Role::Assistant) {
            self.lowered.conversation.push(item);
        }
    }

    /// A search that the backend made; another service's is of no use here.
    fn search(&mut self, block: &Block<'b>, role: Role) {
        self.end_run(role);
        let Some(id) = block.id.as_deref().and_then(|id| id.strip_prefix(SEARCH_ID)) else {
            return;
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !id.starts_with("ws_") || id.len() > 64 || !id.bytes().all(is_plain) {
            return;
        }
        let input: Option<RawObject<'b>> =
            block.input.and_then(|input| read_text(input.text()).ok());
        let query = input.as_ref().and_then(|input| input.text("query")).unwrap_or_default();
        let action = SearchAction { kind: "search", query: query.into_owned().into() };
        let (id, status) = (id.to_owned().into(), "completed");
        self.lowered.conversation.push(InputItem::WebSearchCall { id, status, action });
    }

    /// The summary of what the client has cut off.
    fn compaction(&mut self, block: Block<'b>, place: Place<'_>) -> Result<(), Failure> {
        self.end_run(place.role);
        if let Some(content) = block.content {
            let path = place.path.member("content");
            for (index, block) in lowering::blocks(content, path)?.into_iter().enumerate() {
                let place = Place { role: Role::User, path: path.item(index) };
                let parts = self.part(block, place)?;
                self.run.extend(parts);
            }
            self.end_run(Role::User);
        }
        Ok(())
    }

    /// Tools that a search of the service has found.
    fn found(&mut self, content: Option<&Content<'b>>) {
        #[derive(serde::Deserialize)]
        struct Found<'b> {
            #[serde(borrow, default)]
            tool_references: Vec<Reference<'b>>,
        }
        #[derive(serde::Deserialize)]
        struct Reference<'b> {
            #[serde(borrow)]
            tool_name: Text<'b>,
        }
        let Some(Content::Other(found)) = content else { return };
        let Ok(found) = serde_json::from_str::<Found<'b>>(found.get()) else { return };
        for reference in found.tool_references {
            self.offer(reference.tool_name.0);
        }
    }

    /// A tool that is on offer, or no longer, from here on.
    fn changed(&mut self, block: Block<'b>) {
        let Some(Text(name)) = block.tool.and_then(|tool| tool.name.or(tool.tool_name)) else {
            return;
        };
        match word(block.kind.as_ref()) {
            "tool_addition" => self.offer(name),
            _ => self.lowered.offered.retain(|offered| *offered != name),
        }
    }

    /// Notes a tool that is offered from here on.
    pub(super) fn offer(&mut self, name: Cow<'b, str>) {
        if !self.lowered.offered.contains(&name) {
            self.lowered.offered.push(name);
        }
    }

    /// Reports a kind of blocks, once.
    pub(super) fn left_out(&mut self, kind: &str, place: Place<'_>) {
        if !self.reported.iter().any(|reported| reported == kind) {
            self.reported.push(kind.to_owned());
            let shown: String = kind.chars().take(64).collect();
            let why = format!("blocks of the kind {shown:?} are left out");
            let field = place.path.to_string();
            let notice = Notice::new(field, NoticeKind::Ignored, why);
            self.lowered.conversation.notices.push(notice);
        }
    }
}

/// The arguments of a call: its object as it was written; what is none becomes a member of one.
fn arguments(input: Raw<'_>) -> RawString<'_> {
    match input.is_object() {
        true => input.text().into(),
        false => format!("{{\"input\":{}}}", input.text()).into(),
    }
}

fn failed(output: ToolOutput<'_>) -> ToolOutput<'_> {
    match output {
        ToolOutput::Text(text) => ToolOutput::Text(RawString::concat(&[TOOL_ERROR, &text.text()])),
        ToolOutput::Parts(mut parts) => {
            parts.insert(0, ContentPart::InputText { text: TOOL_ERROR.into() });
            ToolOutput::Parts(parts)
        }
    }
}
