//! The log of the ChatMock crates, on standard error.

use std::io::{IsTerminal, stderr};
use std::panic;

use chatmock_server::LogLevel;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::LogFormat;
use crate::line_limit::LineLimit;
use crate::log_level::LevelSwitch;
use crate::log_rows::Rows;
use crate::log_writer::LogWriter;
use crate::terminal;

/// The started log.
#[derive(Debug)]
pub(crate) struct Log {
    writer: LogWriter,
    format: LogFormat,
    limit: LineLimit,
    level: LevelSwitch,
}

impl Log {
    /// Starts the log, with more detail when `verbose`.
    pub(crate) fn start(writer: &LogWriter, format: LogFormat, verbose: bool) -> Self {
        let level = if verbose { LogLevel::Debug } else { LogLevel::Info };
        let (level, filter) = LevelSwitch::new(level, writer.clone());
        let log = Self { writer: writer.clone(), format, limit: LineLimit::default(), level };
        let writer = writer.clone();
        let limit = log.limit.clone();
        let lines = fmt::layer().with_writer(move || writer.clone()).with_target(verbose);
        // Only this crate starts a log, and only once. A person at a terminal gets rows.
        let layers = tracing_subscriber::registry().with(filter);
        match format {
            LogFormat::Human if log.is_on_terminal() => {
                let lines = lines.event_format(Rows::new(terminal::shows_colour()));
                layers.with(lines.with_filter(limit)).init();
            }
            LogFormat::Human => {
                layers.with(lines.with_ansi(false).with_filter(limit)).init();
            }
            LogFormat::Json => {
                let lines = lines.json().flatten_event(true);
                layers.with(lines.with_filter(limit)).init();
            }
        }
        panic::set_hook(Box::new(|panic| {
            // The message of the panic is left out, since it may quote the data of a request.
            let place = panic.location().map(ToString::to_string);
            tracing::error!(place, "a panic");
        }));
        log
    }

    /// Returns the limit on lines of one kind, whose sums have to be reported.
    pub(crate) fn limit(&self) -> &LineLimit {
        &self.limit
    }

    /// Returns the switch for the level.
    pub(crate) fn level(&self) -> &LevelSwitch {
        &self.level
    }

    /// Returns whether a person reads the log on a terminal.
    pub(crate) fn is_on_terminal(&self) -> bool {
        self.format == LogFormat::Human && stderr().is_terminal()
    }

    /// Writes words that programs look for: as they are, or in JSON as an ordinary entry.
    pub(crate) fn announce(&self, words: &str) {
        match self.format {
            LogFormat::Human => self.writer.enqueue(words.as_bytes()),
            LogFormat::Json => tracing::info!("{}", words.trim_end()),
        }
    }
}
