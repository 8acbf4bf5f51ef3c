//! Messages and their parts.

use std::borrow::Cow;

use chatmock_protocol::json::{RawObject, RawString, RawValue, raw, read_text};
use chatmock_protocol::openai::chat::request::{Message, Part};
use chatmock_protocol::responses::item::{ContentPart, Role};

use super::{Items, known};
use crate::content;
use crate::failure::Failure;
use crate::field_path::FieldPath;
use crate::notice::{Notice, NoticeKind};
use crate::openai::chat::messages::unknown_role;
use crate::openai::chat::parts::TextKind;

/// Members of a message that only chat completions have.
const OF_CHAT: [&str; 5] = ["tool_calls", "function_call", "tool_call_id", "refusal", "audio"];

/// A part's value where it came from the client, or one made here.
type PartValue<'b> = Cow<'b, RawValue>;

impl<'b> Items<'b> {
    /// A message of either API.
    pub(super) fn message(
        &mut self,
        item: &'b RawValue,
        mut members: RawObject<'b>,
        path: FieldPath<'_>,
    ) -> Result<(), Failure> {
        let role = members.text("role").unwrap_or_default().into_owned();
        let of_chat = matches!(&*role, "tool" | "function")
            || OF_CHAT.iter().any(|name| members.present(name).is_some())
            || members.present("content").is_none();
        if of_chat {
            return self.chat_message(item, path);
        }
        let text_kind = match &*role {
            "user" | "developer" => TextKind::Input,
            "assistant" => TextKind::Output,
            "system" => {
                self.systems = true;
                members.set("role", &Role::Developer)?;
                TextKind::Input
            }
            "" => {
                return Err(Failure::param(format!("{path}.role"), "a message needs a role"));
            }
            other => return Err(unknown_role(other, path)),
        };
        let path_of_content = path.member("content");
        match members.as_read("content") {
            Some(content) if content.get().starts_with('[') => {
                if let Some(parts) = self.parts(content, text_kind, path_of_content)? {
                    members.set("content", &parts)?;
                }
            }
            Some(part) if part.get().starts_with('{') => {
                let part = self.part(part, text_kind, path_of_content)?;
                members.set("content", &part.as_slice())?;
            }
            Some(text) if text.get().starts_with('"') => {}
            _ => {
                let message = "content must be a text or a list of parts";
                return Err(Failure::param(path_of_content, message));
            }
        }
        self.lowering.retain(&mut members, known::MESSAGE, path);
        self.add_members(&members)
    }

    /// A message as chat completions have it.
    fn chat_message(&mut self, item: &'b RawValue, path: FieldPath<'_>) -> Result<(), Failure> {
        let mut message: Message<'b> =
            read_text(item.get()).map_err(|fault| Failure::within(&path.to_string(), fault))?;
        message.unknown.retain(|name| !known::MESSAGE.contains(&&**name));
        self.lowering.message(message, path)?;
        self.add_lowered()
    }

    /// A part that stands among the items is something that the person says.
    pub(super) fn part_alone(
        &mut self,
        item: &'b RawValue,
        path: FieldPath<'_>,
    ) -> Result<(), Failure> {
        let Some(part) = self.part(item, TextKind::Input, path)? else { return Ok(()) };
        let mut message = RawObject::default();
        message.set("type", "message")?;
        message.set("role", &Role::User)?;
        message.set("content", &[part])?;
        self.converted = true;
        self.add_members(&message)
    }

    /// The parts of a list; `None` where each is as it should be.
    pub(super) fn parts(
        &mut self,
        parts: &'b RawValue,
        text_kind: TextKind,
        path: FieldPath<'_>,
    ) -> Result<Option<Box<RawValue>>, Failure> {
        let given: Vec<&'b RawValue> = serde_json::from_str(parts.get())
            .map_err(|_| Failure::param(path, format!("{path} must be a list")))?;
        let mut lowered = Vec::with_capacity(given.len());
        for (index, part) in given.iter().enumerate() {
            lowered.extend(self.part(part, text_kind, path.item(index))?);
        }
        let changed = lowered.len() != given.len()
            || lowered.iter().any(|part| matches!(part, Cow::Owned(_)));
        Ok(if changed { Some(raw(&lowered)?) } else { None })
    }

    /// A part of either API; `None` for one that the backend does not take.
    fn part(
        &mut self,
        part: &'b RawValue,
        text_kind: TextKind,
        path: FieldPath<'_>,
    ) -> Result<Option<PartValue<'b>>, Failure> {
        if known::is_plain_part(part.get(), text_kind) && part.get().starts_with('{') {
            return Ok(Some(Cow::Borrowed(part)));
        }
        let mut members = RawObject::default();
        if part.get().starts_with('"') {
            members.set("type", "text")?;
            members.put("text", Cow::Borrowed(part));
        } else {
            members = read_text(part.get())
                .map_err(|_| Failure::param(path, format!("{path} must be an object")))?;
        }
        let kind = members.text("type").unwrap_or_default().into_owned();
        let is_text = |name| members.get(name).is_some_and(|value| value.get().starts_with('"'));
        match &*kind {
            "text" | "input_text" | "output_text" => self.text(members, text_kind, path),
            "" if is_text("text") => self.text(members, text_kind, path),
            "refusal" if text_kind == TextKind::Output => {
                self.lowering.retain(&mut members, known::REFUSAL, path);
                Ok(Some(Cow::Owned(raw(&members)?)))
            }
            "refusal" => {
                if let Some(refusal) = members.remove("refusal") {
                    members.put("text", refusal);
                }
                self.text(members, text_kind, path)
            }
            "image_url" | "input_image" | "file" | "input_file" | "input_audio"
                if text_kind == TextKind::Output =>
            {
                let why = "pictures and files of the model are not sent back";
                let notice = Notice::new(path.to_string(), NoticeKind::Changed, why);
                self.lowering.conversation.notices.push(notice);
                Ok(None)
            }
            "input_image" if members.present("image_url").is_none() || is_text("image_url") => {
                self.image(members, path).map(Some)
            }
            "input_file" if members.present("file").is_none() => self.file(members, path).map(Some),
            "image_url" | "input_image" | "file" | "input_file" => self.chat_part(part, path),
            "input_audio" if members.present("input_audio").is_some() => self.chat_part(part, path),
            _ => Ok(Some(Cow::Borrowed(part))),
        }
    }

    fn text(
        &mut self,
        mut members: RawObject<'b>,
        text_kind: TextKind,
        path: FieldPath<'_>,
    ) -> Result<Option<PartValue<'b>>, Failure> {
        let kind = match text_kind {
            TextKind::Input => "input_text",
            TextKind::Output => "output_text",
        };
        self.converted |= members.text("type").as_deref() != Some(kind);
        members.set("type", kind)?;
        if !members.get("text").is_some_and(|text| text.get().starts_with('"')) {
            return Err(Failure::param(format!("{path}.text"), "a text part needs text"));
        }
        if text_kind == TextKind::Input {
            members.remove("annotations");
            members.remove("logprobs");
        }
        self.lowering.retain(&mut members, known::TEXT, path);
        Ok(Some(Cow::Owned(raw(&members)?)))
    }

    /// A picture, its address repaired.
    fn image(
        &mut self,
        mut members: RawObject<'b>,
        path: FieldPath<'_>,
    ) -> Result<PartValue<'b>, Failure> {
        let url = members.text("image_url").map(|url| RawString::from(url.into_owned()));
        match url {
            Some(url) => match content::image_url(url) {
                Ok(url) => members.set("image_url", &url)?,
                Err(why) if self.lowering.past => {
                    let notices = &mut self.lowering.conversation.notices;
                    let text = content::left_out(path.member("image_url"), why, notices);
                    return Ok(Cow::Owned(raw(&ContentPart::InputText { text })?));
                }
                Err(why) => return Err(Failure::param(path.member("image_url"), why)),
            },
            None if members.present("file_id").is_none() => {
                let path = path.member("image_url");
                return Err(Failure::param(path, "an image part needs an image_url"));
            }
            None => {}
        }
        self.lowering.retain(&mut members, known::IMAGE, path);
        Ok(Cow::Owned(raw(&members)?))
    }

    /// A file, its data repaired.
    fn file(
        &mut self,
        mut members: RawObject<'b>,
        path: FieldPath<'_>,
    ) -> Result<PartValue<'b>, Failure> {
        let data = members.text("file_data").map(|data| RawString::from(data.into_owned()));
        if let Some(data) = data {
            let name = members.text("filename").map(Cow::into_owned);
            let data = content::file_data(data, name.as_deref())
                .map_err(|why| Failure::param(path.member("file_data"), why))?;
            members.set("file_data", &data)?;
        }
        self.lowering.retain(&mut members, known::FILE, path);
        Ok(Cow::Owned(raw(&members)?))
    }

    /// A part as chat completions have it.
    fn chat_part(
        &mut self,
        part: &'b RawValue,
        path: FieldPath<'_>,
    ) -> Result<Option<PartValue<'b>>, Failure> {
        let part: Part<'b> =
            read_text(part.get()).map_err(|fault| Failure::within(&path.to_string(), fault))?;
        self.converted = true;
        let lowered = self.lowering.part(part, path, TextKind::Input)?;
        Ok(match lowered {
            Some(part) => Some(Cow::Owned(raw(&part)?)),
            None => None,
        })
    }
}
