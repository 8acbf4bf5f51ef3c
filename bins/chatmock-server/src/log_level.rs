//! The level of the log, which a signal or a request changes while the program runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chatmock_server::{LogControl, LogLevel};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::reload::{Handle, Layer};

use crate::log_writer::LogWriter;

/// The time after which the level is what it was at the start: a log that somebody forgot fills disks.
const LASTS: Duration = Duration::from_secs(3600);

/// The common prefix of the crates' names.
const OURS: &str = "chatmock";

/// A switch for the level. Clones switch the same log.
#[derive(Clone, Debug)]
pub(crate) struct LevelSwitch(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    filter: Handle<Targets, Registry>,
    writer: LogWriter,
    start: LogLevel,
    now: Mutex<LogLevel>,
    /// The number of changes so far, by which an older change knows that it is not the last.
    changes: AtomicU64,
}

impl LevelSwitch {
    /// Makes the filter of a log and its switch.
    pub(crate) fn new(start: LogLevel, writer: LogWriter) -> (Self, Layer<Targets, Registry>) {
        let (layer, filter) = Layer::new(targets(start));
        let (now, changes) = (Mutex::new(start), AtomicU64::new(0));
        (Self(Arc::new(Inner { filter, writer, start, now, changes })), layer)
    }

    /// Changes to the other level, as the signal asks.
    pub(crate) fn switch(&self) {
        self.set_level(self.level().next());
    }

    fn apply(&self, level: LogLevel) {
        let mut now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
        // The log is gone only when the program ends.
        if *now != level && self.0.filter.reload(targets(level)).is_ok() {
            *now = level;
            tracing::info!("the level of the log is {}", level.as_str());
        }
    }
}

impl LogControl for LevelSwitch {
    fn level(&self) -> LogLevel {
        *self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_level(&self, level: LogLevel) {
        let change = self.0.changes.fetch_add(1, Ordering::Relaxed) + 1;
        self.apply(level);
        if level == self.0.start {
            return;
        }
        let switch = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LASTS).await;
            if switch.0.changes.load(Ordering::Relaxed) == change {
                switch.apply(switch.0.start);
            }
        });
    }

    fn lines_lost(&self) -> u64 {
        self.0.writer.lost()
    }
}

/// Other crates log warnings only: their finer messages may contain headers and bodies.
fn targets(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    Targets::new().with_default(LevelFilter::WARN).with_target(OURS, level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_changed_level_lasts_an_hour_from_the_last_change() {
        let writer = LogWriter::start(std::io::sink()).unwrap();
        let (switch, _layer) = LevelSwitch::new(LogLevel::Info, writer);
        switch.switch();
        tokio::time::sleep(LASTS / 2).await;
        switch.set_level(LogLevel::Debug);
        tokio::time::sleep(LASTS * 3 / 4).await;
        assert_eq!(switch.level(), LogLevel::Debug);
        tokio::time::sleep(LASTS / 2).await;
        assert_eq!(switch.level(), LogLevel::Info);
        switch.switch();
        switch.switch();
        assert_eq!(switch.level(), LogLevel::Info);
    }
}
