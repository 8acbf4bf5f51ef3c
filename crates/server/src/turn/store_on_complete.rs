//! The storing of a turn's final response: its owner and its input, kept until the turn is complete.

use bytes::Bytes;
use chatmock_translate::Failure;
use chatmock_translate::openai::stored_chat;
use serde::Deserialize;

use super::socket::SocketTurn;
use crate::clock::unix_now;
use crate::state::responses::{
    Arrivals, Owner, ResponseStore, StoredResponse, completion_name, conversation_name,
};

/// Of one turn.
pub(crate) struct StoreOnComplete {
    /// Who is to find it later, where it is stored.
    owner: Option<Owner>,
    sent: SentInput,
    /// The lane that goes on from it.
    socket: Option<SocketTurn>,
    conversation: Option<GrowingConversation>,
}

/// What is kept of a request.
pub(crate) struct SentInput {
    /// The conversation: items as they go upstream, or messages as they came.
    pub(crate) input: Bytes,
    /// The members that a completion of chat repeats, an object of JSON; `None` where the answer is none.
    pub(crate) repeated: Option<String>,
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
    fn grow(self, store: &ResponseStore, answered: &StoredResponse) -> Result<Arrivals, Failure> {
        let (name, now) = (conversation_name(&self.id), unix_now());
        let Some(kept) = store.get(&self.owner, &name, now) else {
            return Ok(Arrivals::default());
        };
        let sent = answered.items()?;
        let mut added = sent.get(self.before..).unwrap_or_default().to_vec();
        added.extend(answered.output()?);
        Ok(store.insert(self.owner.key(&name), kept.with_items(&added)?, now))
    }
}

impl StoreOnComplete {
    /// Takes note of whose turn it is and of what goes upstream.
    pub(crate) fn new(owner: Option<Owner>, sent: SentInput, socket: Option<SocketTurn>) -> Self {
        Self { owner, sent, socket, conversation: None }
    }

    /// Adds what is new to a conversation, too.
    pub(crate) fn growing(self, conversation: Option<GrowingConversation>) -> Self {
        Self { conversation, ..self }
    }

    /// Keeps the final reply, if there is one.
    pub(crate) fn store(self, store: &ResponseStore, reply: Option<String>) -> Arrivals {
        let mut arrivals = Arrivals::default();
        if let Some(reply) = reply
            && let Err(error) = self.keep(store, reply, &mut arrivals)
        {
            tracing::warn!("an answer could not be kept: {error}");
        }
        arrivals
    }

    fn keep(
        self,
        store: &ResponseStore,
        mut reply: String,
        arrivals: &mut Arrivals,
    ) -> Result<(), Failure> {
        let Identified { id: Some(id) } = serde_json::from_str(&reply)? else { return Ok(()) };
        let mut name = id.clone();
        if let Some(repeated) = &self.sent.repeated {
            reply = stored_chat::with_request(&reply, repeated)?;
            name = completion_name(&id);
        }
        let now = unix_now();
        let stored = StoredResponse::new(now, self.sent.input, reply.into());
        match self.conversation.map(|grows| grows.grow(store, &stored)) {
            Some(Err(failure)) => {
                tracing::warn!("a conversation could not be continued: {failure}")
            }
            Some(Ok(grown)) => arrivals.add(grown),
            None => {}
        }
        let kept = match self.owner {
            Some(owner) => {
                arrivals.add(store.insert(owner.key(&name), stored, now));
                None
            }
            None => Some(stored),
        };
        if let Some(socket) = self.socket {
            socket.finished(&id, kept);
        }
        Ok(())
    }
}

/// The member of a reply by which it is found again.
#[derive(Deserialize)]
struct Identified {
    id: Option<String>,
}
