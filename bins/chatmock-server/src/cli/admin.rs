//! The flags about what the server shows of itself, and about quota.

use std::net::SocketAddr;
use std::time::Duration;

use chatmock_server::{Budget, GuardRule};
use clap::{ArgAction, Args};

use crate::{env, value_parsers};

/// The flags about what the server shows of itself, and about quota.
#[derive(Debug, Args)]
#[command(next_help_heading = "Usage and quota")]
pub(crate) struct AdminArgs {
    /// Keeps the record of each turn this long in the folder of --state-dir, such as 90d; totals of days stay longer
    #[arg(long, env = env::HISTORY, value_name = "TIME", default_value = "90d", value_parser = value_parsers::history)]
    pub(crate) history: Duration,
    /// Changes or refuses turns as the allowance runs out: weekly>80%:effort<=low, 5h>95%:refuse, weekly>90%:model=NAME
    ///
    /// The first rule that holds decides. Also for one key's label, label=cron: weekly>50%:refuse, and by the time of
    /// the day in UTC, reserve 20% until 18:00. May be given several times; in the environment, separate rules with ;.
    #[arg(long, env = env::GUARD, value_name = "RULE", value_delimiter = ';', value_parser = str::parse::<GuardRule>)]
    pub(crate) guard: Vec<GuardRule>,
    /// Limits what a key's label uses: laptop: tokens/day=2m, requests/min=60, concurrent=4
    ///
    /// The label * is for each label without a budget of its own. May be given several times; in the environment,
    /// separate budgets with ;.
    #[arg(long, env = env::BUDGET, value_name = "BUDGET", value_delimiter = ';', value_parser = str::parse::<Budget>)]
    pub(crate) budget: Vec<Budget>,
    /// Serves a page about usage, limits and health at /ui
    #[arg(
        long, env = env::UI, value_name = "BOOL",
        action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true",
        default_value = "true", value_parser = value_parsers::boolean
    )]
    pub(crate) ui: bool,
    /// Explains requests sent below /explain, as in POST /explain/v1/chat/completions, in place of sending them on
    #[arg(long, env = env::EXPLAIN)]
    pub(crate) explain: bool,
    /// Answers GET /metrics without a key
    #[arg(long, env = env::METRICS_OPEN)]
    pub(crate) metrics_open: bool,
    /// Serves /metrics, and nothing else, on this address too, without a key: 127.0.0.1:9464
    #[arg(long, env = env::METRICS_ADDRESS, value_name = "ADDRESS:PORT")]
    pub(crate) metrics_address: Option<SocketAddr>,
}
