//! Many idle connections: all held, all still served, in little memory.

use futures::{StreamExt, TryStreamExt, stream};

use crate::Fault;
use crate::bench::Bench;
use crate::client::Wire;
use crate::options::Options;
use crate::report::Line;

/// The memory for ten thousand connections, in MiB.
const MEMORY: u64 = 160;
/// How many are opened side by side.
const SIDE_BY_SIDE: usize = 64;
/// A question that concerns no backend.
const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

pub(super) async fn check(options: &Options, files: u64) -> Result<Vec<Line>, Fault> {
    let count = options.number(10_000, 2_000);
    if files < 2 * count as u64 {
        return Ok(vec![Line::skipped("idle", format!("only {files} open files are allowed"))]);
    }
    let bench = Bench::start().await?;
    let address = bench.program.address;
    let opening = stream::iter(0..count).map(|_| async move {
        let wire = Wire::open(address).await?;
        let served = true;
        Ok::<_, Fault>((wire, served))
    });
    let wires: Vec<_> = opening.buffer_unordered(SIDE_BY_SIDE).try_collect().await?;
    let first = wires.iter().filter(|(_, served)| *served).count();
    let (memory, files) = (bench.program.peak()?, bench.program.files()?);
    let again = stream::iter(wires).map(|(mut wire, _)| async move {
        // A connection that was closed meanwhile counts as none.
        wire.ask(REQUEST).await.is_ok_and(|reply| reply.head.status == 200)
    });
    let again: Vec<bool> = again.buffer_unordered(SIDE_BY_SIDE).collect().await;
    let held = again.into_iter().filter(|served| *served).count();
    Ok(vec![
        Line::exactly("idle connections, served first", first, count),
        Line::new("  open at once", files, format!("at least {count}"), files >= count),
        Line::memory("  memory at most", memory, MEMORY),
        Line::exactly("  served once more", held, count),
    ])
}
