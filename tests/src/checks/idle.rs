//! Many idle connections: all held, all still served, in little memory.

use std::time::Duration;

use chatmock_testkit::client::{Connection, with_deadline};
use futures::{StreamExt, TryStreamExt, stream};

use crate::BoxError;
use crate::harness::Harness;
use crate::report::Line;
use crate::suite::Options;

/// The memory for ten thousand connections, in MiB.
const MEMORY: u64 = 160;
/// The number of connections that are opened at a time.
const SIDE_BY_SIDE: usize = 64;
/// The interval at which the program's open files are counted.
const LOOK: Duration = Duration::from_millis(20);
/// A question that concerns no backend.
const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

pub(super) async fn check(options: &Options) -> Result<Vec<Line>, BoxError> {
    let count = options.number(10_000, 2_000);
    if options.files < 2 * count as u64 {
        let files = options.files;
        return Ok(vec![Line::skipped("idle", format!("only {files} open files are allowed"))]);
    }
    let harness = Harness::start()?;
    let address = harness.program.address;
    let opening = stream::iter(0..count).map(|_| Connection::open(address));
    let mut connections: Vec<_> = opening.buffered(SIDE_BY_SIDE).try_collect().await?;
    let open = accepted(&harness, count).await?;
    let fresh = harness.program.memory()?;
    // Twice, since a connection that has served once is another thing than a new one.
    let first = serve(&mut connections).await;
    let used = harness.program.memory()?;
    let second = serve(&mut connections).await;
    Ok(vec![
        Line::new("idle connections open", open, format!("at least {count}"), open >= count),
        Line::memory("  memory before they ask", fresh, MEMORY),
        Line::exactly("  served once", first, count),
        Line::memory("  memory after they asked", used, MEMORY),
        Line::exactly("  served again", second, count),
    ])
}

/// Waits until the program has accepted so many; gives how many files it has open then.
async fn accepted(harness: &Harness, count: usize) -> Result<usize, BoxError> {
    let mut ticks = tokio::time::interval(LOOK);
    let all = async {
        loop {
            ticks.tick().await;
            let files = harness.program.files()?;
            if files >= count {
                return Ok(files);
            }
        }
    };
    with_deadline(all).await?
}

/// Asks on each connection; gives how many were answered.
async fn serve(connections: &mut [Connection]) -> usize {
    let asking = stream::iter(connections).map(|connection| async move {
        // A connection that was closed meanwhile is not served.
        connection.exchange(REQUEST).await.is_ok_and(|reply| reply.status == 200)
    });
    let served: Vec<bool> = asking.buffer_unordered(SIDE_BY_SIDE).collect().await;
    served.into_iter().filter(|served| *served).count()
}
