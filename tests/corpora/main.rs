//! Public corpora of hostile and odd inputs against the server and the decoder of server-sent events.
//!
//! Each corpus is taken from its registry by name at a pinned version, once, below the target folder. Where
//! a tool that this needs is missing its tests are reported as ignored, except under `CI=true`, where they
//! fail. Each test prints how many cases it ran.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]
#![allow(clippy::print_stdout, reason = "a count of cases shows that a corpus was not empty")]

use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use chatmock_testkit::prerequisite::lacking;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::fetch::Problem;

mod answers;
mod desync;
mod fetch;
#[path = "../it/harness.rs"]
#[allow(dead_code, reason = "shared with the integration tests, which use more of it")]
mod harness;
mod json;
mod naughty;
mod raw;
mod requests;
mod sse;

/// The result of a test: its count in words, or why it failed.
type Outcome = Result<String, Problem>;

/// The panics of this process. A connection's panic ends that connection alone, which looks like a refusal.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let show = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        show(panic);
    }));
    let trials = vec![
        trial("json::whole_bodies", json::whole),
        trial("json::values_of_an_unknown_member", json::wrapped),
        trial("gunicorn::requests", requests::gunicorn),
        trial("llhttp::requests", requests::llhttp),
        trial("desync::tiers", desync::tiers),
        trial("sse::vectors", sse::vectors),
        trial("naughty::contents", naughty::contents),
        trial("naughty::models", naughty::models),
        trial("naughty::headers", naughty::headers),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    let panics = PANICS.load(Ordering::Relaxed);
    if panics > 0 {
        println!("{panics} panics, which no input may cause");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

fn trial(name: &'static str, run: fn() -> Outcome) -> Trial {
    Trial::ignorable_test(name, move || settle(name, run()))
}

/// An outcome as the test runner takes it.
fn settle(name: &str, outcome: Outcome) -> Result<Completion, Failed> {
    match outcome {
        Ok(count) => {
            println!("{name}: {count}");
            Ok(Completion::Completed)
        }
        Err(Problem::Failed(why)) => Err(Failed::from(why)),
        Err(Problem::Missing(what)) => lacking(what),
    }
}

/// Runs a test that talks to a server.
fn wait<F: Future<Output = Outcome>>(test: F) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build()?.block_on(test)
}

/// The count in words where nothing was found wrong.
fn verdict(count: String, faults: &[String]) -> Outcome {
    if faults.is_empty() {
        Ok(count)
    } else {
        Err(format!("{count}\n{}", faults.join("\n")).into())
    }
}
