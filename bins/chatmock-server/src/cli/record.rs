//! The flags about recording turns, and about playing them again.

use std::path::PathBuf;

use chatmock_simulator::ReplayOrder;
use clap::{Args, ValueEnum};

use crate::{env, value_parsers};

/// The flags about recording turns, and about playing them again.
#[derive(Debug, Args)]
#[command(next_help_heading = "Recording")]
pub(crate) struct RecordArgs {
    /// Records every turn in this folder, as a file that --replay plays; keys and tokens stay out, prompts and answers do not
    #[arg(long, env = env::RECORD, value_name = "FOLDER")]
    pub(crate) record: Option<PathBuf>,
    /// Stops recording when the folder would be larger than this: bytes, or a unit as in 512m, 1g
    #[arg(long, env = env::RECORD_MAX, value_name = "SIZE", default_value = "1g", value_parser = value_parsers::size)]
    pub(crate) record_max: usize,
    /// Records the hashes of texts instead of the texts
    #[arg(long, env = env::RECORD_HASH_TEXT)]
    pub(crate) record_hash_text: bool,
    /// Answers from the recordings in this folder, without an account or the network
    ///
    /// Overrides --upstream-url, --upstream-key-file, --issuer, --home and --borrow-codex. --route must be that of the
    /// recordings.
    #[arg(long, env = env::REPLAY, value_name = "FOLDER")]
    pub(crate) replay: Option<PathBuf>,
    /// Selects what answers a request that was not recorded
    #[arg(long, env = env::REPLAY_ORDER, value_name = "ORDER", ignore_case = true, value_enum, default_value_t = OrderWord::Match)]
    pub(crate) replay_order: OrderWord,
    /// Takes the time that a recorded answer took; without this, it comes at once
    #[arg(long, env = env::REPLAY_PACE)]
    pub(crate) replay_pace: bool,
}

/// The values of `--replay-order`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OrderWord {
    /// Nothing: the answer is 404 `cassette_miss`
    Match,
    /// The next recording that was not played
    Sequence,
}

impl From<OrderWord> for ReplayOrder {
    fn from(word: OrderWord) -> Self {
        match word {
            OrderWord::Match => Self::Match,
            OrderWord::Sequence => Self::Sequence,
        }
    }
}
