//! A conversation of Ollama's messages, lowered in order.

use std::borrow::Cow;

use chatmock_protocol::json::{RawString, Text};
use chatmock_protocol::ollama::chat::{Message, ToolCall};
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role, ToolOutput};

use crate::content;
use crate::conversation::Conversation;
use crate::failure::Failure;
use crate::field_path::FieldPath;
use crate::notice::{self, Notice, NoticeKind};
use crate::reasoning_style::without_reasoning;
use crate::tool_names;
use crate::tools;

/// The messages so far, and the calls that wait for their results.
pub(super) struct History<'b> {
    /// The lowered messages.
    pub(super) conversation: Conversation<'b>,
    /// Calls without a result.
    open: Vec<Open<'b>>,
    /// The number of messages up to the last one that is no person's: those cannot be taken back.
    answered: usize,
}

/// A call that waits for its result.
struct Open<'b> {
    name: Cow<'b, str>,
    id: String,
    /// True where the id was made here, since the client kept none.
    made: bool,
}

/// The path of the messages.
const MESSAGES: FieldPath<'_> = FieldPath::Top("messages");

/// The reason why a member of a call in the history has no effect.
const NOT_OF_CALL: &str = "not a member of a tool call";

impl<'b> History<'b> {
    /// Begins one; see [`Conversation::new`].
    pub(super) fn new(messages: &[Message<'_>], keep_json: bool) -> Self {
        let answer = |message: &Message<'_>| {
            message.role.as_deref().is_some_and(|role| matches!(role, "assistant" | "tool"))
        };
        let answered = messages.iter().rposition(answer).map_or(0, |last| last + 1);
        Self { conversation: Conversation::new(keep_json), open: Vec::new(), answered }
    }

    /// Lowers message number `index`.
    ///
    /// # Errors
    /// When it cannot be meant; the failure names its path.
    pub(super) fn message(&mut self, message: Message<'b>, index: usize) -> Result<(), Failure> {
        let path = MESSAGES.item(index);
        let Some(role) = message.role.clone() else {
            return Err(Failure::param(format!("{path}.role"), "a message needs a role"));
        };
        notice::unknown(
            &mut self.conversation.notices,
            &path,
            &message.unknown,
            "not a member of a message",
        );
        let images = message.images.unwrap_or_default();
        let has_images = !images.is_empty();
        let text = message.content.unwrap_or_default();
        let notices = Some(&mut self.conversation.notices).filter(|_| index < self.answered);
        let parts = with_images(text, images, path.member("images"), notices)?;
        match &*role {
            "system" | "developer" => self.conversation.system(parts),
            "user" => {
                self.conversation.push(InputItem::Message { role: Role::User, content: parts });
            }
            "assistant" => {
                let changed = [
                    ("thinking", message.thinking.is_some(), "reasoning is not sent back as text"),
                    ("images", has_images, "generated images are not sent back"),
                ];
                for (name, _, why) in changed.into_iter().filter(|(_, present, _)| *present) {
                    let field = format!("{path}.{name}");
                    self.conversation.notices.push(Notice::new(field, NoticeKind::Changed, why));
                }
                self.assistant(parts, message.tool_calls.unwrap_or_default(), index)?;
            }
            "tool" => {
                let name = message.tool_name.or(message.name);
                let name = name.as_deref().unwrap_or_default();
                let call_id = self.answered(message.tool_call_id, name, index);
                let output = ToolOutput::from(parts);
                self.conversation.push(InputItem::FunctionCallOutput { call_id, output });
            }
            other => {
                let known = "system, user, assistant, tool";
                let message = format!("unknown role {other:?}; expected one of {known}");
                return Err(Failure::param(format!("{path}.role"), message));
            }
        }
        Ok(())
    }

    fn assistant(
        &mut self,
        parts: Vec<ContentPart<'b>>,
        calls: Vec<ToolCall<'b>>,
        message: usize,
    ) -> Result<(), Failure> {
        let text = parts.into_iter().find_map(|part| match part {
            ContentPart::InputText { text } => Some(without_reasoning(text)),
            _ => None,
        });
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            let content = vec![ContentPart::OutputText { text }];
            self.conversation.push(InputItem::Message { role: Role::Assistant, content });
        }
        let message_path = MESSAGES.item(message);
        let calls_path = message_path.member("tool_calls");
        for (index, call) in calls.into_iter().enumerate() {
            let path = calls_path.item(index);
            let notices = &mut self.conversation.notices;
            notice::unknown(notices, &path, &call.unknown, NOT_OF_CALL);
            let (path, function) = (path.member("function"), call.function.unwrap_or_default());
            notice::unknown(notices, &path, &function.unknown, NOT_OF_CALL);
            let Some(Text(name)) = function.name.filter(|name| !name.is_empty()) else {
                return Err(Failure::param(format!("{path}.name"), "a tool call needs a name"));
            };
            let shortened = &mut self.conversation.shortened;
            let id = call.id.filter(|id| !id.is_empty());
            let made = id.is_none();
            let id = id.unwrap_or_else(|| Text(format!("call_{message}_{index}").into()));
            let call_id = tool_names::call_id(id.0, shortened);
            let id = call_id.clone().into_owned();
            self.open.push(Open { name: name.clone(), id, made });
            let name = tool_names::tool_name(name, shortened);
            let arguments = tools::arguments(function.arguments);
            self.conversation.push(InputItem::FunctionCall { call_id, name, arguments });
        }
        Ok(())
    }

    /// The id of the call that a result answers: its own, else the first open one of its name,
    /// else the first open one. An id that no call has can only mean one whose id was not kept.
    fn answered(&mut self, id: Option<Text<'b>>, name: &str, message: usize) -> Cow<'b, str> {
        let id = id.filter(|id| !id.is_empty());
        let id = id.map(|id| tool_names::call_id(id.0, &mut self.conversation.shortened));
        if let Some(at) = self.open.iter().position(|open| id.as_deref() == Some(&open.id)) {
            return Cow::Owned(self.open.remove(at).id);
        }
        let fits = |open: &Open<'_>| id.is_none() || open.made;
        let named = self.open.iter().position(|open| fits(open) && open.name == name);
        match named.or_else(|| self.open.iter().position(fits)) {
            Some(at) => Cow::Owned(self.open.remove(at).id),
            None => id.unwrap_or_else(|| Cow::Owned(format!("call_{message}"))),
        }
    }
}

/// Text and images as content parts; `path` is that of the images. With `notices`, a text stands in the
/// place of an image that cannot go out.
///
/// # Errors
/// When an image is neither an address nor base64 of a kind that the backend takes.
pub(super) fn with_images<'b>(
    text: RawString<'b>,
    images: Vec<RawString<'b>>,
    path: FieldPath<'_>,
    mut notices: Option<&mut Vec<Notice>>,
) -> Result<Vec<ContentPart<'b>>, Failure> {
    let mut parts = Vec::with_capacity(images.len() + 1);
    if !text.is_empty() || images.is_empty() {
        parts.push(ContentPart::InputText { text });
    }
    for (index, image) in images.into_iter().enumerate() {
        parts.push(match (content::image_url(image), notices.as_deref_mut()) {
            (Ok(url), _) => {
                ContentPart::InputImage { image_url: Some(url), file_id: None, detail: None }
            }
            (Err(why), Some(notices)) => {
                let text = content::left_out(path.item(index), why, notices);
                ContentPart::InputText { text }
            }
            (Err(why), None) => return Err(Failure::param(path.item(index), why)),
        });
    }
    Ok(parts)
}
