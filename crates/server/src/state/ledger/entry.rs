//! The record of one turn: who asked what of which model, and what it took. Never a text.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::gaps::Gaps;

/// A word that is a constant here and a text of its own once it was read back.
pub(crate) type Word = Cow<'static, str>;

/// The record of one turn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TurnEntry {
    /// When the request arrived, in milliseconds of the Unix epoch.
    pub(crate) at: u64,
    pub(crate) request_id: String,
    pub(crate) dialect: Word,
    pub(crate) path: String,
    /// The model as the client named it.
    pub(crate) asked: String,
    /// The model that was asked of the backend; empty where no turn came of the request.
    pub(crate) model: String,
    pub(crate) effort: Option<String>,
    pub(crate) tier: Option<String>,
    pub(crate) route: Word,
    /// A mark of the account, from which nobody can tell it.
    pub(crate) account: Option<String>,
    /// The label of the inbound key.
    pub(crate) label: Option<String>,
    /// The client program.
    pub(crate) client: String,
    pub(crate) stream: bool,
    pub(crate) status: u16,
    pub(crate) outcome: Word,
    pub(crate) code: Option<String>,
    pub(crate) first_milliseconds: Option<u64>,
    pub(crate) milliseconds: u64,
    #[serde(flatten)]
    pub(crate) tokens: Tokens,
    /// The calls of the backend that were repeated.
    pub(crate) retries: u32,
    /// The request members that were not simply honoured.
    pub(crate) notices: Vec<String>,
    /// The pauses between two pieces of a stream, for the metrics alone.
    #[serde(skip)]
    pub(crate) gaps: Gaps,
}

/// The tokens of a turn, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tokens {
    /// Read, cached ones included.
    pub(crate) input_tokens: u64,
    pub(crate) cached_tokens: u64,
    /// Written, reasoning included.
    pub(crate) output_tokens: u64,
    pub(crate) reasoning_tokens: u64,
}

impl Tokens {
    /// Adds those of another turn.
    pub(crate) fn add(&mut self, more: Self) {
        for (sum, more) in [
            (&mut self.input_tokens, more.input_tokens),
            (&mut self.cached_tokens, more.cached_tokens),
            (&mut self.output_tokens, more.output_tokens),
            (&mut self.reasoning_tokens, more.reasoning_tokens),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

impl TurnEntry {
    /// Returns whether it ended with a failure.
    pub(crate) fn has_failed(&self) -> bool {
        self.status >= 400 || self.outcome == "broken"
    }

    /// Returns the day on which it began, counted from the Unix epoch.
    pub(crate) fn day(&self) -> u32 {
        u32::try_from(self.at / 1000 / DAY).unwrap_or(u32::MAX)
    }

    /// Returns whether a label may see it.
    pub(crate) fn is_of(&self, label: Option<&str>) -> bool {
        label.is_none() || self.label.as_deref() == label
    }

    /// Returns it as it is shown; without details, it lacks what only its own client may read.
    pub(crate) fn shown(&self, details: bool) -> Self {
        if details {
            return self.clone();
        }
        Self { notices: Vec::new(), code: None, request_id: String::new(), ..self.clone() }
    }
}

/// The seconds of a day.
pub(crate) const DAY: u64 = 24 * 3600;
