//! The states of turns: which one each turn was given, and whether clients send it back.
//!
//! A turn is one user message and all calls up to the next: requests whose input is the same up to
//! the last user message. Its state must come back within the turn, and nowhere else.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model_request::ModelRequest;
use crate::record::TurnStates;

/// The number of turns that are remembered.
const MAX_TURNS: usize = 4096;

/// The states of the last turns.
#[derive(Debug, Default)]
pub(crate) struct TurnTracker {
    states: VecDeque<(u64, String)>,
}

impl TurnTracker {
    /// Returns the state of a request's turn, and what the request did with it.
    pub(crate) fn state(
        &mut self,
        request: &ModelRequest,
        carried: Option<&str>,
        serial: u64,
    ) -> (String, TurnStates) {
        let turn = turn(request);
        let known = self.states.iter().find(|(known, _)| *known == turn);
        let known = known.map(|(_, state)| state.clone());
        let mut seen = TurnStates::default();
        match (carried, &known) {
            (Some(carried), Some(state)) if carried == state => seen.echoed = 1,
            (Some(_), _) => seen.stray = 1,
            (None, Some(_)) if !request.trailing_outputs().is_empty() => seen.missing = 1,
            (None, _) => {}
        }
        let state = known.unwrap_or_else(|| self.begin(turn, serial));
        (state, seen)
    }

    fn begin(&mut self, turn: u64, serial: u64) -> String {
        if self.states.len() == MAX_TURNS {
            self.states.pop_front();
        }
        let state = format!("turn-{serial:08x}");
        self.states.push_back((turn, state.clone()));
        state
    }
}

/// Returns a hash of what all requests of a turn have in common.
fn turn(request: &ModelRequest) -> u64 {
    let mut hasher = DefaultHasher::new();
    request.get("prompt_cache_key").as_str().hash(&mut hasher);
    let input = request.input();
    let last = input.iter().rposition(|item| item["role"] == "user");
    for item in &input[..last.map_or(0, |last| last + 1)] {
        item.to_string().hash(&mut hasher);
    }
    hasher.finish()
}
