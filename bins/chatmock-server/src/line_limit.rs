//! A limit on the lines of one kind in the log, whichever part of the program writes them.
//!
//! The access log sums floods up by itself, with the figures that matter there. This is for all other lines that a
//! request can cause, such as those about a backend that fails: together with a client in a loop they would fill a
//! disk as well.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

/// The length of a window, in seconds.
const SECONDS: u64 = 10;

/// The number of lines of a kind that are written in a window.
const LINES: u64 = 200;

/// The field of lines that a person asked for, one for each request.
const ASKED_FOR: &str = "body";

/// Counts the lines of each kind: of each place in the source.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineLimit(Arc<Mutex<HashMap<Identifier, Count>>>);

#[derive(Debug)]
struct Count {
    metadata: &'static Metadata<'static>,
    lines: u64,
}

impl LineLimit {
    /// Reports the lines that were left out, at the end of each window.
    pub(crate) async fn run(self) {
        loop {
            tokio::time::sleep(Duration::from_secs(SECONDS)).await;
            self.report();
        }
    }

    /// Reports the lines that were left out, and starts a new window.
    pub(crate) fn report(&self) {
        // The lines of the report are counted, too, so that the lock must be free by then.
        let counts = std::mem::take(&mut *self.counts());
        for Count { metadata, lines } in counts.into_values() {
            let more = lines.saturating_sub(LINES);
            if more > 0 {
                let (file, line) = (metadata.file(), metadata.line());
                tracing::warn!(
                    more,
                    file,
                    line,
                    "lines of one kind were left out: there were too many"
                );
            }
        }
    }

    fn admits(&self, metadata: &'static Metadata<'static>) -> bool {
        if *metadata.level() > Level::INFO || metadata.fields().field(ASKED_FOR).is_some() {
            return true;
        }
        let mut counts = self.counts();
        let count = counts.entry(metadata.callsite()).or_insert(Count { metadata, lines: 0 });
        count.lines += 1;
        count.lines <= LINES
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Identifier, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Filter<S> for LineLimit {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        self.admits(event.metadata())
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Layer, fmt};

    use super::*;

    /// Returns the lines that are written, and the sums after them.
    fn written(write: impl Fn()) -> (String, String) {
        let (reader, writer) = std::io::pipe().unwrap();
        let limit = LineLimit::default();
        let lines = fmt::layer().with_ansi(false).with_writer(Mutex::new(writer));
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(limit.clone()));
        let reading = std::thread::spawn(move || std::io::read_to_string(reader).unwrap());
        tracing::subscriber::with_default(subscriber, || {
            write();
            tracing::info!("the end");
            limit.report();
        });
        let text = reading.join().unwrap();
        let (lines, sums) = text.split_once("the end\n").unwrap();
        (lines.to_owned(), sums.to_owned())
    }

    #[test]
    fn of_many_lines_of_a_kind_the_first_are_written_and_the_rest_counted() {
        let (lines, sums) = written(|| {
            for number in 0..1000 {
                tracing::warn!(number, "one kind");
                if number < 3 {
                    tracing::info!("another kind");
                }
            }
        });
        assert_eq!(lines.matches("one kind").count() as u64, LINES);
        assert_eq!(lines.matches("another kind").count(), 3);
        assert!(sums.contains("more=800") && sums.contains("line_limit.rs"), "{sums}");
        assert_eq!(sums.lines().count(), 1, "{sums}");
    }

    #[test]
    fn lines_that_were_asked_for_are_all_written() {
        let (lines, sums) = written(|| {
            for _ in 0..1000 {
                tracing::debug!("detail");
                tracing::info!(body = "{}", "body");
            }
        });
        assert_eq!(lines.matches("detail").count() + lines.matches("body=").count(), 2000);
        assert_eq!(sums, "");
    }
}
