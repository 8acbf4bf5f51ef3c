//! Tests with real SDKs on the real program, which calls its own scripted backend, and on the examples of proxies.
//!
//! Each SDK is installed once, pinned, below the target folder. Its script runs every check of its
//! section in `tests/clients/checks.txt` and prints one line for each; each line becomes one test
//! here. If Python or Node is missing, its tests are reported as ignored, except under `CI=true`,
//! where they fail.
#![allow(clippy::print_stderr, reason = "a failed run shows what the server wrote")]

use std::process::ExitCode;
use std::sync::Arc;

use chatmock_testkit::prerequisite::lacking;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::demo::Demo;
use crate::environment::{Language, NODE, PYTHON, RUST};
use crate::suite::{Outcome, Sdk, Suite};

mod background;
mod demo;
mod environment;
mod suite;

/// The checks of every SDK: a heading in brackets, then one name per line.
const CHECKS: &str = include_str!("../../../../tests/clients/checks.txt");

/// The SDKs: the official libraries of the three APIs, libraries over them, and the strictest parsers.
const SDKS: [Sdk; 19] = [
    sdk("openai_python", "openai", &PYTHON, "openai_checks.py"),
    sdk("openai_node", "openai", &NODE, "openai_checks.mjs"),
    sdk("ollama_python", "ollama", &PYTHON, "ollama_checks.py"),
    sdk("ollama_node", "ollama", &NODE, "ollama_checks.mjs"),
    sdk("anthropic_python", "anthropic", &PYTHON, "anthropic_checks.py"),
    sdk("anthropic_node", "anthropic", &NODE, "anthropic_checks.mjs"),
    sdk("langchain_anthropic", "langchain_anthropic", &PYTHON, "langchain_anthropic_checks.py"),
    sdk("pydantic_ai", "pydantic_ai", &PYTHON, "pydantic_ai_checks.py"),
    sdk("ai_sdk", "ai_sdk", &NODE, "ai_sdk_checks.mjs"),
    sdk("responses_ai_sdk", "loops", &NODE, "responses_ai_sdk.mjs"),
    sdk("responses_langchain", "loops", &NODE, "responses_langchain.mjs"),
    sdk("chat_langchain", "loops", &NODE, "chat_langchain.mjs"),
    sdk("responses_agents", "loops", &NODE, "responses_agents.mjs"),
    sdk("embeddings_langchain", "embeddings", &NODE, "embeddings_langchain.mjs"),
    sdk("responses_agents_python", "loops", &PYTHON, "responses_agents.py"),
    sdk("azure_python", "azure", &PYTHON, "azure_checks.py"),
    sdk("azure_node", "azure", &NODE, "azure_checks.mjs"),
    sdk("async_openai", "async_openai", &RUST, "async-openai"),
    sdk("ollama_rs", "ollama_rs", &RUST, "ollama-rs"),
];

/// The libraries that hand a key over, each in its own way.
const KEYED: [Sdk; 1] = [sdk("keys_python", "keys", &PYTHON, "keys_checks.py")];

/// The examples of proxies for embedders, each driven by the official libraries of one language.
const EXAMPLES: [(&str, Sdk); 2] = [
    ("axum_proxy", sdk("official_python", "proxy", &PYTHON, "proxy_checks.py")),
    ("hyper_proxy", sdk("official_node", "proxy", &NODE, "proxy_checks.mjs")),
];

/// Every route, each with its own server.
const ROUTES: [&str; 3] = ["codex", "plan", "api"];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The first test of an SDK waits for its script, which waits for the server. So the first tests
    // run at once.
    arguments.test_threads.get_or_insert(SDKS.len());
    let demos = ROUTES.map(|route| Arc::new(Demo::by(route)));
    let keyed = Arc::new(Demo::with_key());
    let every = demos.iter().flat_map(|demo| SDKS.map(|sdk| trials(sdk, demo)));
    let examples = EXAMPLES.map(|(name, sdk)| (Arc::new(Demo::example(name)), sdk));
    let more = examples.iter().map(|(example, sdk)| trials(*sdk, example));
    let mut suites: Vec<_> =
        every.chain(KEYED.map(|sdk| trials(sdk, &keyed))).chain(more).collect();
    let firsts: Vec<_> = suites.iter_mut().filter_map(Iterator::next).collect();
    let trials = firsts.into_iter().chain(suites.into_iter().flatten()).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let examples = examples.map(|(example, _)| example);
    for demo in demos.into_iter().chain([keyed]).chain(examples) {
        let log = demo.stop();
        if conclusion.has_failed() {
            eprintln!("What the server on the route {} wrote:\n{log}", demo.route);
        }
    }
    conclusion.exit_code()
}

const fn sdk(
    name: &'static str,
    section: &'static str,
    language: &'static Language,
    script: &'static str,
) -> Sdk {
    Sdk { name, section, language, script }
}

/// Returns all tests with an SDK.
fn trials(sdk: Sdk, demo: &Arc<Demo>) -> impl Iterator<Item = Trial> + use<> {
    let suite = Arc::new(Suite::new(sdk, Arc::clone(demo)));
    std::iter::once(unlisted(&suite)).chain(checks(sdk).map(move |check| trial(&suite, check)))
}

/// Returns the names of an SDK's checks.
fn checks(sdk: Sdk) -> impl Iterator<Item = &'static str> {
    let lines =
        CHECKS.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let heading = format!("[{}]", sdk.section);
    lines.skip_while(move |line| *line != heading).skip(1).take_while(|line| !line.starts_with('['))
}

/// Returns one check of one SDK as a test. The first to run starts the server and the script.
fn trial(suite: &Arc<Suite>, check: &'static str) -> Trial {
    let suite = Arc::clone(suite);
    let name = format!("{}::{}::{check}", suite.server(), suite.sdk().name);
    Trial::ignorable_test(name, move || settle(suite.outcome(check)))
}

/// Returns a test that fails if the script reports a check that is not in the list, since no other
/// test would show it.
fn unlisted(suite: &Arc<Suite>) -> Trial {
    let suite = Arc::clone(suite);
    let name = format!("{}::{}::every_check_is_listed", suite.server(), suite.sdk().name);
    Trial::ignorable_test(name, move || {
        let known: Vec<_> = checks(suite.sdk()).collect();
        settle(suite.unlisted(&known))
    })
}

/// Converts an outcome for the test runner.
fn settle(answer: Outcome) -> Result<Completion, Failed> {
    match answer {
        Outcome::Passed => Ok(Completion::Completed),
        Outcome::Failed(why) => Err(Failed::from(why)),
        Outcome::Missing(what) => lacking(what),
    }
}
