//! Clients that read nothing, against a flood: what each costs in memory.

use std::time::Duration;

use chatmock_testkit::client::Connection;
use futures::future::try_join_all;

use crate::BoxError;
use crate::dialect::Dialect;
use crate::harness::Harness;
use crate::report::Line;
use crate::suite::Options;

/// The memory that one such client may hold, in MiB.
const MEMORY: u64 = 2;
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
    Ok(vec![
        Line::memory("memory of a client that reads nothing", grown, MEMORY),
        Line::exactly("  floods held back", open, count),
        Line::exactly("  cancelled with their clients", stats.cancelled_streams as usize, count),
    ])
}
