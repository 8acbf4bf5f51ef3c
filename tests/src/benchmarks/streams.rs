//! A thousand open streams: the memory for each, and how soon the calls of the backend are cancelled.

use std::time::{Duration, Instant};

use chatmock_simulator::Fast;
use chatmock_testkit::client::Connection;
use futures::{StreamExt, TryStreamExt, stream};

use super::rounds::informational;
use super::workloads::SHORT;
use crate::BoxError;
use crate::harness::Harness;
use crate::load::{History, Load, Question, Target};
use crate::report::{Line, MIB, shown};
use crate::suite::Options;

/// The memory of a program that has just been started, in MiB.
const IDLE: u64 = 12;
/// The memory for a stream, in KiB.
const EACH: f64 = 50.0;
/// The longest that a call of the backend may outlive its client.
const LEFT: Duration = Duration::from_millis(100);
/// The number of streams that are opened at a time.
const SIDE_BY_SIDE: usize = 32;

pub(super) async fn measure(options: &Options) -> Result<Vec<Line>, BoxError> {
    let count = options.number(1000, 200);
    if options.files < 4 * count as u64 {
        return Ok(vec![Line::skipped("streams", "too few open files are allowed")]);
    }
    let harness = Harness::fast()?;
    let idle = harness.program.memory()?;
    let short = Question::new(&harness, Target::Program, SHORT.fast, History::Nothing)?;
    let load = Load { clients: 8, time: Duration::from_millis(100), beginning: Duration::ZERO };
    load.run(&harness, &short).await?;
    let warm = harness.program.memory()?;
    let open = open(&harness, count).await?;
    let each = harness.program.memory()?.saturating_sub(warm) as f64 / 1024.0 / count as f64;
    let left = Instant::now();
    drop(open);
    let stats = harness.wait_for(|stats| stats.open_streams == 0).await?;
    let last = stats.closed_streams.back().ok_or("no call was closed")?;
    let let_go = last.at.saturating_duration_since(left);
    Ok(vec![
        Line::memory("memory at the start", idle, IDLE),
        informational("  when warm", format!("{:.1} MiB", warm as f64 / MIB as f64)),
        Line::new(
            &format!("  for each of {count} open streams"),
            format!("{each:.1} KiB"),
            format!("at most {EACH} KiB"),
            each <= EACH,
        ),
        Line::new(
            "calls cancelled after all have left",
            shown(let_go),
            format!("at most {}", shown(LEFT)),
            let_go <= LEFT,
        ),
        Line::exactly("  calls left open", stats.open_streams as usize, 0),
    ])
}

/// Opens streams and reads the first text of each.
async fn open(harness: &Harness, count: usize) -> Result<Vec<Connection>, BoxError> {
    let question =
        Question::new(harness, Target::Program, Fast::Paced(600, 1000), History::Nothing)?;
    let opening = stream::iter(0..count).map(|_| question.open());
    opening.buffered(SIDE_BY_SIDE).try_collect().await
}
