//! Items that a request names and does not contain, since they are in a kept response.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chatmock_protocol::json::{self, RawValue, raw};

use super::head::Head;
use crate::draft::Draft;
use crate::failure::{Failure, FailureKind};

/// The most characters of an id that a failure shows.
const SHOWN: usize = 100;

/// The ids of the items that a draft refers to, and of reasoning that it holds without what only the backend
/// can read.
///
/// Whoever keeps responses looks them up, and gives them to [`fill_named`] before another conversation is put
/// in front of the input.
#[must_use]
pub fn named_items(draft: &Draft<'_>) -> Vec<String> {
    let Some(input) = draft.request.get("input").filter(|_| draft.storage.raw_items) else {
        return Vec::new();
    };
    let named = json::items(input.get()).map(Head::of).filter(is_named);
    named.filter_map(|head| head.id.map(Cow::into_owned)).collect()
}

fn is_named(head: &Head<'_>) -> bool {
    head.is_reference() || head.is_reasoning() && !head.encrypted
}

/// Puts kept items in the places where a draft names them.
///
/// # Errors
/// 404 with the path of a reference to an item that is not among them.
pub fn fill_named(
    draft: &mut Draft<'_>,
    kept: &BTreeMap<String, Box<RawValue>>,
) -> Result<(), Failure> {
    let Some(input) = draft.request.get("input").filter(|_| draft.storage.raw_items) else {
        return Ok(());
    };
    let items: Vec<&RawValue> = serde_json::from_str(input.get())?;
    let (mut filled, mut changed) = (Vec::with_capacity(items.len()), false);
    for (index, item) in items.into_iter().enumerate() {
        let head = Head::of(item.get());
        let found = head.id.as_deref().filter(|_| is_named(&head)).and_then(|id| kept.get(id));
        match found {
            Some(found) => {
                changed = true;
                filled.push(&**found);
            }
            None if head.is_reference() => return Err(unknown(&head, index)),
            None => filled.push(item),
        }
    }
    if changed {
        let filled = raw(&filled)?;
        draft.request.put("input", Cow::Owned(filled));
    }
    Ok(())
}

fn unknown(head: &Head<'_>, index: usize) -> Failure {
    let id: String = head.id.as_deref().unwrap_or_default().chars().take(SHOWN).collect();
    let message = format!(
        "Item with id '{}' not found: no kept response has it; send the item itself",
        id.escape_debug()
    );
    let param = Some(format!("input[{index}].id"));
    Failure { param, ..Failure::new(FailureKind::NotFound, message) }.with_code("item_not_found")
}
