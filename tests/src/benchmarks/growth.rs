//! Growth: the cost of an event among few and many streams, and of a byte in small and large requests.

use std::time::{Duration, Instant};

use chatmock_simulator::Fast;

use super::workloads::SHORT;
use crate::BoxError;
use crate::harness::Harness;
use crate::load::{History, Load, Question, Target};
use crate::report::Line;
use crate::spread::Spread;
use crate::suite::Options;

/// The largest ratio between the cost of the most and of the fewest.
const GROWTH: f64 = 1.2;

/// Streams, and the milliseconds between two deltas of each: together two deltas a millisecond.
const STREAMS: [(usize, u32); 3] = [(10, 5), (100, 50), (1000, 500)];

/// Deltas in a millisecond.
const TOGETHER: f64 = 2.0;

/// How long the streams run before and while they are measured.
const BEFORE: Duration = Duration::from_millis(1200);
const WHILE: Duration = Duration::from_secs(2);

/// Bytes of text in a request.
const SIZES: [usize; 4] = [10_000, 100_000, 1_000_000, 10_000_000];

pub(super) async fn measure(options: &Options) -> Result<Vec<Line>, BoxError> {
    let harness = Harness::fast()?;
    let rounds = options.number(3, 1);
    let mut lines = vec![events(&harness, rounds).await?];
    lines.extend(bytes(&harness, rounds, options.number(700, 200) as u64).await?);
    Ok(lines)
}

/// Seconds of processor time for a million deltas, by the number of streams.
async fn events(harness: &Harness, rounds: usize) -> Result<Line, BoxError> {
    let mut spreads = STREAMS.map(|_| Spread::default());
    for _ in 0..rounds {
        for ((clients, pause), spread) in STREAMS.into_iter().zip(&mut spreads) {
            spread.push(window(harness, clients, pause).await?);
        }
    }
    let medians = spreads.each_ref().map(Spread::median);
    let shown = medians.map(|median| format!("{median:.1}")).join(" / ");
    let growth = medians[2] / medians[0];
    Ok(Line::new(
        "processor for a million deltas of 10 / 100 / 1,000 streams",
        format!("{shown} s, {growth:.2}"),
        format!("at most {GROWTH}"),
        growth <= GROWTH,
    ))
}

/// The same of streams that run, without their beginning and end.
async fn window(harness: &Harness, clients: usize, pause: u32) -> Result<f64, BoxError> {
    let longest = BEFORE + WHILE + WHILE / 2;
    let deltas = u32::try_from(longest.as_millis())? / pause;
    let fast = Fast::Paced(deltas, pause);
    let question = Question::new(harness, Target::Program, fast, History::Nothing)?;
    let beginning = Duration::from_millis(pause.into());
    let running = Load { clients, time: Duration::ZERO, beginning }.run(harness, &question);
    let measured = async {
        tokio::time::sleep(BEFORE).await;
        let (begun, processor) = (Instant::now(), harness.program.processor_time()?);
        tokio::time::sleep(WHILE).await;
        let spent = harness.program.processor_time()?.saturating_sub(processor);
        Ok::<_, BoxError>(spent.as_secs_f64() * 1e3 / (begun.elapsed().as_secs_f64() * TOGETHER))
    };
    let (run, measured) = tokio::join!(running, measured);
    match run?.why {
        Some(why) => Err(why.into()),
        None => measured,
    }
}

/// Nanoseconds of processor time for a byte, beyond those of a request that has none.
async fn bytes(harness: &Harness, rounds: usize, time: u64) -> Result<Vec<Line>, BoxError> {
    let mut spreads = SIZES.map(|_| Spread::default());
    for _ in 0..rounds {
        let (least, _) = answer(harness, History::Nothing, time).await?;
        for (size, spread) in SIZES.into_iter().zip(&mut spreads) {
            let (each, bytes) = answer(harness, History::Text(size), time).await?;
            spread.push((each - least) * 1e9 / bytes);
        }
    }
    let medians = spreads.each_ref().map(Spread::median);
    let shown = medians.map(|median| format!("{median:.2}")).join(" / ");
    // Those of 10 KB are little compared with what any request costs, and change as that does.
    let least = medians.into_iter().skip(1).fold(f64::INFINITY, f64::min);
    let growth = medians[SIZES.len() - 1] / least;
    Ok(vec![Line::new(
        "processor a byte of 10 KB / 100 KB / 1 MB / 10 MB",
        format!("{shown} ns, {growth:.2}"),
        format!("at most {GROWTH}"),
        growth <= GROWTH,
    )])
}

/// The processor time of an answer in seconds, and the bytes of its request.
async fn answer(harness: &Harness, history: History, time: u64) -> Result<(f64, f64), BoxError> {
    let question = Question::new(harness, Target::Program, SHORT.fast, history)?;
    let time = Duration::from_millis(time);
    let run = Load { clients: 1, time, beginning: Duration::ZERO }.run(harness, &question).await?;
    if let Some(why) = run.why {
        return Err(why.into());
    }
    Ok((run.processor.as_secs_f64() / run.answers.len() as f64, question.size() as f64))
}
