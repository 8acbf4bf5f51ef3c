//! The backend's state of a running turn, sent back with the later calls of that turn.
//!
//! The backend returns it in the header `x-codex-turn-state`. A turn is all calls between two
//! messages of the user: the rounds in which tools are called. Clients do not know the header, so
//! the state of the newest turns is remembered here, and a turn is recognised by its conversation
//! and its last user message. A state that is lost, after a restart or because there are too many,
//! costs nothing but whatever the backend would have saved by it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use chatmock_protocol::json::{items, members};
use reqwest::header::HeaderValue;
use sha2::{Digest, Sha256};

use crate::session::SessionId;

/// The header's name.
pub(crate) const HEADER: &str = "x-codex-turn-state";

/// The most turns that are remembered.
const MAX_TURNS: usize = 256;

/// The longest state that is remembered, in bytes.
const MAX_VALUE_BYTES: usize = 8 * 1024;

/// A turn, as a hash of its conversation, its last user message and the number of those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn([u8; 32]);

/// The state of one turn.
#[derive(Debug)]
struct TurnState {
    session: SessionId,
    turn: Turn,
    value: HeaderValue,
}

/// The states of the newest turns, the newest first, one for each conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct TurnStates(Arc<Mutex<VecDeque<TurnState>>>);

impl TurnStates {
    /// Returns the state of the turn to which a request belongs. The request is read only where its
    /// conversation has a state at all, since reading it takes time in proportion to its length.
    pub(crate) fn find(&self, session: &SessionId, body: &[u8]) -> Option<HeaderValue> {
        if !self.with(|states| states.iter().any(|state| state.session == *session)) {
            return None;
        }
        let turn = Turn::of(session, body)?;
        self.with(|states| {
            states.iter().find(|state| state.turn == turn).map(|state| state.value.clone())
        })
    }

    /// Remembers the state that came with the answer to a request.
    pub(crate) fn keep(&self, session: &SessionId, body: &[u8], value: &HeaderValue) {
        if value.len() > MAX_VALUE_BYTES {
            return;
        }
        let Some(turn) = Turn::of(session, body) else { return };
        let mut value = value.clone();
        value.set_sensitive(true);
        let state = TurnState { session: session.clone(), turn, value };
        self.with(|states| {
            states.retain(|known| known.session != state.session);
            states.truncate(MAX_TURNS - 1);
            states.push_front(state);
        });
    }

    fn with<T>(&self, run: impl FnOnce(&mut VecDeque<TurnState>) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Turn {
    /// The turn of a prepared request; `None` where it contains no user message.
    fn of(session: &SessionId, body: &[u8]) -> Option<Self> {
        let mut request = members(std::str::from_utf8(body).ok()?);
        let (_, input) = request.find(|(name, _)| *name == "input")?;
        let by_user = |item: &&str| members(item).any(|member| member == ("role", "\"user\""));
        let mut messages = items(input).filter(by_user);
        let first = messages.next()?;
        let (last, earlier) = messages.fold((first, 0_u64), |(_, count), next| (next, count + 1));
        let mut hash = Sha256::new();
        hash.update(session.as_str());
        hash.update([0]);
        hash.update(earlier.to_be_bytes());
        hash.update(last);
        Some(Self(hash.finalize().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"{"input":[{"role":"user","content":"a"}]}"#;
    const ROUND: &str = r#"{"input":[{"role":"user","content":"a"},{"type":"function_call"},{"type":"function_call_output"}]}"#;
    const NEXT: &str = r#"{"input":[{"role":"user","content":"a"},{"role":"assistant"},{"role":"user","content":"a"}]}"#;

    #[test]
    fn a_state_is_returned_within_its_turn_only() {
        let (states, session) = (TurnStates::default(), SessionId::named("s").unwrap());
        let find = |session: &SessionId, body: &str| states.find(session, body.as_bytes());
        assert_eq!(find(&session, FIRST), None);
        states.keep(&session, FIRST.as_bytes(), &HeaderValue::from_static("one"));
        assert_eq!(find(&session, ROUND).unwrap(), "one");
        assert_eq!(find(&session, NEXT), None);
        assert_eq!(find(&SessionId::named("t").unwrap(), ROUND), None);
        states.keep(&session, NEXT.as_bytes(), &HeaderValue::from_static("two"));
        assert_eq!((find(&session, ROUND), find(&session, NEXT).unwrap().len()), (None, 3));
    }

    #[test]
    fn the_number_of_remembered_turns_is_limited() {
        let states = TurnStates::default();
        let session = |number: usize| SessionId::named(&number.to_string()).unwrap();
        let state = HeaderValue::from_static("state");
        for number in 0..=MAX_TURNS {
            states.keep(&session(number), FIRST.as_bytes(), &state);
        }
        assert_eq!(states.find(&session(0), FIRST.as_bytes()), None);
        assert!(states.find(&session(1), FIRST.as_bytes()).is_some());
        let long = HeaderValue::try_from("x".repeat(MAX_VALUE_BYTES + 1)).unwrap();
        states.keep(&session(MAX_TURNS + 1), FIRST.as_bytes(), &long);
        assert_eq!(states.find(&session(MAX_TURNS + 1), FIRST.as_bytes()), None);
    }
}
