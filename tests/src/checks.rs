//! The checks, in the order in which they run.

mod attackers;
mod bodies;
mod cuts;
mod drain;
mod floods;
mod idle;
mod leaving;
mod mixture;
mod normal;
mod panics;
mod sockets;
mod streams;
mod web_sockets;

pub(crate) use self::mixture::FEWEST;
use crate::BoxError;
use crate::report::Line;
use crate::suite::Options;

/// The name of every check.
pub(crate) const NAMES: [&str; 11] = [
    "streams",
    "idle",
    "sockets",
    "floods",
    "leaving",
    "cuts",
    "drain",
    "panics",
    "mixture",
    "attackers",
    "bodies",
];

/// Runs one check.
pub(crate) async fn run(name: &'static str, options: Options) -> Result<Vec<Line>, BoxError> {
    match name {
        "streams" => streams::check(&options).await,
        "idle" => idle::check(&options).await,
        "sockets" => web_sockets::check(&options).await,
        "floods" => floods::check(&options).await,
        "leaving" => leaving::check(&options).await,
        "cuts" => cuts::check(&options).await,
        "drain" => drain::check(&options).await,
        "panics" => panics::check(&options).await,
        "mixture" => mixture::check(&options).await,
        "attackers" => attackers::check(&options).await,
        "bodies" => bodies::check(&options).await,
        _ => Err("there is no such check".into()),
    }
}
