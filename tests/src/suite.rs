//! A suite: what was typed, which of its parts run, and what is printed of each.

use std::io;
use std::process::ExitCode;

use tokio::runtime::Runtime;

use crate::checks::FEWEST;
use crate::report::Line;
use crate::{BoxError, process, say};

/// The part that counts its requests.
const MIXTURE: &str = "mixture";

const USAGE: &str = "[--brief] [--only NAME]; for the mixture [--requests COUNT]";

/// The options of a run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Use the smaller numbers.
    pub(crate) brief: bool,
    /// The one part to run; all without it.
    only: Option<String>,
    /// The number of requests of a part that counts them, where it is not the usual one.
    pub(crate) requests: Option<usize>,
    /// The number of files that this process may open.
    pub(crate) files: u64,
}

impl Options {
    /// Reads the arguments of a program; returns a message for those that cannot be used.
    fn read(
        program: &str,
        names: &[&str],
        arguments: impl IntoIterator<Item = String>,
    ) -> Result<Self, String> {
        let known = || format!("names: {}", names.join(", "));
        let mut options = Self { brief: false, only: None, requests: None, files: 0 };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--brief" => options.brief = true,
                "--only" => {
                    let given = arguments.next().filter(|name| names.contains(&name.as_str()));
                    options.only = Some(given.ok_or_else(known)?);
                }
                "--requests" if names.contains(&MIXTURE) => {
                    options.requests = Some(count(arguments.next())?);
                }
                _ => return Err(format!("usage: {program} {USAGE}\n{}", known())),
            }
        }
        Ok(options)
    }

    /// The number for this run.
    pub(crate) fn number(&self, full: usize, brief: usize) -> usize {
        if self.brief { brief } else { full }
    }
}

fn count(given: Option<String>) -> Result<usize, String> {
    let count = given.and_then(|given| given.parse().ok()).filter(|count| *count >= FEWEST);
    count.ok_or_else(|| format!("--requests needs a number, {FEWEST} at least"))
}

/// Runs the wanted parts of a suite, in their order; the exit code says whether all hold.
pub(crate) fn main<R>(
    runtime: io::Result<Runtime>,
    program: &str,
    names: &[&'static str],
    run: impl Fn(&'static str, Options) -> R,
) -> ExitCode
where
    R: Future<Output = Result<Vec<Line>, BoxError>>,
{
    let options = match Options::read(program, names, std::env::args().skip(1)) {
        Ok(options) => options,
        Err(words) => return say(&words, ExitCode::from(2)),
    };
    let outcome = runtime.map_err(BoxError::from).and_then(|runtime| {
        let files = process::raise_file_limit()?;
        runtime.block_on(all(names, &Options { files, ..options }, run))
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => say(&fault.to_string(), ExitCode::FAILURE),
    }
}

async fn all<R>(
    names: &[&'static str],
    options: &Options,
    run: impl Fn(&'static str, Options) -> R,
) -> Result<bool, BoxError>
where
    R: Future<Output = Result<Vec<Line>, BoxError>>,
{
    let mut all = true;
    for name in names.iter().copied() {
        if options.only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let lines = match run(name, options.clone()).await {
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
