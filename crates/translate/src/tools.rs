//! Tools: schemas completed, calls and results paired.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chatmock_protocol::json::{Raw, RawObject, RawValue, raw};
use chatmock_protocol::responses::item::{ContentPart, InputItem, Role, ToolOutput};

use crate::failure::Failure;
use crate::notice::{Notice, NoticeKind};

/// The schema of a function's arguments; an object schema always gets `properties`.
///
/// The backend refuses an object schema without them, and tools that take nothing often have none.
///
/// # Errors
/// When the schema is not an object.
pub(crate) fn parameters<'b>(
    schema: Option<Raw<'b>>,
    path: &str,
) -> Result<Cow<'b, RawValue>, Failure> {
    let Some(schema) = schema else { return completed(RawObject::default()) };
    if !schema.is_object() {
        return Err(Failure::param(path, format!("{path} must be a JSON schema object")));
    }
    let members: RawObject<'b> = serde_json::from_str(schema.text())?;
    let object = members.text("type").is_none_or(|kind| kind == "object");
    if object && !members.contains("properties") && !members.contains("$ref") {
        return completed(members);
    }
    Ok(Cow::Borrowed(schema.get()))
}

fn completed(mut members: RawObject<'_>) -> Result<Cow<'_, RawValue>, Failure> {
    if !members.contains("type") {
        members.set("type", "object")?;
    }
    members.set("properties", &RawObject::default())?;
    Ok(Cow::Owned(raw(&members)?))
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
        InputItem::Message { .. } | InputItem::Reasoning { .. } => Some(item),
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
            InputItem::Message { .. } | InputItem::Reasoning { .. } => {}
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
