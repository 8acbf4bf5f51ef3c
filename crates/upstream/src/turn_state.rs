//! The backend's state of a running turn, sent back with the further calls of that turn.
//!
//! The backend gives it in the header `x-codex-turn-state`; a turn is all calls between two
//! messages of the user, so the rounds in which tools are called.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use chatmock_protocol::json::{items, members};
use reqwest::header::HeaderValue;
use sha2::{Digest, Sha256};

use crate::session::SessionId;

/// The header's name.
pub(crate) const HEADER: &str = "x-codex-turn-state";

/// The most turns that are remembered.
const MOST: usize = 256;

/// The longest state that is remembered, in bytes.
const LONGEST: usize = 8 * 1024;

/// A turn: its conversation, and what the user said last in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn([u8; 32]);

/// What the backend told of the newest turns.
#[derive(Clone, Debug, Default)]
pub(crate) struct TurnStates(Arc<Mutex<VecDeque<(SessionId, Turn, HeaderValue)>>>);

impl TurnStates {
    /// The state of the turn that a request belongs to. The request's input is read only where
    /// its conversation has a state at all.
    pub(crate) fn find(&self, session: &SessionId, body: &[u8]) -> Option<HeaderValue> {
        if !self.with(|states| states.iter().any(|(known, ..)| known == session)) {
            return None;
        }
        let turn = Turn::of(session, body)?;
        self.with(|states| {
            let mut states = states.iter();
            states.find(|(_, known, _)| *known == turn).map(|(.., state)| state.clone())
        })
    }

    /// Remembers the state that came with the answer to a request.
    pub(crate) fn keep(&self, session: &SessionId, body: &[u8], state: &HeaderValue) {
        if state.len() > LONGEST {
            return;
        }
        let Some(turn) = Turn::of(session, body) else { return };
        let mut state = state.clone();
        state.set_sensitive(true);
        self.with(|states| {
            states.retain(|(known, ..)| known != session);
            states.truncate(MOST - 1);
            states.push_front((session.clone(), turn, state));
        });
    }

    fn with<T>(&self, run: impl FnOnce(&mut VecDeque<(SessionId, Turn, HeaderValue)>) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Turn {
    /// The turn of a prepared request; `None` where the user says nothing in it.
    fn of(session: &SessionId, body: &[u8]) -> Option<Self> {
        let mut request = members(std::str::from_utf8(body).ok()?);
        let (_, input) = request.find(|(name, _)| *name == "input")?;
        let says = |item: &&str| members(item).any(|member| member == ("role", "\"user\""));
        let mut said = items(input).filter(says);
        let first = said.next()?;
        let (last, earlier) = said.fold((first, 0_u64), |(_, count), next| (next, count + 1));
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
    fn a_state_is_given_back_within_its_turn_only() {
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
    fn only_so_many_turns_are_remembered() {
        let states = TurnStates::default();
        let session = |number: usize| SessionId::named(&number.to_string()).unwrap();
        let state = HeaderValue::from_static("state");
        for number in 0..=MOST {
            states.keep(&session(number), FIRST.as_bytes(), &state);
        }
        assert_eq!(states.find(&session(0), FIRST.as_bytes()), None);
        assert!(states.find(&session(1), FIRST.as_bytes()).is_some());
        let long = HeaderValue::try_from("x".repeat(LONGEST + 1)).unwrap();
        states.keep(&session(MOST + 1), FIRST.as_bytes(), &long);
        assert_eq!(states.find(&session(MOST + 1), FIRST.as_bytes()), None);
    }
}
