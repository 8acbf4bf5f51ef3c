//! The workloads that are asked in rounds: a short answer, paced streams, floods, bursts and large requests.

use chatmock_simulator::Fast;
use chatmock_testkit::client::Connection;

use super::rounds::{Figures, Workload, at_most, compared, informational};
use crate::BoxError;
use crate::harness::Harness;
use crate::load::{History, Question, Target};
use crate::report::Line;
use crate::suite::Options;

/// One client and a short answer.
pub(super) const SHORT: Workload =
    Workload { fast: Fast::Burst(20), history: History::Nothing, clients: 1, time: 1200 };

/// Streams at a hundred deltas a second.
pub(super) const PACED: Workload =
    Workload { fast: Fast::Paced(100, 10), history: History::Nothing, clients: 8, time: 1000 };

/// Streams as fast as they go, an event a write.
pub(super) const FLOOD: Workload =
    Workload { fast: Fast::Flood(500), history: History::Nothing, clients: 8, time: 1000 };

/// Streams as fast as they go, in large writes.
pub(super) const BURST: Workload = Workload { fast: Fast::Burst(500), ..FLOOD };

const CONVERSATION: Workload =
    Workload { history: History::Conversation, clients: 4, time: 1000, ..SHORT };

const PICTURE: Workload = Workload { history: History::Picture, clients: 2, time: 1000, ..SHORT };

/// The largest request that is taken as the program starts, less than its limit by the JSON
/// around the text.
const LARGEST: History = History::Text((64 << 20) - 4096);

pub(super) async fn latency(options: &Options) -> Result<Vec<Line>, BoxError> {
    let figures = SHORT.rounds(&Harness::fast()?, options).await?;
    Ok(vec![
        figures.right("short answer"),
        compared("  first text, added p50", &figures.added_first, &figures.first, 0.6),
        compared("  whole, added p50", &figures.added_whole, &figures.whole, 5.0),
        at_most("  processor an answer", &figures.processor, "ms", 0.6),
        slept(&figures),
    ])
}

pub(super) async fn paced(options: &Options) -> Result<Vec<Line>, BoxError> {
    let figures = PACED.rounds(&Harness::fast()?, options).await?;
    Ok(vec![
        figures.right("8 streams at 100 deltas a second"),
        compared("  a delta's way, p50", &figures.age[0], &figures.age_direct[0], 1.0),
        compared("  a delta's way, p99", &figures.age[1], &figures.age_direct[1], 5.0),
        at_most("  processor for a million deltas", &figures.million, "s", 120.0),
        slept(&figures),
    ])
}

pub(super) async fn flood(options: &Options) -> Result<Vec<Line>, BoxError> {
    let figures = FLOOD.rounds(&Harness::fast()?, options).await?;
    streamed("8 floods, an event a write", &figures, 20.0)
}

pub(super) async fn burst(options: &Options) -> Result<Vec<Line>, BoxError> {
    let figures = BURST.rounds(&Harness::fast()?, options).await?;
    streamed("8 bursts in writes of 16 KiB", &figures, 5.0)
}

fn streamed(name: &str, figures: &Figures, limit: f64) -> Result<Vec<Line>, BoxError> {
    Ok(vec![
        figures.right(name),
        at_most("  processor for a million deltas", &figures.million, "s", limit),
        informational("  deltas a second", format!("{:.0}", figures.rate)),
        slept(figures),
    ])
}

pub(super) async fn conversation(options: &Options) -> Result<Vec<Line>, BoxError> {
    let figures = CONVERSATION.rounds(&Harness::fast()?, options).await?;
    Ok(vec![
        figures.right("conversation of 215 KB"),
        at_most("  processor an answer", &figures.processor, "ms", 3.0),
    ])
}

pub(super) async fn picture(options: &Options) -> Result<Vec<Line>, BoxError> {
    let harness = Harness::fast()?;
    let figures = PICTURE.rounds(&harness, options).await?;
    let question = Question::new(&harness, Target::Program, SHORT.fast, LARGEST)?;
    let mut connection = Connection::open(harness.program.address).await?;
    let answer = question.ask(&mut connection).await;
    let (size, holds) = (question.size() >> 10, answer.is_ok());
    let figure = answer.map_or_else(|fault| fault.to_string(), |_| "answered".to_owned());
    Ok(vec![
        figures.right("picture of 2 MB"),
        at_most("  processor an answer", &figures.processor, "ms", 8.0),
        Line::new(&format!("a request of {size} KiB"), figure, "answered", holds),
    ])
}

/// Sleeps explain most of the cost where an event is little work: each is a wake-up and a system call.
fn slept(figures: &Figures) -> Line {
    informational("  sleeps of its threads for a delta", format!("{:.2}", figures.sleeps))
}
