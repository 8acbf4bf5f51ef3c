//! Ids of items: each item has one, and the same in every event.
//!
//! Some servers leave ids out, others write another one in each event, and clients join deltas to their
//! item by it. So the first id that is said holds, and an item without one gets one that follows from
//! the response.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chatmock_protocol::json::items;
use chatmock_protocol::responses::item::OutputKind;
use memchr::memmem::Finder;

use super::{bare, member, with_members};
use crate::tool_names;

/// The ids of the items of one response, by output index.
#[derive(Debug, Default)]
pub(super) struct ItemIds {
    response: String,
    known: BTreeMap<usize, KnownId>,
}

#[derive(Debug)]
struct KnownId {
    id: String,
    /// Finds the id in the text of an event.
    finder: Finder<'static>,
}

impl ItemIds {
    /// Takes the id of a response, from which ids are made.
    pub(super) fn begin(&mut self, response: &str) {
        if self.response.is_empty()
            && let Some(id) = member(response, "id").and_then(bare)
        {
            id.clone_into(&mut self.response);
        }
    }

    /// An item with its id; `None` where it has that, or is of a kind that need not have one.
    pub(super) fn item(
        &mut self,
        item: &str,
        output_index: usize,
        kind: &OutputKind<'_>,
    ) -> Option<String> {
        let said = member(item, "id").and_then(bare).filter(|id| !id.is_empty());
        let made = || Some(tool_names::made_id(prefix(kind)?, &self.response, output_index));
        let known = match self.known.entry(output_index) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                free.insert(KnownId::new(said.map(str::to_owned).or_else(made)?))
            }
        };
        (said != Some(&*known.id)).then(|| with_id(item, "id", &known.id))
    }

    /// An event about an item with that item's id; `None` where it has that, or the item is not known.
    pub(super) fn event(&mut self, text: &str, output_index: usize) -> Option<String> {
        let said = || member(text, "item_id").and_then(bare).filter(|id| !id.is_empty());
        let known = match self.known.entry(output_index) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                free.insert(KnownId::new(said()?.to_owned()));
                return None;
            }
        };
        if known.finder.find(text.as_bytes()).is_some() {
            return None;
        }
        Some(with_id(text, "item_id", &known.id))
    }

    /// The items of a whole output with their ids; `None` where they have those.
    pub(super) fn output(&self, output: &str) -> Option<String> {
        let mut changed = false;
        let list = items(output).enumerate().map(|(index, item)| {
            let said = member(item, "id").and_then(bare).filter(|id| !id.is_empty());
            let is_known = |said: &str| self.known.values().any(|known| known.id == said);
            let known = self.known.get(&index).map(|known| known.id.clone());
            let id = match said {
                Some(said) if is_known(said) => None,
                Some(_) => known,
                None => known.or_else(|| {
                    let kind = member(item, "type").and_then(bare).unwrap_or_default();
                    Some(tool_names::made_id(prefix_of(kind)?, &self.response, index))
                }),
            };
            let Some(id) = id else { return item.to_owned() };
            changed = true;
            with_id(item, "id", &id)
        });
        let list = list.collect::<Vec<_>>().join(",");
        changed.then(|| format!("[{list}]"))
    }
}

impl KnownId {
    fn new(id: String) -> Self {
        let finder = Finder::new(&format!("\"{id}\"")).into_owned();
        Self { id, finder }
    }
}

/// An object with an id, which has no characters that JSON escapes.
fn with_id(object: &str, name: &str, id: &str) -> String {
    with_members(object, &[(name, &format!("\"{id}\""))], &[])
}

/// The beginning of the ids of items of a kind; `None` for kinds that need not have one.
fn prefix(kind: &OutputKind<'_>) -> Option<&'static str> {
    Some(match kind {
        OutputKind::Message { .. } => "msg",
        OutputKind::Reasoning { .. } => "rs",
        OutputKind::Call { custom: true, .. } => "ctc",
        OutputKind::Call { .. } => "fc",
        OutputKind::Image { .. } => "ig",
        OutputKind::WebSearch(_) => "ws",
        OutputKind::Other => return None,
    })
}

/// The same by the name of the kind.
fn prefix_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "message" => "msg",
        "reasoning" => "rs",
        "function_call" => "fc",
        "custom_tool_call" => "ctc",
        "image_generation_call" => "ig",
        "web_search_call" => "ws",
        _ => return None,
    })
}
