//! Settings of what a server shows of itself, and lets be changed while it runs.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use super::guard::{Budget, GuardRule};
use super::observer::TurnObserver;
use super::record::RecordSettings;

/// What a server shows of itself, and lets be changed.
#[derive(Clone, Debug)]
pub struct AdminSettings {
    /// The log of the program; without it, the level cannot be changed by a request.
    pub log: Option<Arc<dyn LogControl>>,
    /// The time for which records of single turns are kept, where there is a folder for state.
    pub history: Duration,
    /// The rules of the quota guard, of which the first that holds decides.
    pub guard: Vec<GuardRule>,
    /// The budgets of labels.
    pub budgets: Vec<Budget>,
    /// The folder in which turns are recorded, if they are.
    pub record: Option<RecordSettings>,
    /// Receives a report of each turn.
    pub observer: Option<Arc<dyn TurnObserver>>,
}

impl Default for AdminSettings {
    fn default() -> Self {
        let history = Duration::from_secs(90 * 24 * 3600);
        Self {
            log: None,
            history,
            guard: Vec::new(),
            budgets: Vec::new(),
            record: None,
            observer: None,
        }
    }
}

/// The detail of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// What happens.
    Info,
    /// In more detail, but never the content of requests or answers.
    Debug,
}

impl LogLevel {
    /// Returns the level's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// Reads a level's word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        [Self::Info, Self::Debug].into_iter().find(|level| level.as_str() == word)
    }

    /// Returns the level that comes after this one where a signal switches between them.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Info => Self::Debug,
            Self::Debug => Self::Info,
        }
    }
}

/// The log of the program that runs a server.
pub trait LogControl: Debug + Send + Sync {
    /// Returns the level that is in force.
    fn level(&self) -> LogLevel;

    /// Changes the level; after an hour it is what it was at the start.
    fn set_level(&self, level: LogLevel);

    /// Returns the number of lines that were lost since the start.
    fn lines_lost(&self) -> u64;
}
