//! Tests of the route `api` with a server of another maker: LiteLLM's proxy, which offers the
//! Responses API.
//!
//! The provider behind it is `chatmock-server --demo`, called with chat completions, so every event
//! that the server under test reads is LiteLLM's own. LiteLLM is a large install, so these tests
//! run only under `CHATMOCK_TEST_PEERS=1` and are reported as ignored otherwise. If Python is
//! missing they are ignored as well, except under `CI=true`, where they fail.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]
#![allow(clippy::print_stderr, reason = "a failed run shows what the proxy wrote")]

mod answers;
#[allow(dead_code, reason = "the tests of the libraries use the rest")]
#[path = "../clients/background.rs"]
mod background;
#[allow(dead_code, reason = "the tests with SDKs use the rest")]
#[path = "../clients/environment.rs"]
mod environment;
mod harness;
mod litellm;
#[allow(dead_code, reason = "the tests of the program as a process use the rest")]
#[path = "../cli/process.rs"]
mod process;
mod refusals;
mod reply;
mod tools;

use std::cell::OnceCell;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use chatmock_testkit::prerequisite::lacking;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::environment::Problem;
use crate::harness::Harness;

/// The variable that enables these tests.
const ASKED: &str = "CHATMOCK_TEST_PEERS";

/// The programs, started by the first test and used by one test at a time, since some wait for a
/// line of a log.
type Shared = Arc<Mutex<OnceCell<Result<Harness, Problem>>>>;

/// A test, which reports by panicking.
type Test = fn(&Harness);

fn main() -> ExitCode {
    let harness = Shared::default();
    let trials = tests().map(|(name, test)| {
        let harness = Arc::clone(&harness);
        Trial::ignorable_test(format!("litellm::{name}"), move || perform(&harness, test))
    });
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.into());
    let harness = harness.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(Ok(harness)) = harness
        && conclusion.has_failed()
    {
        eprintln!("What the proxy wrote:\n{}", harness.proxy.stop());
    }
    conclusion.exit_code()
}

fn tests() -> [(&'static str, Test); 19] {
    [
        ("a_chat_stream_has_its_text_and_usage_and_ends_with_done", answers::chat_stream),
        ("a_whole_chat_has_its_text_and_usage", answers::chat),
        ("a_responses_stream_ends_with_response_completed", answers::responses_stream),
        ("a_whole_response_has_its_text_and_usage", answers::responses),
        ("a_completion_has_its_text_and_usage", answers::completion),
        ("an_ollama_stream_has_its_text_and_its_counts", answers::ollama_stream),
        ("the_model_list_is_the_proxys_own", answers::models),
        ("a_temperature_arrives_at_the_backend_behind", answers::temperature),
        ("a_tool_loop_ends_in_chat", tools::chat),
        ("a_tool_loop_ends_in_responses", tools::responses),
        ("a_tool_loop_ends_in_ollamas_api", tools::ollama),
        ("a_failure_within_a_stream_is_told_and_never_a_quiet_end", refusals::failure),
        ("an_unknown_model_is_refused_in_each_dialects_shape", refusals::unknown_model),
        ("a_refused_key_is_a_401_that_names_where_the_key_is", refusals::refused_key),
        ("a_key_that_the_proxy_does_not_know_is_told_in_its_words", refusals::unknown_key),
        ("an_address_without_v1_is_warned_of_at_the_start", refusals::no_path),
        ("a_wrong_path_is_a_404_that_names_the_flag", refusals::wrong_path),
        ("a_port_where_nobody_listens_is_a_502", refusals::nobody),
        ("a_client_that_leaves_frees_the_provider", refusals::leaving),
    ]
}

fn perform(harness: &Shared, test: Test) -> Result<Completion, Failed> {
    if std::env::var_os(ASKED).is_none_or(|asked| asked != "1") {
        return Ok(Completion::ignored_with(format!("a large install; {ASKED}=1 asks for it")));
    }
    let harness = harness.lock().unwrap_or_else(PoisonError::into_inner);
    match harness.get_or_init(Harness::start) {
        Ok(harness) => {
            test(harness);
            Ok(Completion::Completed)
        }
        Err(Problem::Missing(what)) => lacking(what),
        Err(Problem::Failed(why)) => Err(Failed::from(why)),
    }
}
