//! Tools: schemas completed, calls and results paired.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chatmock_protocol::json::{Raw, RawString, RawValue};
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role, ToolOutput};

use crate::failure::Failure;
use crate::notice::{Notice, NoticeKind};
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

/// Takes out calls without a result, and turns results without a call into what the person says.
///
/// The backend refuses both. A call that no one answered says nothing to the model; a result does,
/// and as a person's words it gains no authority.
pub(crate) fn pair<'b>(items: Vec<InputItem<'b>>, notices: &mut Vec<Notice>) -> Vec<InputItem<'b>> {
    let answered = answered(&items);
    let mut open: BTreeSet<Cow<'b, str>> = BTreeSet::new();
    // Kept in the same memory: a long conversation has many items.
    let items = items.into_iter().enumerate();
    let kept = items.filter_map(|(index, item)| match item {
        InputItem::FunctionCall { ref call_id, .. }
        | InputItem::CustomToolCall { ref call_id, .. } => {
            if answered.contains(&index) {
                open.insert(call_id.clone());
                return Some(item);
            }
            notices.push(orphan("a tool call without a result was left out"));
            None
        }
        InputItem::FunctionCallOutput { call_id, output }
        | InputItem::CustomToolCallOutput { call_id, output }
            if !open.contains(&*call_id) =>
        {
            notices.push(orphan("a tool result without its call went as a message"));
            Some(spoken(&call_id, output))
        }
        InputItem::FunctionCallOutput { ref call_id, .. }
        | InputItem::CustomToolCallOutput { ref call_id, .. } => {
            open.remove(&**call_id);
            Some(item)
        }
        InputItem::Message { .. }
        | InputItem::Reasoning { .. }
        | InputItem::WebSearchCall { .. } => Some(item),
    });
    kept.collect()
}

/// The places of calls that a later result answers; some clients use an id again each turn.
fn answered(items: &[InputItem<'_>]) -> BTreeSet<usize> {
    let (mut waiting, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for (index, item) in items.iter().enumerate().rev() {
        match item {
            InputItem::FunctionCall { call_id, .. } | InputItem::CustomToolCall { call_id, .. } => {
                if waiting.remove(&**call_id) {
                    answered.insert(index);
                }
            }
            InputItem::FunctionCallOutput { call_id, .. }
            | InputItem::CustomToolCallOutput { call_id, .. } => {
                waiting.insert(&**call_id);
            }
            InputItem::Message { .. }
            | InputItem::Reasoning { .. }
            | InputItem::WebSearchCall { .. } => {}
        }
    }
    answered
}

fn spoken<'b>(call_id: &str, output: ToolOutput<'b>) -> InputItem<'b> {
    let text =
        format!("Result of the tool call {call_id}, which is not part of this conversation:");
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
