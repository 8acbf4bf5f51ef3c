//! Clients that leave: how soon their calls of the backend are cancelled, whatever it was doing.

use std::time::{Duration, Instant};

use chatmock_testkit::client::Connection;

use crate::BoxError;
use crate::dialect::Dialect;
use crate::harness::Harness;
use crate::report::{Line, percentile};
use crate::suite::Options;

/// The longest that a call of the backend may outlive its client.
const LIMIT: Duration = Duration::from_millis(100);

/// The line's name, the question that brings the backend into a state, and the text after which the client leaves.
const STATES: [(&str, &str, Option<&str>); 3] = [
    ("cancelled while talking, p99", "MODE:slow:2000:5", Some("\"content\":\"1 ")),
    ("cancelled while silent, p99", "MODE:stall-after", Some("whole")),
    ("cancelled before headers, p99", "MODE:mute", None),
];

pub(super) async fn check(options: &Options) -> Result<Vec<Line>, BoxError> {
    let count = options.number(1000, 50);
    let harness = Harness::start()?;
    let mut lines = Vec::new();
    for (name, text, seen) in STATES {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            times.push(leave(&harness, text, seen).await?);
        }
        lines.push(Line::within(name, percentile(&mut times, 99), LIMIT));
    }
    let stats = harness.simulator().stats();
    let cancelled = stats.cancelled_streams as usize;
    lines.push(Line::exactly("  calls cancelled", cancelled, STATES.len() * count));
    lines.push(Line::exactly("  calls open in the end", stats.open_streams as usize, 0));
    Ok(lines)
}

/// Leaves once; gives the time until the backend noticed.
async fn leave(harness: &Harness, text: &str, seen: Option<&str>) -> Result<Duration, BoxError> {
    let request = Dialect::Chat.request(text, seen.is_some());
    let mut connection = Connection::begin(harness.program.address, &request).await?;
    harness.wait_for(|stats| stats.open_streams == 1).await?;
    if let Some(seen) = seen {
        connection.head().await?;
        connection.chunks_until(seen).await?;
    }
    let left = Instant::now();
    drop(connection);
    let stats = harness.wait_for(|stats| stats.open_streams == 0).await?;
    let closing = stats.closed_streams.back().ok_or("no call was closed")?;
    if !closing.cancelled {
        return Err("the call was over before its client left".into());
    }
    Ok(closing.at.saturating_duration_since(left))
}
