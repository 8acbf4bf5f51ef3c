//! The flags about what the server shows of itself, and about quota.

use std::time::Duration;

use clap::Args;

use crate::{env, value_parsers};

/// The flags about what the server shows of itself, and about quota.
#[derive(Debug, Args)]
#[command(next_help_heading = "Usage and quota")]
pub(crate) struct AdminArgs {
    /// Keeps the record of each turn this long in the folder of --state-dir, such as 90d; totals of days stay longer
    #[arg(long, env = env::HISTORY, value_name = "TIME", default_value = "90d", value_parser = value_parsers::history)]
    pub(crate) history: Duration,
}
