//! The measures of the bench, in the order in which they run.

mod answers;
mod connections;
mod growth;
mod rounds;
mod secure;
mod start;
mod streams;
mod works;

use crate::Fault;
use crate::report::Line;
use crate::suite::Options;

/// The name of every measure.
pub(crate) const NAMES: [&str; 12] = [
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
];

/// Takes one measure.
pub(crate) async fn run(name: &'static str, options: Options) -> Result<Vec<Line>, Fault> {
    match name {
        "answers" => answers::measure().await,
        "latency" => works::latency(&options).await,
        "paced" => works::paced(&options).await,
        "flood" => works::flood(&options).await,
        "burst" => works::burst(&options).await,
        "conversation" => works::conversation(&options).await,
        "picture" => works::picture(&options).await,
        "streams" => streams::measure(&options).await,
        "start" => start::measure(&options).await,
        "connections" => connections::measure(&options).await,
        "growth" => growth::measure(&options).await,
        "secure" => secure::measure(&options).await,
        _ => Err("there is no such measure".into()),
    }
}
