//! The start: from the program's beginning to its first answer, and how large it is.

use std::time::Instant;

use super::rounds::at_most;
use crate::BoxError;
use crate::harness::Harness;
use crate::process;
use crate::report::Line;
use crate::spread::{Spread, milliseconds};
use crate::suite::Options;

/// The longest start, in milliseconds.
const START: f64 = 50.0;
/// The size of a released program, in MB: with every endpoint, the page and the features that packages are built with.
const SIZE: f64 = 16.0;

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

pub(super) async fn measure(options: &Options) -> Result<Vec<Line>, BoxError> {
    let mut harness = Harness::fast()?;
    let mut times = Spread::default();
    for _ in 0..options.number(15, 5) {
        let begun = Instant::now();
        harness.restart()?;
        let reply = harness.ask(HEALTH).await?;
        times.push(milliseconds(begun.elapsed()));
        if reply.status != 200 {
            return Err(format!("/health answered {}", reply.status).into());
        }
    }
    let size = std::fs::metadata(process::path()?)?.len() as f64 / 1e6;
    let size = if cfg!(debug_assertions) {
        Line::skipped("  size", "not a release")
    } else {
        Line::new("  size", format!("{size:.2} MB"), format!("at most {SIZE} MB"), size <= SIZE)
    };
    Ok(vec![at_most("start to the first answer", &times, "ms", START), size])
}
