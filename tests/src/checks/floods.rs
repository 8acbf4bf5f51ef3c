//! Clients that read nothing, against a flood: what each costs in memory, and others in time where all share one
//! connection to the backend.

use std::time::Duration;

use chatmock_testkit::client::Connection;
use futures::future::try_join_all;

use super::normal;
use crate::BoxError;
use crate::dialect::Dialect;
use crate::harness::Harness;
use crate::report::{Line, shown};
use crate::suite::Options;

/// The memory that one such client may hold, in MiB.
const MEMORY: u64 = 2;
/// The number of clients that share a connection with a normal one and read nothing.
const FROZEN: u64 = 3;
/// The most rounds in which a normal client is measured beside them.
const ROUNDS: u32 = 3;
/// The interval at which memory is read.
const LOOK: Duration = Duration::from_millis(50);

pub(super) async fn check(options: &Options) -> Result<Vec<Line>, BoxError> {
    let count = options.number(100, 20);
    let looks = options.number(400, 60);
    let harness = Harness::start()?;
    // What a first answer costs is not the flood's.
    let warm = Dialect::Chat.request("hello", true);
    try_join_all((0..count).map(|_| harness.ask(&warm))).await?;
    let before = harness.program.memory()?;
    let request = Dialect::Chat.request("MODE:flood:20000:65536", true);
    let address = harness.program.address;
    let connections =
        try_join_all((0..count).map(|_| Connection::begin(address, &request))).await?;
    harness.wait_for(|stats| stats.open_streams == count as u64).await?;
    let (mut most, mut ticks) = (before, tokio::time::interval(LOOK));
    for _ in 0..looks {
        ticks.tick().await;
        most = most.max(harness.program.memory()?);
    }
    let open = harness.simulator().stats().open_streams as usize;
    drop(connections);
    let stats = harness.wait_for(|stats| stats.open_streams == 0).await?;
    let grown = most.saturating_sub(before) / count as u64;
    let mut lines = vec![
        Line::memory("memory of a client that reads nothing", grown, MEMORY),
        Line::exactly("  floods held back", open, count),
        Line::exactly("  cancelled with their clients", stats.cancelled_streams as usize, count),
    ];
    lines.push(frozen(options).await?);
    Ok(lines)
}

/// Measures a normal client beside frozen ones, over a backend that speaks HTTP/2: their unread bytes must not take
/// the window of the connection that all streams share.
async fn frozen(options: &Options) -> Result<Line, BoxError> {
    let time = Duration::from_secs(options.number(10, 3) as u64);
    let harness = Harness::secure()?;
    let address = harness.program.address;
    let question = Dialect::Chat.request("hello", false);
    let before = normal::p99(address, &question, time).await?;
    let flood = Dialect::Chat.request("MODE:flood:20000:65536", true);
    let frozen = try_join_all((0..FROZEN).map(|_| Connection::begin(address, &flood))).await?;
    harness.wait_for(|stats| stats.open_streams == FROZEN).await?;
    // The first round may still see the flood fill the sockets of those clients.
    let mut during = Duration::MAX;
    for _ in 0..ROUNDS {
        during = during.min(normal::p99(address, &question, time).await?);
        if during <= 2 * before {
            break;
        }
    }
    drop(frozen);
    harness.wait_for(|stats| stats.open_streams == 0).await?;
    let calm = before.max(normal::p99(address, &question, time).await?);
    let limit = format!("at most 2 × {}", shown(calm));
    let name = format!("a normal client's p99 beside {FROZEN} frozen ones, HTTP/2");
    Ok(Line::new(&name, shown(during), limit, during <= 2 * calm))
}
