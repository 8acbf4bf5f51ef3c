//! Tickets: what it takes to keep the final response of a turn.

use bytes::Bytes;
use chatmock_protocol::responses::Response;
use chatmock_translate::Encoder;

use super::socket::SocketTurn;
use crate::clock::unix_now;
use crate::state::responses::{Owner, ResponseStore, StoredResponse};

/// Of one turn.
pub(crate) struct StoreOnComplete {
    /// Who is to find it later, where it is stored.
    owner: Option<Owner>,
    /// The conversation as it goes upstream.
    input: Bytes,
    /// The lane that goes on from it.
    socket: Option<SocketTurn>,
}

impl StoreOnComplete {
    /// Takes note of whose turn it is and of what goes upstream.
    pub(crate) fn new(owner: Option<Owner>, input: Bytes, socket: Option<SocketTurn>) -> Self {
        Self { owner, input, socket }
    }

    /// Keeps the final response, if there is one.
    pub(crate) fn store<E: Encoder>(self, store: &ResponseStore, outputs: &[E::Output]) {
        let Some(response) = outputs.first().and_then(E::final_response) else { return };
        let read: Option<Response<'_>> = serde_json::from_str(response.get()).ok();
        let Some(id) = read.and_then(|read| read.id) else { return };
        let response = Bytes::copy_from_slice(response.get().as_bytes());
        let now = unix_now();
        let stored = StoredResponse::new(now, self.input, response);
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
