//! Serves the simulated backends, or recordings in their place, until it is stopped.
//!
//!     cargo run -p chatmock-simulator --example serve -- [--port PORT] [--cassettes FOLDER] [--pace] [--sequence]
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use chatmock_simulator::{Backend, Cassettes, ReplayOrder, Settings, Simulator};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mut settings, mut folder) = (Settings::default(), None);
    let (mut order, mut paced) = (ReplayOrder::Match, false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--port" => settings.port = words.next().ok_or("--port needs a number")?.parse()?,
            "--cassettes" => folder = Some(words.next().ok_or("--cassettes needs a folder")?),
            "--sequence" => order = ReplayOrder::Sequence,
            "--pace" => paced = true,
            other => return Err(format!("{other} is not understood").into()),
        }
    }
    settings.cassettes = folder.map(|folder| Cassettes::at(folder).in_order(order).paced(paced));
    let simulator = Simulator::start(settings).await?;
    for backend in [Backend::Codex, Backend::Plan, Backend::Api] {
        println!("{:<6} {}", format!("{backend:?}"), simulator.url_of(backend));
    }
    println!("listening on {}", simulator.origin());
    std::future::pending().await
}
