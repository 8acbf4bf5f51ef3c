//! The limit on the access log during floods of failures: the first 50 in 10 s get a line, the rest are counted.
//!
//! Anyone who can connect can cause failures, and each costs less than its line: without a limit a client could
//! fill a disk, or hide a line that matters among millions. Successes are never limited, since
//! they cost quota and each of them may be asked about.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::Notify;

/// The length of a window, in seconds.
const SECONDS: u64 = 10;

/// How many failures in a window get a line of their own.
const LINES: usize = 50;

/// Decides which failures get a line.
#[derive(Debug, Default)]
pub(crate) struct LogLimiter {
    state: Mutex<Window>,
    begun: Notify,
}

#[derive(Debug, Default)]
struct Window {
    lines: usize,
    /// The number of further failures, by status.
    more: BTreeMap<u16, u64>,
}

impl LogLimiter {
    /// Whether a response gets a line: a success always does, and a failure that does not is counted.
    pub(crate) fn admits(&self, status: StatusCode) -> bool {
        if !(status.is_client_error() || status.is_server_error()) {
            return true;
        }
        let mut state = self.state();
        if state.lines == 0 {
            self.begun.notify_one();
        }
        if state.lines < LINES {
            state.lines += 1;
            return true;
        }
        *state.more.entry(status.as_u16()).or_default() += 1;
        false
    }

    /// Reports the failures without a line at the end of each window.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.begun.notified().await;
            tokio::time::sleep(Duration::from_secs(SECONDS)).await;
            self.report();
        }
    }

    /// Reports the failures without a line and starts a new window.
    fn report(&self) {
        let Window { more, .. } = std::mem::take(&mut *self.state());
        if more.is_empty() {
            return;
        }
        let requests: u64 = more.values().sum();
        let each: Vec<String> =
            more.iter().map(|(status, count)| format!("{status}: {count}")).collect();
        tracing::warn!(
            requests,
            statuses = each.join(", "),
            "more requests failed within {SECONDS} s: the first {LINES} were logged, the rest only counted"
        );
    }

    fn state(&self) -> MutexGuard<'_, Window> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn successes_always_have_a_line_and_failures_only_the_first() {
        let limiter = LogLimiter::default();
        assert_eq!(lines(&limiter, 404, LINES - 1), LINES - 1);
        assert_eq!(lines(&limiter, 502, 7), 1);
        assert_eq!(lines(&limiter, 404, 100), 0);
        for status in [200, 204, 304] {
            assert_eq!(lines(&limiter, status, 1000), 1000);
        }
        assert_eq!(limiter.state().more, BTreeMap::from([(404, 100), (502, 6)]));
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
            assert!(limiter.state().more.is_empty());
        }
        following.abort();
    }
}
