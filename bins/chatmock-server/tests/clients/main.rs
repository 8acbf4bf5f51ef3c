//! The official OpenAI SDKs against the real program, which runs against its own scripted backend.
//!
//! Each SDK is installed once, pinned, below the target folder. Its script runs every check of
//! `tests/clients/checks.txt` and prints one line for each; each line becomes one test here. Where Python
//! or Node is missing its tests are reported as ignored, except under `CI=true`, where they fail.
#![allow(clippy::print_stderr, reason = "a failed run shows what the server wrote")]

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::demo::Demo;
use crate::suite::{Answer, Suite};

mod demo;
mod environment;
mod suite;

/// The checks that every SDK script implements, one a line.
const CHECKS: &str = include_str!("../../../../tests/clients/checks.txt");

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let demo = Arc::new(Demo::default());
    let trials = [environment::PYTHON, environment::NODE]
        .into_iter()
        .map(|kind| Arc::new(Suite::new(kind, Arc::clone(&demo))))
        .flat_map(|suite| {
            let unlisted = unlisted(&suite);
            checks().map(move |check| trial(&suite, check)).chain([unlisted])
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let log = demo.stop();
    if conclusion.has_failed() {
        eprintln!("What the server wrote:\n{log}");
    }
    conclusion.exit_code()
}

/// The names of all checks.
fn checks() -> impl Iterator<Item = &'static str> {
    CHECKS.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// One check of one SDK as a test. The first to run starts the server and the script.
fn trial(suite: &Arc<Suite>, check: &'static str) -> Trial {
    let suite = Arc::clone(suite);
    Trial::ignorable_test(format!("{}::{check}", suite.name()), move || settle(suite.answer(check)))
}

/// Fails where a script answers for a check that the list does not have, since no test would show it.
fn unlisted(suite: &Arc<Suite>) -> Trial {
    let suite = Arc::clone(suite);
    Trial::ignorable_test(format!("{}::every_check_is_listed", suite.name()), move || {
        let known: Vec<_> = checks().collect();
        settle(suite.beyond(&known))
    })
}

/// An answer as the test runner takes it.
fn settle(answer: Answer) -> Result<Completion, Failed> {
    match answer {
        Answer::Passed => Ok(Completion::Completed),
        Answer::Failed(why) => Err(Failed::from(why)),
        Answer::Missing(what) if std::env::var_os("CI").is_some_and(|ci| ci == "true") => {
            Err(Failed::from(format!("{what}, and CI=true does not let it be skipped")))
        }
        Answer::Missing(what) => Ok(Completion::ignored_with(what)),
    }
}
