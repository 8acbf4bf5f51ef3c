//! The program's own connections: kept and used again, not made for each call.

use std::time::Duration;

use super::workloads::SHORT;
use crate::BoxError;
use crate::harness::Harness;
use crate::load::{History, Load, Question, Target};
use crate::report::Line;
use crate::suite::Options;

/// The most new connections for each call, behind the first few.
const EACH: f64 = 0.01;

pub(super) async fn measure(options: &Options) -> Result<Vec<Line>, BoxError> {
    let harness = Harness::fast()?;
    let question = Question::new(&harness, Target::Program, SHORT.fast, History::Nothing)?;
    let time = Duration::from_millis(options.number(2000, 500) as u64);
    let load = Load { clients: 8, time, beginning: Duration::ZERO };
    let before = harness.simulator().stats();
    let run = load.run(&harness, &question).await?;
    let after = harness.simulator().stats();
    let calls = after.streams - before.streams;
    let made = after.connections - before.connections;
    let each = made as f64 / calls.max(1) as f64;
    let name = format!("new connections for each of {calls} calls");
    Ok(vec![
        Line::exactly("wrong answers to 8 clients", run.wrong, 0),
        Line::new(&name, format!("{each:.4}"), format!("at most {EACH}"), each <= EACH),
    ])
}
