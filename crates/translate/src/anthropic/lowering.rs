//! Messages of a request, lowered to instructions and input items.

use std::borrow::Cow;

use chatmock_protocol::anthropic::request::{Block, Content, Message, Request};
use chatmock_protocol::json::{RawString, RawValue, Text, read_text};
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role};
use serde::Deserialize;

use super::blocks::Place;
use super::request::{prefill, word};
use crate::conversation::Conversation;
use crate::failure::Failure;
use crate::field_path::FieldPath;
use crate::notice::{self, Notice};
use crate::reasoning_seal::ReasoningSeal;

/// The path of the messages.
const MESSAGES: FieldPath<'_> = FieldPath::Top("messages");

/// The beginning of a text that Claude Code puts before its instructions, and which differs from one
/// conversation to the next: with it, no two of them would share a cached prefix.
const BILLING: &str = "x-anthropic-billing-header:";

/// The lowered messages, and what they say about the rest of the request.
#[derive(Debug)]
pub(super) struct Lowered<'b> {
    pub(super) conversation: Conversation<'b>,
    /// Deferred tools that were found, in the order in which they were.
    pub(super) offered: Vec<Cow<'b, str>>,
    /// The effort that a message asks for.
    pub(super) effort: Option<Text<'b>>,
}

/// The lowering of a conversation.
pub(super) struct Lowering<'b, 's> {
    pub(super) lowered: Lowered<'b>,
    pub(super) seal: &'s ReasoningSeal,
    /// Parts of the message that is being lowered and that are not in an item yet.
    pub(super) run: Vec<ContentPart<'b>>,
    /// Kinds of blocks that were reported.
    pub(super) reported: Vec<String>,
    /// True while a message is lowered that the model has answered: what is wrong with it is past help.
    pub(super) past: bool,
}

/// Lowers instructions and messages.
///
/// # Errors
/// When a message cannot be meant; the failure names its path.
pub(super) fn lower<'b>(
    request: &mut Request<'b>,
    seal: &ReasoningSeal,
) -> Result<Lowered<'b>, Failure> {
    let messages = request.messages.take().unwrap_or_default();
    if messages.is_empty() {
        return Err(Failure::param("messages", "messages is required and must not be empty"));
    }
    let conversation = Conversation::new(false);
    let lowered = Lowered { conversation, offered: Vec::new(), effort: None };
    let mut lowering =
        Lowering { lowered, seal, run: Vec::new(), reported: Vec::new(), past: false };
    if let Some(system) = request.system.take() {
        lowering.instructions(system)?;
    }
    let last_said = last_said(&messages);
    let last = messages.len() - 1;
    let is_answer = |message: &Message<'_>| message.role.as_deref() == Some("assistant");
    let answered = messages.iter().rposition(is_answer).unwrap_or(0);
    for (index, message) in messages.into_iter().enumerate() {
        let is_over = message.clear_at.is_some() && last_said.is_some_and(|said| index < said);
        if index == last && message.role.as_deref() == Some("assistant") {
            prefill(index, &mut lowering.lowered.conversation.notices);
        }
        lowering.past = index < answered;
        lowering.message(message, MESSAGES.item(index), is_over)?;
    }
    let Lowering { lowered, .. } = lowering;
    if lowered.conversation.items.is_empty() {
        return Err(Failure::param("messages[0].content", "the messages have no content"));
    }
    Ok(lowered)
}

impl<'b> Lowering<'b, '_> {
    fn instructions(&mut self, system: Content<'b>) -> Result<(), Failure> {
        let path = FieldPath::Top("system");
        let mut texts = Vec::new();
        for (index, block) in blocks(system, path)?.into_iter().enumerate() {
            let billing = |text: &RawString<'_>| text.trimmed_starts_with(BILLING);
            match (word(block.kind.as_ref()), block.text) {
                ("text", Some(text)) if text.is_empty() || billing(&text) => {}
                ("text", Some(text)) => texts.push(text),
                _ => self.ignored(path.item(index).to_string(), "instructions are text"),
            }
        }
        let text = match texts.len() {
            0 => return Ok(()),
            1 => texts.pop().unwrap_or_default(),
            _ => texts.iter().map(RawString::text).collect::<Vec<_>>().join("\n\n").into(),
        };
        self.lowered.conversation.system(vec![ContentPart::InputText { text }]);
        Ok(())
    }

    fn message(
        &mut self,
        message: Message<'b>,
        path: FieldPath<'_>,
        is_over: bool,
    ) -> Result<(), Failure> {
        let why = "not a member of a message";
        notice::unknown(&mut self.lowered.conversation.notices, &path, &message.unknown, why);
        let role = match word(message.role.as_ref()) {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::Developer,
            "" => return Err(Failure::param(format!("{path}.role"), "a message needs a role")),
            other => {
                let message = format!("unknown role {other:?}; expected user, assistant or system");
                return Err(Failure::param(format!("{path}.role"), message));
            }
        };
        if let Some(config) = message.output_config.filter(|_| role == Role::Developer) {
            self.lowered.effort = config.effort.or_else(|| self.lowered.effort.take());
        }
        let content = match message.content {
            Some(content) if !is_over => content,
            Some(_) => return Ok(()),
            None => {
                return Err(Failure::param(
                    format!("{path}.content"),
                    "the message has no content",
                ));
            }
        };
        let content_path = path.member("content");
        for (index, block) in blocks(content, content_path)?.into_iter().enumerate() {
            self.block(block, Place { role, path: content_path.item(index) })?;
        }
        self.end_run(role);
        Ok(())
    }

    /// Makes an item of the parts so far.
    pub(super) fn end_run(&mut self, role: Role) {
        if !self.run.is_empty() {
            let content = std::mem::take(&mut self.run);
            self.lowered.conversation.push(InputItem::Message { role, content });
        }
    }

    pub(super) fn ignored(&mut self, field: String, why: &'static str) {
        self.lowered.conversation.notices.push(Notice::ignored(field, why));
    }
}

/// Reads content as blocks; a plain text is one.
///
/// # Errors
/// When it is neither.
pub(super) fn blocks<'b>(
    content: Content<'b>,
    path: FieldPath<'_>,
) -> Result<Vec<Block<'b>>, Failure> {
    match content {
        Content::Text(text) => {
            Ok(vec![Block { kind: Some("text".into()), text: Some(text), ..Block::default() }])
        }
        Content::Blocks(list) => {
            read_text(list.get()).map_err(|fault| Failure::within(&path.to_string(), fault))
        }
        Content::Other(_) => {
            Err(Failure::param(path, "expected a string or a list of content blocks"))
        }
    }
}

/// The place of the last message in which the person said something. Only messages that hold until
/// then ask for it.
fn last_said(messages: &[Message<'_>]) -> Option<usize> {
    messages.iter().any(|message| message.clear_at.is_some()).then_some(())?;
    let said = |message: &Message<'_>| {
        word(message.role.as_ref()) == "user"
            && match &message.content {
                Some(Content::Blocks(list)) => !is_results(list),
                _ => true,
            }
    };
    messages.iter().rposition(said)
}

/// Returns whether a list of blocks holds nothing but results of tools.
fn is_results(list: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Kind<'b> {
        #[serde(rename = "type", borrow, default)]
        kind: Option<Text<'b>>,
    }
    let kinds: Vec<Kind<'_>> = serde_json::from_str(list.get()).unwrap_or_default();
    kinds.iter().all(|block| block.kind.as_deref() == Some("tool_result"))
}
