//! The stored responses, from which later requests continue.

use std::collections::VecDeque;

use serde_json::Value;

/// The number of responses that are stored.
const MAX_RESPONSES: usize = 256;

/// The last stored responses, each with all items that led to it and its own.
#[derive(Debug, Default)]
pub(crate) struct StoredResponses {
    responses: VecDeque<StoredResponse>,
}

#[derive(Debug)]
struct StoredResponse {
    id: String,
    owner: String,
    items: Vec<Value>,
}

impl StoredResponses {
    /// Stores a response of an owner.
    pub(crate) fn insert(&mut self, id: String, owner: &str, items: Vec<Value>) {
        if self.responses.len() == MAX_RESPONSES {
            self.responses.pop_front();
        }
        self.responses.push_back(StoredResponse { id, owner: owner.to_owned(), items });
    }

    /// Returns an item of any response of an owner.
    pub(crate) fn item(&self, id: &str, owner: &str) -> Option<&Value> {
        let owned = self.responses.iter().filter(|response| response.owner == owner);
        owned.flat_map(|response| &response.items).find(|item| item["id"] == id)
    }

    /// Returns the items of a response of an owner.
    pub(crate) fn items(&self, id: &str, owner: &str) -> Option<&[Value]> {
        let found = self.responses.iter().find(|one| one.id == id && one.owner == owner);
        found.map(|response| response.items.as_slice())
    }
}
