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

/// The rounds at most. Other work on the machine makes a delay longer and never shorter, so that the best
/// of several rounds says most about the program: a program that delays chunks does so in each of them.
const ROUNDS: usize = 8;

pub(super) async fn check(options: &Options) -> Result<Vec<Line>, BoxError> {
    let count = options.number(1000, 100);
    let harness = Harness::fast()?;
    let mut rounds = vec![Round::measure(&harness, count).await?];
    while rounds.len() < ROUNDS && rounds.iter().all(|round| round.added() > ADDED) {
        rounds.push(Round::measure(&harness, count).await?);
    }
    let total = count * rounds.len();
    let best = rounds.iter().min_by_key(|round| round.added()).ok_or("no round was measured")?;
    Ok(vec![
        Line::exactly("streams whole", rounds.iter().map(|round| round.whole).sum(), total),
        Line::exactly(
            "  deltas in them",
            rounds.iter().map(|round| round.deltas).sum(),
            total * DELTAS,
        ),
        Line::exactly(
            "  whole from the backend itself",
            rounds.iter().map(|round| round.whole_direct).sum(),
            total,
        ),
        Line::memory("  memory at most", harness.program.peak()?, MEMORY),
        Line::new(
            "  added p99 for a chunk",
            format!("{} on {}, round {}", shown(best.added()), shown(best.direct), rounds.len()),
            format!("at most {}", shown(ADDED)),
            best.added() <= ADDED && best.through > Duration::ZERO,
        ),
    ])
}

/// The same streams from the backend itself and through the program, one after the other.
struct Round {
    whole_direct: usize,
    whole: usize,
    deltas: usize,
    /// The p99 of a chunk's way from the backend itself.
    direct: Duration,
    /// The p99 of a chunk's way through the program.
    through: Duration,
}

impl Round {
    async fn measure(harness: &Harness, count: usize) -> Result<Self, BoxError> {
        let direct = run(harness, Target::Backend, count).await?;
        let through = run(harness, Target::Program, count).await?;
        let (mut direct_ages, mut through_ages) = (ages(&direct), ages(&through));
        Ok(Self {
            whole_direct: direct.answers.len(),
            whole: through.answers.len(),
            deltas: through_ages.len(),
            direct: percentile(&mut direct_ages, 99),
            through: percentile(&mut through_ages, 99),
        })
    }

    fn added(&self) -> Duration {
        self.through.saturating_sub(self.direct)
    }
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
