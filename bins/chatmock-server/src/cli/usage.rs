//! The flags of the command `usage`.

use std::time::Duration;

use chatmock_server::{UsageBy, usage_since};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

/// The flags of the command `usage`.
#[derive(Clone, Debug, Args)]
pub(crate) struct UsageArgs {
    /// Looks back this far: a number with m, h, d or w after it, or `all`
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = since)]
    pub(crate) since: Since,
    /// Adds up by day, model, client, key or dialect
    #[arg(long, value_name = "WORD", default_value = "day", ignore_case = true, value_parser = by)]
    pub(crate) by: UsageBy,
    /// Prints one JSON object, for programs
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Prints comma-separated values, for spreadsheets
    #[arg(long)]
    pub(crate) csv: bool,
    /// Asks the server at this address, such as http://127.0.0.1:8000 [default: the one that uses --state-dir, else the one at --port]
    #[arg(long, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) url: Option<String>,
    /// Sends the API key in this variable of the environment
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) key_from_env: Option<String>,
}

/// A time to look back; without one, to the beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since(pub(crate) Option<Duration>);

fn since(word: &str) -> Result<Since, String> {
    let wrong = "expected a number with m, h, d or w after it, such as 7d, or `all`";
    usage_since(word).map(Since).ok_or_else(|| wrong.to_owned())
}

fn by(word: &str) -> Result<UsageBy, String> {
    let wrong = "expected day, model, client, key or dialect";
    UsageBy::named(&word.to_ascii_lowercase()).ok_or_else(|| wrong.to_owned())
}
