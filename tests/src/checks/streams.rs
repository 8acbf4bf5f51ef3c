//! Many streams at once: all whole, in little memory, and hardly later than from the backend itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::stamps::{Clock, Pace, Stamps};
use crate::Fault;
use crate::bench::Bench;
use crate::client::Wire;
use crate::dialect::Dialect;
use crate::options::Options;
use crate::report::{Line, percentile, shown};

/// The memory for a thousand streams, in MiB.
const MEMORY: u64 = 96;
/// How much longer a chunk may be under way than from the backend itself.
const ADDED: Duration = Duration::from_millis(5);
/// How each stream goes.
const PACE: Pace = Pace { deltas: 60, pause: Duration::from_millis(100) };

/// In what time the streams begin, evenly, so that their deltas do not all fall on one moment. It is
/// a sixth of a stream's own time: all are open together.
const BEGINNING: Duration = Duration::from_secs(1);

/// What came to all clients.
struct Run {
    whole: usize,
    /// How long each delta was under way.
    ages: Vec<Duration>,
}

pub(super) async fn check(options: &Options) -> Result<Vec<Line>, Fault> {
    let count = options.number(1000, 100);
    let backend = Stamps::start(PACE).await?;
    let bench = Bench::over(Some(backend.address)).await?;
    let mut direct = run(backend.address, backend.clock, count).await?;
    let mut through = run(bench.program.address, backend.clock, count).await?;
    let deltas = through.ages.len();
    let direct_p99 = percentile(&mut direct.ages, 99);
    let through_p99 = percentile(&mut through.ages, 99);
    let added = through_p99.saturating_sub(direct_p99);
    Ok(vec![
        Line::exactly("streams whole", through.whole, count),
        Line::exactly("  deltas in them", deltas, count * PACE.deltas),
        Line::exactly("  whole from the backend itself", direct.whole, count),
        Line::memory("  memory at most", bench.program.peak()?, MEMORY),
        Line::new(
            "  added p99 for a chunk",
            format!("{} on {}", shown(added), shown(direct_p99)),
            format!("at most {}", shown(ADDED)),
            added <= ADDED && through_p99 > Duration::ZERO,
        ),
    ])
}

/// Reads so many streams at once.
async fn run(address: SocketAddr, clock: Clock, count: usize) -> Result<Run, Fault> {
    let request = Arc::new(Dialect::Chat.request("hello", true));
    let mut clients = JoinSet::new();
    let mut ticks = tokio::time::interval(BEGINNING / u32::try_from(count)?);
    for _ in 0..count {
        ticks.tick().await;
        let request = Arc::clone(&request);
        clients.spawn(async move {
            let wire = Wire::open(address).await?;
            stream(wire, &request, clock).await
        });
    }
    let mut run = Run { whole: 0, ages: Vec::with_capacity(count * PACE.deltas) };
    while let Some(client) = clients.join_next().await {
        if let Ok(ages) = client? {
            run.whole += 1;
            run.ages.extend(ages);
        }
    }
    Ok(run)
}

/// Reads one stream; how long each of its deltas was under way.
async fn stream(mut wire: Wire, request: &[u8], clock: Clock) -> Result<Vec<Duration>, Fault> {
    wire.write(request).await?;
    if wire.head().await?.status != 200 {
        return Err("refused".into());
    }
    let (mut ages, mut last) = (Vec::with_capacity(PACE.deltas), String::new());
    while let Some(piece) = wire.chunk().await? {
        let piece = String::from_utf8_lossy(&piece).into_owned();
        ages.extend(clock.ages(&piece));
        last = piece;
    }
    let ended = last.contains("[DONE]") || last.contains("response.completed");
    if ended && ages.len() == PACE.deltas { Ok(ages) } else { Err("not whole".into()) }
}
