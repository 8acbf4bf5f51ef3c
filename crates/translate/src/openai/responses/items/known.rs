//! Known members of items and parts, and the look at an item that finds out if it needs a change.

use std::borrow::Cow;

use chatmock_protocol::json::{RawObject, RawValue, items, members};

use crate::content;
use crate::field_path::FieldPath;
use crate::openai::chat::messages::Lowering;
use crate::openai::chat::parts::TextKind;

/// What the Codex program adds to items; it is passed on.
const METADATA: &str = "internal_chat_message_metadata_passthrough";

/// Members of messages.
pub(super) const MESSAGE: &[&str] = &["type", "role", "content", "id", "status", "phase", METADATA];

/// Members of reasoning.
pub(super) const REASONING: &[&str] =
    &["type", "id", "summary", "content", "encrypted_content", "status", METADATA];

/// Members of calls of either kind.
pub(super) const CALL: &[&str] = &[
    "type",
    "id",
    "call_id",
    "name",
    "namespace",
    "arguments",
    "input",
    "status",
    "caller",
    "encrypted_function_args",
    METADATA,
];

/// Members of results of either kind.
pub(super) const RESULT: &[&str] =
    &["type", "id", "call_id", "output", "status", "caller", METADATA];

/// Members of text parts.
pub(super) const TEXT: &[&str] = &["type", "text", "annotations", "logprobs", BREAKPOINT];

/// Members of refusals.
pub(super) const REFUSAL: &[&str] = &["type", "refusal"];

/// Members of pictures.
pub(super) const IMAGE: &[&str] = &["type", "image_url", "file_id", "detail", BREAKPOINT];

/// Members of files.
pub(super) const FILE: &[&str] =
    &["type", "filename", "file_data", "file_url", "file_id", "detail", BREAKPOINT];

/// A mark that some backends take on parts.
const BREAKPOINT: &str = "prompt_cache_breakpoint";

/// The states of an item.
const STATES: [&str; 3] = ["in_progress", "completed", "incomplete"];

/// The phases of a message.
const PHASES: [&str; 3] = ["commentary", "partial_answer", "final_answer"];

/// The reason why a member of an item has no effect.
const NOT_OF_ITEM: &str = "not a member of such an item";

/// Returns whether an item has this API's shape already, in everything that is known of its type.
pub(super) fn is_plain(item: &str) -> bool {
    let Some(found) = Found::of(item) else { return false };
    let known = match found.kind {
        // A message may leave its type out.
        None if found.role.is_some() => MESSAGE,
        Some("\"message\"") => MESSAGE,
        Some("\"reasoning\"") => REASONING,
        Some("\"function_call\"" | "\"custom_tool_call\"") => CALL,
        Some("\"function_call_output\"" | "\"custom_tool_call_output\"") => RESULT,
        Some("\"item_reference\"") => return found.plain && is_word(found.id),
        // Its tools are looked at one by one.
        Some("\"function\"" | "\"additional_tools\"") | None => return false,
        Some(kind) => {
            let bare = bare(kind);
            return !super::PARTS.contains(&bare) && !bare.is_empty();
        }
    };
    found.plain
        && members(item).all(|(name, value)| known.contains(&name) && is_sound(name, value))
        && match found.kind {
            None | Some("\"message\"") => is_plain_message(&found),
            Some("\"reasoning\"") => found.summary.is_some_and(|summary| summary.starts_with('[')),
            Some("\"function_call\"") => is_plain_call(&found, found.arguments, 2),
            Some("\"custom_tool_call\"") => is_plain_call(&found, found.input, 1),
            _ => is_word(found.call_id) && found.output.is_some_and(is_plain_output),
        }
}

/// Returns whether an item is of the model or of a tool, so that what came before cannot be taken back.
pub(super) fn is_answer(item: &str) -> bool {
    let Some(found) = Found::of(item) else { return false };
    match (found.role, found.kind) {
        (Some("\"user\"" | "\"developer\"" | "\"system\""), _) => false,
        (Some(_), _) => true,
        (None, Some(kind)) => !super::PARTS.contains(&bare(kind)),
        (None, None) => found.output.is_some() || found.arguments.is_some(),
    }
}

/// The values by which the shape of an item is known, as they are written.
#[derive(Default)]
struct Found<'i> {
    kind: Option<&'i str>,
    role: Option<&'i str>,
    content: Option<&'i str>,
    summary: Option<&'i str>,
    id: Option<&'i str>,
    call_id: Option<&'i str>,
    name: Option<&'i str>,
    arguments: Option<&'i str>,
    input: Option<&'i str>,
    output: Option<&'i str>,
    /// False if a name is written with escapes, or a value is `null`.
    plain: bool,
}

impl<'i> Found<'i> {
    /// Finds the values of an object; `None` for anything else.
    fn of(item: &'i str) -> Option<Self> {
        if !item.starts_with('{') {
            return None;
        }
        let mut found = Self { plain: true, ..Self::default() };
        for (name, value) in members(item) {
            found.plain &= value != "null" && !name.contains('\\');
            let slot = match name {
                "type" => &mut found.kind,
                "role" => &mut found.role,
                "content" => &mut found.content,
                "summary" => &mut found.summary,
                "id" => &mut found.id,
                "call_id" => &mut found.call_id,
                "name" => &mut found.name,
                "arguments" => &mut found.arguments,
                "input" => &mut found.input,
                "output" => &mut found.output,
                _ => continue,
            };
            // A name that occurs twice is read, and refused, by the parser.
            found.plain &= slot.replace(value).is_none();
        }
        Some(found)
    }
}

fn is_plain_message(found: &Found<'_>) -> bool {
    let kind = match found.role {
        Some("\"user\"" | "\"developer\"") => TextKind::Input,
        Some("\"assistant\"") => TextKind::Output,
        _ => return false,
    };
    let content = found.content.unwrap_or_default();
    content.starts_with('"')
        || content.starts_with('[') && items(content).all(|part| is_plain_part(part, kind))
}

/// `least` is the length of the shortest text between quotes: arguments are JSON, input is any text.
fn is_plain_call(found: &Found<'_>, text: Option<&str>, least: usize) -> bool {
    let written =
        |text: &str| text.starts_with('"') && text.len() > least && (least == 1 || !is_blank(text));
    is_word(found.call_id) && is_word(found.name) && text.is_some_and(written)
}

/// Returns whether a text, as it is written, holds nothing but spaces.
fn is_blank(text: &str) -> bool {
    text.starts_with('"') && text.trim_matches('"').trim().is_empty()
}

fn is_plain_output(output: &str) -> bool {
    output.starts_with('"')
        || output.starts_with('[') && items(output).all(|part| is_plain_part(part, TextKind::Input))
}

/// Returns whether a value is a text that is not empty.
fn is_word(value: Option<&str>) -> bool {
    value.is_some_and(|value| value.starts_with('"') && value.len() > 2)
}

/// Returns whether a member has a value that it can have, where those are few.
fn is_sound(name: &str, value: &str) -> bool {
    match name {
        "status" => STATES.contains(&bare(value)),
        "phase" => PHASES.contains(&bare(value)),
        "id" => is_word(Some(value)),
        _ => true,
    }
}

/// The text between quotes.
fn bare(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or_default()
}

/// Returns whether a part has this API's shape already, for a text of that kind.
pub(super) fn is_plain_part(part: &str, text_kind: TextKind) -> bool {
    let (mut kind, mut text, mut url, mut data, mut plain) = ("", None, None, None, true);
    for (name, value) in members(part) {
        plain &= value != "null" && !name.contains('\\');
        match name {
            "type" => kind = bare(value),
            "text" | "refusal" => text = Some(value),
            "image_url" => url = Some(value),
            "file_data" => data = Some(value),
            "input_audio" => plain = false,
            _ => {}
        }
    }
    let known = match (kind, text_kind) {
        ("input_text", TextKind::Input) | ("output_text", TextKind::Output) => TEXT,
        ("refusal", TextKind::Output) => REFUSAL,
        ("input_image", TextKind::Input) => IMAGE,
        ("input_file", TextKind::Input) => FILE,
        ("" | "text" | "image_url" | "file" | "refusal" | "input_text" | "output_text", _) => {
            return false;
        }
        ("input_image" | "input_file" | "input_audio", TextKind::Output) => return false,
        // What is not known passes, unless it is no such part at all.
        _ => return plain || !members(part).any(|(name, _)| name == "input_audio"),
    };
    let is_text = |value: Option<&str>| value.is_some_and(|value| value.starts_with('"'));
    plain
        && members(part).all(|(name, _)| known.contains(&name))
        && match kind {
            "input_image" => url.is_some_and(|url| content::is_sound_image(bare(url))),
            "input_file" => data.is_none_or(|data| bare(data).starts_with("data:")),
            _ => is_text(text),
        }
}

impl Lowering<'_> {
    /// Leaves of an object the known members that are not `null`, and reports the others.
    pub(super) fn retain(
        &mut self,
        members: &mut RawObject<'_>,
        known: &[&str],
        path: FieldPath<'_>,
    ) {
        let (mut gone, mut foreign) = (Vec::<String>::new(), Vec::<String>::new());
        for (name, value) in members.iter() {
            let known = known.contains(&name);
            // A state that is none says nothing.
            let sound = value.get() != "null" && is_sound(name, value.get());
            if !known || !sound {
                gone.push(name.to_owned());
            }
            if !known && value.get() != "null" {
                foreign.push(name.to_owned());
            }
        }
        for name in gone {
            members.remove(&name);
        }
        for name in foreign {
            self.ignored(format!("{path}.{name}"), NOT_OF_ITEM);
        }
    }
}

/// The text of a value that has to be one: what is no string is written as JSON.
pub(super) fn as_text<'v>(value: Option<&'v RawValue>, empty: &'v str) -> Option<Cow<'v, str>> {
    match value.map(RawValue::get) {
        None | Some("null" | "\"\"") => Some(Cow::Borrowed(empty)),
        // Arguments are read as JSON, in which white space alone is nothing.
        Some(text) if empty == "{}" && is_blank(text) => Some(Cow::Borrowed(empty)),
        Some(text) if text.starts_with('"') => None,
        Some(other) => Some(Cow::Borrowed(other)),
    }
}
