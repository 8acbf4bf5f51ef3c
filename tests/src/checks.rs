//! The checks, in the order in which they run.

mod attackers;
mod cuts;
mod drain;
mod floods;
mod idle;
mod leaving;
mod mixture;
mod panics;
mod sockets;
mod stamps;
mod streams;

pub(crate) use self::mixture::FEWEST;
use crate::Fault;
use crate::options::Options;
use crate::process;
use crate::report::Line;

/// The name of every check.
pub(crate) const NAMES: [&str; 9] =
    ["streams", "idle", "floods", "leaving", "cuts", "drain", "panics", "mixture", "attackers"];

/// Runs the wanted checks; says whether all hold.
pub(crate) async fn run(options: &Options) -> Result<bool, Fault> {
    let files = process::raise_file_limit()?;
    let mut all = true;
    for name in NAMES.into_iter().filter(|name| options.wants(name)) {
        let lines = match check(name, options, files).await {
            Ok(lines) => lines,
            Err(why) => vec![Line::broken(name, why)],
        };
        for line in lines {
            line.print()?;
            all &= line.holds();
        }
    }
    Ok(all)
}

async fn check(name: &str, options: &Options, files: u64) -> Result<Vec<Line>, Fault> {
    match name {
        "streams" => streams::check(options).await,
        "idle" => idle::check(options, files).await,
        "floods" => floods::check(options).await,
        "leaving" => leaving::check(options).await,
        "cuts" => cuts::check(options).await,
        "drain" => drain::check(options).await,
        "panics" => panics::check(options).await,
        "mixture" => mixture::check(options).await,
        "attackers" => attackers::check(options).await,
        _ => Err("there is no such check".into()),
    }
}
