//! Tools: schemas completed, calls and results paired.

use std::borrow::Cow;

use chatmock_protocol::json::{Raw, RawString, RawValue};
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role, ToolOutput};

use crate::failure::Failure;
use crate::notice::{Notice, NoticeKind};
use crate::pairing::{self, Fate, Link};
use crate::schema_root;

/// The schema of a function's arguments, which says that they are an object; see [`schema_root`].
///
/// # Errors
/// When the schema is not an object.
pub(crate) fn parameters<'b>(
    schema: Option<Raw<'b>>,
    path: &str,
) -> Result<Cow<'b, RawValue>, Failure> {
    let Some(schema) = schema else {
        let empty = schema_root::of_object(RawValue::NULL)?.into_owned();
        return Ok(Cow::Owned(empty));
    };
    // An empty object in PHP.
    if !schema.is_object() && !is_empty_list(schema.text()) {
        return Err(Failure::param(path, format!("{path} must be a JSON schema object")));
    }
    Ok(schema_root::of_object(schema.get())?)
}

/// The text of a function call's arguments: the content of a string, or a bare value as written. A call
/// without arguments has an empty object, since the backend reads them as JSON.
pub(crate) fn arguments(raw: Option<Raw<'_>>) -> RawString<'_> {
    let text = raw.map(|raw| RawString::of(raw).unwrap_or_else(|| raw.text().into()));
    match text {
        Some(text) if !text.text().trim_start().is_empty() => text,
        _ => "{}".into(),
    }
}

fn is_empty_list(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inner.is_some_and(|inner| inner.trim().is_empty())
}

/// Takes out calls without a result, turns results without a call into what the person says, and gives
/// each use of an id after the first an id of its own.
///
/// The backend refuses all three. A call that no one answered says nothing to the model; a result does,
/// and as a person's words it gains no authority.
pub(crate) fn pair<'b>(items: Vec<InputItem<'b>>, notices: &mut Vec<Notice>) -> Vec<InputItem<'b>> {
    let fates = pairing::fates(&items.iter().map(link).collect::<Vec<_>>());
    // Kept in the same memory: a long conversation has many items.
    let items = items.into_iter().zip(fates);
    let kept = items.filter_map(|(item, fate)| match fate {
        Fate::Kept => Some(item),
        Fate::Paired { own_id, custom } => {
            if own_id.is_some() && matches!(link(&item), Link::Call { .. }) {
                notices.push(orphan(pairing::USED_AGAIN));
            }
            Some(paired(item, own_id, custom))
        }
        Fate::LeftOut => {
            notices.push(orphan(pairing::UNANSWERED));
            None
        }
        Fate::Spoken => {
            notices.push(orphan(pairing::UNASKED));
            Some(match item {
                InputItem::FunctionCallOutput { call_id, output }
                | InputItem::CustomToolCallOutput { call_id, output } => spoken(&call_id, output),
                item => item,
            })
        }
    });
    kept.collect()
}

fn link<'i>(item: &'i InputItem<'_>) -> Link<'i> {
    match item {
        InputItem::FunctionCall { call_id, .. } => Link::Call { id: call_id, custom: false },
        InputItem::CustomToolCall { call_id, .. } => Link::Call { id: call_id, custom: true },
        InputItem::FunctionCallOutput { call_id, .. }
        | InputItem::CustomToolCallOutput { call_id, .. } => Link::Result { id: call_id },
        InputItem::Message { role: Role::Assistant, .. }
        | InputItem::Reasoning { .. }
        | InputItem::WebSearchCall { .. } => Link::Other,
        InputItem::Message { .. } => Link::Turn,
    }
}

/// A call or result as its pair has it.
fn paired(item: InputItem<'_>, own_id: Option<String>, custom: bool) -> InputItem<'_> {
    let own = |id| own_id.map_or(id, Cow::Owned);
    match item {
        InputItem::FunctionCall { call_id, name, arguments } => {
            InputItem::FunctionCall { call_id: own(call_id), name, arguments }
        }
        InputItem::CustomToolCall { call_id, name, input } => {
            InputItem::CustomToolCall { call_id: own(call_id), name, input }
        }
        InputItem::FunctionCallOutput { call_id, output }
        | InputItem::CustomToolCallOutput { call_id, output } => {
            let call_id = own(call_id);
            match custom {
                true => InputItem::CustomToolCallOutput { call_id, output },
                false => InputItem::FunctionCallOutput { call_id, output },
            }
        }
        item => item,
    }
}

fn spoken<'b>(call_id: &str, output: ToolOutput<'b>) -> InputItem<'b> {
    let text = pairing::introduction(call_id);
    let mut content = vec![ContentPart::InputText { text: text.into() }];
    match output {
        ToolOutput::Text(text) => content.push(ContentPart::InputText { text }),
        ToolOutput::Parts(parts) => content.extend(parts),
    }
    InputItem::Message { role: Role::User, content }
}

fn orphan(detail: &'static str) -> Notice {
    Notice::new("messages", NoticeKind::Changed, detail)
}
