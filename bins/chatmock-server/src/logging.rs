//! The log: what the ChatMock crates tell, on standard error.

use std::io::{IsTerminal, stderr};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::LogFormat;

/// The start of the crates' names.
const OURS: &str = "chatmock";

/// Starts the log, with more in it when `verbose`.
pub(crate) fn start(format: LogFormat, verbose: bool) {
    let level = if verbose { LevelFilter::DEBUG } else { LevelFilter::INFO };
    // Other people's crates stay at warnings: what they tell below may hold headers and bodies.
    let filter = Targets::new().with_default(LevelFilter::WARN).with_target(OURS, level);
    let lines = fmt::layer().with_writer(stderr).with_target(verbose);
    // Only this crate starts a log, and once; colours follow the terminal and NO_COLOR.
    let log = tracing_subscriber::registry();
    match format {
        LogFormat::Human if stderr().is_terminal() => log.with(lines).with(filter).init(),
        LogFormat::Human => log.with(lines.with_ansi(false)).with(filter).init(),
        LogFormat::Json => log.with(lines.json().flatten_event(true)).with(filter).init(),
    }
}
