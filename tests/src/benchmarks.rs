//! The benchmarks, in the order in which they run.

mod answers;
mod connections;
mod growth;
mod loops;
mod rounds;
mod secure;
mod start;
mod streams;
mod workloads;

use crate::BoxError;
use crate::report::Line;
use crate::suite::Options;

/// The name of every measure.
pub(crate) const NAMES: [&str; 13] = [
    "answers",
    "latency",
    "paced",
    "flood",
    "burst",
    "conversation",
    "picture",
    "streams",
    "start",
    "connections",
    "growth",
    "secure",
    "loops",
];

/// Takes one measure.
pub(crate) async fn run(name: &'static str, options: Options) -> Result<Vec<Line>, BoxError> {
    match name {
        "answers" => answers::measure().await,
        "latency" => workloads::latency(&options).await,
        "paced" => workloads::paced(&options).await,
        "flood" => workloads::flood(&options).await,
        "burst" => workloads::burst(&options).await,
        "conversation" => workloads::conversation(&options).await,
        "picture" => workloads::picture(&options).await,
        "streams" => streams::measure(&options).await,
        "start" => start::measure(&options).await,
        "connections" => connections::measure(&options).await,
        "growth" => growth::measure(&options).await,
        "secure" => secure::measure(&options).await,
        "loops" => loops::measure(&options).await,
        _ => Err("there is no such measure".into()),
    }
}
