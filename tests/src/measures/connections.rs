//! The program's own connections: kept and used again, not made for each call.

use std::time::Duration;

use super::works::SHORT;
use crate::Fault;
use crate::bench::Bench;
use crate::load::{Before, Load, Question, Via};
use crate::report::Line;
use crate::suite::Options;

/// The most new connections for each call, behind the first few.
const EACH: f64 = 0.01;

pub(super) async fn measure(options: &Options) -> Result<Vec<Line>, Fault> {
    let bench = Bench::fast().await?;
    let question = Question::new(&bench, Via::Program, SHORT.fast, Before::Nothing)?;
    let time = Duration::from_millis(options.number(2000, 500) as u64);
    let load = Load { clients: 8, time, beginning: Duration::ZERO };
    let before = bench.simulator.stats();
    let run = load.run(&bench, &question).await?;
    let after = bench.simulator.stats();
    let calls = after.streams - before.streams;
    let made = after.connections - before.connections;
    let each = made as f64 / calls.max(1) as f64;
    let name = format!("new connections for each of {calls} calls");
    Ok(vec![
        Line::exactly("wrong answers to 8 clients", run.wrong, 0),
        Line::new(&name, format!("{each:.4}"), format!("at most {EACH}"), each <= EACH),
    ])
}
