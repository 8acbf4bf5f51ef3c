//! Many streams at once: all whole, in little memory, and hardly later than from the backend itself.

use std::time::Duration;

use chatmock_simulator::Fast;

use crate::BoxError;
use crate::harness::Harness;
use crate::load::{History, Load, Question, Run, Target};
use crate::report::{Line, percentile, shown};
use crate::suite::Options;

/// The memory for a thousand streams, in MiB.
const MEMORY: u64 = 96;
/// The longest that a chunk may be delayed, compared with the backend itself.
const ADDED: Duration = Duration::from_millis(5);
/// The number of deltas in each stream.
const DELTAS: usize = 60;
/// The milliseconds before each.
const PAUSE: u32 = 100;

/// In what time the streams begin, evenly, so that their deltas do not all fall on one moment. It is
/// a sixth of a stream's own time: all are open together.
const BEGINNING: Duration = Duration::from_secs(1);

pub(super) async fn check(options: &Options) -> Result<Vec<Line>, BoxError> {
    let count = options.number(1000, 100);
    let harness = Harness::fast()?;
    let direct = run(&harness, Target::Backend, count).await?;
    let through = run(&harness, Target::Program, count).await?;
    let (mut direct_ages, mut through_ages) = (ages(&direct), ages(&through));
    let deltas = through_ages.len();
    let direct_p99 = percentile(&mut direct_ages, 99);
    let through_p99 = percentile(&mut through_ages, 99);
    let added = through_p99.saturating_sub(direct_p99);
    Ok(vec![
        Line::exactly("streams whole", through.answers.len(), count),
        Line::exactly("  deltas in them", deltas, count * DELTAS),
        Line::exactly("  whole from the backend itself", direct.answers.len(), count),
        Line::memory("  memory at most", harness.program.peak()?, MEMORY),
        Line::new(
            "  added p99 for a chunk",
            format!("{} on {}", shown(added), shown(direct_p99)),
            format!("at most {}", shown(ADDED)),
            added <= ADDED && through_p99 > Duration::ZERO,
        ),
    ])
}

/// Reads so many streams at once.
async fn run(harness: &Harness, target: Target, clients: usize) -> Result<Run, BoxError> {
    let fast = Fast::Paced(u32::try_from(DELTAS)?, PAUSE);
    let question = Question::new(harness, target, fast, History::Nothing)?;
    let load = Load { clients, time: Duration::ZERO, beginning: BEGINNING };
    load.run(harness, &question).await
}

fn ages(run: &Run) -> Vec<Duration> {
    run.answers.iter().flat_map(|answer| answer.ages.iter().copied()).collect()
}
