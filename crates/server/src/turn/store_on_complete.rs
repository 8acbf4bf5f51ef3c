//! The storing of a turn's final response: its owner and its input, kept until the turn is complete.

use bytes::Bytes;
use chatmock_protocol::responses::Response;
use chatmock_translate::{Encoder, Failure};

use super::socket::SocketTurn;
use crate::clock::unix_now;
use crate::state::responses::{Owner, ResponseStore, StoredResponse, conversation_name};

/// Of one turn.
pub(crate) struct StoreOnComplete {
    /// Who is to find it later, where it is stored.
    owner: Option<Owner>,
    /// The conversation as it goes upstream.
    input: Bytes,
    /// The lane that goes on from it.
    socket: Option<SocketTurn>,
    conversation: Option<GrowingConversation>,
}

/// A conversation that a turn adds to.
pub(crate) struct GrowingConversation {
    pub(crate) owner: Owner,
    pub(crate) id: String,
    /// The number of items that it had before.
    pub(crate) before: usize,
}

impl GrowingConversation {
    /// Adds the new input and the answer, unless the conversation has been deleted in the meantime.
    fn grow(self, store: &ResponseStore, answered: &StoredResponse) -> Result<(), Failure> {
        let (name, now) = (conversation_name(&self.id), unix_now());
        let Some(kept) = store.get(&self.owner, &name, now) else { return Ok(()) };
        let sent = answered.items()?;
        let mut added = sent.get(self.before..).unwrap_or_default().to_vec();
        added.extend(answered.output()?);
        store.insert(self.owner.key(&name), kept.with_items(&added)?, now);
        Ok(())
    }
}

impl StoreOnComplete {
    /// Takes note of whose turn it is and of what goes upstream.
    pub(crate) fn new(owner: Option<Owner>, input: Bytes, socket: Option<SocketTurn>) -> Self {
        Self { owner, input, socket, conversation: None }
    }

    /// Adds what is new to a conversation, too.
    pub(crate) fn growing(self, conversation: Option<GrowingConversation>) -> Self {
        Self { conversation, ..self }
    }

    /// Keeps the final response, if there is one.
    pub(crate) fn store<E: Encoder>(self, store: &ResponseStore, outputs: &[E::Output]) {
        let Some(response) = outputs.first().and_then(E::final_response) else { return };
        let read: Option<Response<'_>> = serde_json::from_str(response.get()).ok();
        let Some(id) = read.and_then(|read| read.id) else { return };
        let response = Bytes::copy_from_slice(response.get().as_bytes());
        let now = unix_now();
        let stored = StoredResponse::new(now, self.input, response);
        if let Some(Err(failure)) = self.conversation.map(|grows| grows.grow(store, &stored)) {
            tracing::warn!("a conversation could not be continued: {failure}");
        }
        let kept = match self.owner {
            Some(owner) => {
                store.insert(owner.key(&id), stored, now);
                None
            }
            None => Some(stored),
        };
        if let Some(socket) = self.socket {
            socket.finished(&id, kept);
        }
    }
}
