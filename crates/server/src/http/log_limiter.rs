//! The limit on the access log during floods: of each kind the first lines in 10 s are written, the rest are counted.
//!
//! Each line costs more than the request that caused it: without a limit a client could fill a disk, or hide a line
//! that matters among millions. So failures, successes and turns each have lines of their own. Turns have more, since
//! they cost quota and each of them may be asked about.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chatmock_protocol::responses::Usage;
use http::StatusCode;
use tokio::sync::Notify;

/// The length of a window, in seconds.
const SECONDS: u64 = 10;

/// The number of failures in a window that get a line of their own, and that of successes.
const LINES: usize = 50;

/// The same for turns.
const LINES_OF_TURNS: usize = 200;

/// Decides which requests get a line.
#[derive(Debug, Default)]
pub(crate) struct LogLimiter {
    state: Mutex<Windows>,
    begun: Notify,
}

#[derive(Debug, Default)]
struct Windows {
    failures: Window<u16>,
    successes: Window<u16>,
    turns: Window<&'static str>,
    /// The tokens of the turns without a line, so that the log's sums are whole.
    tokens: Usage,
}

/// The lines of one kind.
#[derive(Debug)]
struct Window<K> {
    lines: usize,
    /// The number of further requests, by status or outcome.
    more: BTreeMap<K, u64>,
}

impl<K> Default for Window<K> {
    fn default() -> Self {
        Self { lines: 0, more: BTreeMap::new() }
    }
}

impl LogLimiter {
    /// Returns whether a response gets a line; one that does not is counted.
    pub(crate) fn admits(&self, status: StatusCode) -> bool {
        let mut state = self.state();
        let window = match status.is_client_error() || status.is_server_error() {
            true => &mut state.failures,
            false => &mut state.successes,
        };
        self.note(window.admits(status.as_u16(), LINES))
    }

    /// Returns whether a turn with this outcome gets a line; one that does not is counted, with its tokens.
    pub(crate) fn admits_turn(&self, outcome: &'static str, usage: Option<Usage>) -> bool {
        let mut state = self.state();
        let admitted = state.turns.admits(outcome, LINES_OF_TURNS);
        if admitted == Admitted::Counted {
            state.tokens = state.tokens.plus(usage.unwrap_or_default());
        }
        drop(state);
        self.note(admitted)
    }

    fn note(&self, admitted: Admitted) -> bool {
        if admitted == Admitted::First {
            self.begun.notify_one();
        }
        admitted != Admitted::Counted
    }

    /// Reports the requests without a line at the end of each window.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.begun.notified().await;
            tokio::time::sleep(Duration::from_secs(SECONDS)).await;
            self.report();
        }
    }

    /// Reports the requests without a line and starts a new window.
    fn report(&self) {
        let Windows { failures, successes, turns, tokens } = std::mem::take(&mut *self.state());
        if let Some((requests, statuses)) = failures.sum() {
            tracing::warn!(
                requests,
                statuses,
                "more requests failed within {SECONDS} s: the first {LINES} were logged, the rest only counted"
            );
        }
        if let Some((requests, statuses)) = successes.sum() {
            tracing::info!(
                requests,
                statuses,
                "more requests succeeded within {SECONDS} s: the first {LINES} were logged, the rest only counted"
            );
        }
        if let Some((requests, outcomes)) = turns.sum() {
            tracing::info!(
                requests,
                outcomes,
                input_tokens = tokens.input,
                cached_tokens = tokens.cached,
                output_tokens = tokens.output,
                "more turns ended within {SECONDS} s: the first {LINES_OF_TURNS} were logged, the rest only counted"
            );
        }
    }

    fn state(&self) -> MutexGuard<'_, Windows> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The decision of a window about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admitted {
    /// It gets the first line.
    First,
    /// It gets a line.
    Line,
    /// It is counted.
    Counted,
}

impl<K: Ord + Display> Window<K> {
    fn admits(&mut self, key: K, most: usize) -> Admitted {
        if self.lines < most {
            self.lines += 1;
            return if self.lines == 1 { Admitted::First } else { Admitted::Line };
        }
        *self.more.entry(key).or_default() += 1;
        Admitted::Counted
    }

    /// Returns the number of requests without a line, and how many there were of each kind.
    fn sum(&self) -> Option<(u64, String)> {
        let each: Vec<String> =
            self.more.iter().map(|(key, count)| format!("{key}: {count}")).collect();
        (!each.is_empty()).then(|| (self.more.values().sum(), each.join(", ")))
    }
}

/// Reports the last window when it is dropped, however a server ends.
#[derive(Debug)]
pub(crate) struct ReportOnDrop(pub(crate) Arc<LogLimiter>);

impl Drop for ReportOnDrop {
    fn drop(&mut self) {
        self.0.report();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(limiter: &LogLimiter, status: u16, count: usize) -> usize {
        let status = StatusCode::from_u16(status).unwrap();
        (0..count).filter(|_| limiter.admits(status)).count()
    }

    #[test]
    fn failures_successes_and_turns_each_have_lines_of_their_own() {
        let limiter = LogLimiter::default();
        assert_eq!(lines(&limiter, 404, LINES - 1), LINES - 1);
        assert_eq!(lines(&limiter, 502, 7), 1);
        assert_eq!(lines(&limiter, 404, 100), 0);
        assert_eq!(lines(&limiter, 204, 1), 1);
        assert_eq!(lines(&limiter, 200, 1000), LINES - 1);
        let turns = (0..1000).filter(|_| limiter.admits_turn("complete", None)).count();
        assert_eq!(turns, LINES_OF_TURNS);
        let state = limiter.state();
        assert_eq!(state.failures.sum().unwrap(), (106, "404: 100, 502: 6".to_owned()));
        assert_eq!(state.successes.sum().unwrap(), (951, "200: 951".to_owned()));
        assert_eq!(state.turns.sum().unwrap(), (800, "complete: 800".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn each_while_begins_anew_with_its_first_failure() {
        let limiter = Arc::new(LogLimiter::default());
        let following = tokio::spawn(Arc::clone(&limiter).run());
        for _ in 0..3 {
            assert_eq!(lines(&limiter, 401, 2 * LINES), LINES);
            tokio::time::sleep(Duration::from_secs(SECONDS - 1)).await;
            assert_eq!(lines(&limiter, 401, LINES), 0);
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert!(limiter.state().failures.more.is_empty());
        }
        following.abort();
    }
}
