//! The log of the ChatMock crates, on standard error.

use std::io::{IsTerminal, stderr};
use std::panic;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::LogFormat;
use crate::line_limit::LineLimit;
use crate::log_writer::LogWriter;

/// The common prefix of the crates' names.
const OURS: &str = "chatmock";

/// The started log.
#[derive(Debug)]
pub(crate) struct Log {
    writer: LogWriter,
    format: LogFormat,
    limit: LineLimit,
}

impl Log {
    /// Starts the log, with more detail when `verbose`.
    pub(crate) fn start(writer: &LogWriter, format: LogFormat, verbose: bool) -> Self {
        let level = if verbose { LevelFilter::DEBUG } else { LevelFilter::INFO };
        // Other crates log warnings only: their finer messages may contain headers and bodies.
        let filter = Targets::new().with_default(LevelFilter::WARN).with_target(OURS, level);
        let log = Self { writer: writer.clone(), format, limit: LineLimit::default() };
        let writer = writer.clone();
        let limit = log.limit.clone();
        let lines = fmt::layer().with_writer(move || writer.clone()).with_target(verbose);
        // Only this crate starts a log, and only once. Colours follow the terminal and NO_COLOR.
        let layers = tracing_subscriber::registry();
        match format {
            LogFormat::Human if log.is_on_terminal() => {
                layers.with(lines.with_filter(limit)).with(filter).init();
            }
            LogFormat::Human => {
                layers.with(lines.with_ansi(false).with_filter(limit)).with(filter).init();
            }
            LogFormat::Json => {
                let lines = lines.json().flatten_event(true);
                layers.with(lines.with_filter(limit)).with(filter).init();
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
