//! The conformance kit: what clients of OpenAI's, Anthropic's and Ollama's APIs rely on, asked of any server.
//!
//! A case asks as a client does and looks at every byte of the answer: shapes, the order of events, framing, ends,
//! counts and errors. It never looks at which words a model says, so that a server with any model can be asked. Where the
//! published descriptions of the APIs are beside the workspace, answers are held against them too.

mod chat;
mod completions;
mod messages;
mod ollama;
mod options;
mod responses;
mod sockets;
mod stream;
mod target;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use futures::future::BoxFuture;

pub use self::options::Options;
use self::target::Target;
use crate::say;

/// One contract.
struct Case {
    dialect: &'static str,
    name: &'static str,
    run: for<'t> fn(&'t Target) -> BoxFuture<'t, Result<(), String>>,
}

/// Makes the list of a dialect's cases, which are functions of their names.
macro_rules! cases {
    ($list:ident, $dialect:literal, $($name:ident),+ $(,)?) => {
        pub(super) const $list: &[super::Case] = &[$(super::Case {
            dialect: $dialect,
            name: stringify!($name),
            run: |target| Box::pin($name(target)),
        }),+];
    };
}
use cases;

/// All dialects, in the order in which they are asked.
const DIALECTS: [&[Case]; 7] = [
    chat::CASES,
    completions::CASES,
    responses::CASES,
    sockets::CASES,
    messages::CASES,
    ollama::CHAT,
    ollama::GENERATE,
];

/// The outcome of one case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The dialect.
    pub dialect: &'static str,
    /// The name of the case.
    pub name: &'static str,
    /// Why the contract does not hold, if it does not.
    pub fault: Option<String>,
}

/// Returns the names of the dialects.
fn names() -> impl Iterator<Item = &'static str> {
    DIALECTS.iter().filter_map(|cases| cases.first()).map(|case| case.dialect)
}

/// Runs the kit; the exit code is 1 where a contract does not hold, 2 where nothing could be asked.
pub(crate) fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let names: Vec<&str> = names().collect();
    let options = match Options::read(arguments, &names) {
        Ok(options) => options,
        Err(words) => return say(&words, ExitCode::from(2)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcomes = match runtime.map(|runtime| runtime.block_on(outcomes(&options))) {
        Ok(Ok(outcomes)) => outcomes,
        Ok(Err(words)) => return say(&words, ExitCode::from(2)),
        Err(error) => return say(&error.to_string(), ExitCode::from(2)),
    };
    let failed = outcomes.iter().any(|outcome| outcome.fault.is_some());
    // With a closed standard output, the code has to be enough.
    let _ = std::io::stdout().write_all(table(&outcomes).as_bytes());
    ExitCode::from(u8::from(failed))
}

/// Asks a server for everything that the options want.
///
/// # Errors
///
/// Words for a person where the server cannot be asked at all.
pub async fn outcomes(options: &Options) -> Result<Vec<Outcome>, String> {
    let target = Target::open(options).await?;
    let mut outcomes = Vec::new();
    for case in DIALECTS.iter().copied().flatten() {
        let wanted = &options.dialects;
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == case.dialect) {
            continue;
        }
        let fault = (case.run)(&target).await.err().map(|fault| brief(&fault));
        outcomes.push(Outcome { dialect: case.dialect, name: case.name, fault });
    }
    Ok(outcomes)
}

/// Returns the table of outcomes, and a score for each dialect and for all.
#[must_use]
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    let mut scores: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for Outcome { dialect, name, fault } in outcomes {
        let score = scores.entry(*dialect).or_default();
        *score = (score.0 + usize::from(fault.is_none()), score.1 + 1);
        let name = name.replace('_', " ");
        match fault {
            None => text.push_str(&format!("ok      {dialect:<16} {name}\n")),
            Some(fault) => text.push_str(&format!("NOT OK  {dialect:<16} {name}: {fault}\n")),
        }
    }
    let all = scores.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    text.push('\n');
    for (dialect, (held, asked)) in scores {
        text.push_str(&format!("{dialect:<24} {held:>3} of {asked}\n"));
    }
    text.push_str(&format!("{:<24} {:>3} of {}\n", "all", all.0, all.1));
    text
}

/// The longest fault that is shown, in characters.
const MAX_FAULT: usize = 300;

/// The first part of a fault, on one line.
fn brief(fault: &str) -> String {
    let line: String = fault.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(MAX_FAULT) {
        Some((end, _)) => format!("{}\u{2026}", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Fails with words unless a condition holds.
fn holds(condition: bool, words: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(words()) }
}

/// Fails unless two values are equal.
fn same<T: PartialEq + std::fmt::Debug>(found: &T, wanted: &T, what: &str) -> Result<(), String> {
    holds(found == wanted, || format!("{what} is {found:?}, not {wanted:?}"))
}
