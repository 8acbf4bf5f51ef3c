//! Tests with Claude Code, unmodified, in a network of its own in which there is nothing but loopback.
//!
//! It is a large install (440 MB), so these tests run only under `CHATMOCK_TEST_CLAUDE_CODE=1` and are
//! reported as ignored otherwise. The server runs with `--demo --strict`: a member of its requests that
//! had no effect would be refused, and the test with it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]
#![allow(clippy::print_stderr, reason = "a failed run shows what the server wrote")]

#[allow(dead_code, reason = "the tests of the libraries use the rest")]
#[path = "../clients/background.rs"]
mod background;
#[allow(dead_code, reason = "the tests with SDKs use the rest")]
#[path = "../clients/environment.rs"]
mod environment;
mod program;
mod session;

use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chatmock_testkit::prerequisite::{find_program, lacking};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::environment::Problem;
use crate::session::Session;

/// The variable that asks for these tests.
const ASKED: &str = "CHATMOCK_TEST_CLAUDE_CODE";

/// The variable that says that the network is this process's own.
const ALONE: &str = "CHATMOCK_TEST_ALONE";

/// Brings loopback up and becomes the program that the arguments name.
const BECOME: &str = "ip link set lo up && exec \"$0\" \"$@\"";

/// The server and the programs, started by the first test and used by one test at a time.
type Shared = Arc<Mutex<OnceLock<Result<Session, Problem>>>>;

/// A test, which reports by panicking.
type Test = fn(&Session);

fn main() -> ExitCode {
    let asked = std::env::var_os(ASKED).is_some_and(|asked| asked == "1");
    let lacks = ["unshare", "ip", "git"].into_iter().find(|name| find_program(name).is_none());
    if asked && lacks.is_none() && std::env::var_os(ALONE).is_none() {
        // What is missing can be fetched only before the network is left.
        if let Err(Problem::Failed(why)) = program::CLAUDE.prepare("") {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
        let mut alone = Command::new("unshare");
        alone.args(["--net", "--map-root-user", "sh", "-c", BECOME]);
        alone.arg(std::env::current_exe().unwrap()).args(std::env::args_os().skip(1));
        let ended = alone.env(ALONE, "1").status();
        return match ended {
            Ok(status) if status.success() => ExitCode::SUCCESS,
            ended => {
                eprintln!("the tests in a network of their own: {ended:?}");
                ExitCode::FAILURE
            }
        };
    }
    let shared = Shared::default();
    let trials = TESTS.map(|(name, test)| {
        let shared = Arc::clone(&shared);
        Trial::ignorable_test(name, move || match (asked, lacks) {
            (false, _) => {
                Ok(Completion::ignored_with(format!("a large install; {ASKED}=1 asks for it")))
            }
            (true, Some(name)) => lacking(format!("{name} is not installed")),
            (true, None) => perform(&shared, test),
        })
    });
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.into());
    let shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(Ok(session)) = shared.get()
        && conclusion.has_failed()
    {
        eprintln!("What the server wrote:\n{}", session.log());
    }
    conclusion.exit_code()
}

const TESTS: [(&str, Test); 17] = [
    ("an_answer_is_printed", session::prints),
    ("a_tool_loop_runs_a_command", session::runs_a_command),
    ("a_file_is_read_and_then_edited_in_a_resumed_session", session::edits),
    ("calls_of_two_tools_at_once_are_both_answered", session::calls_in_parallel),
    ("a_picture_is_read", session::reads_a_picture),
    ("a_deferred_tool_is_loaded_once_it_is_searched_for", session::loads_a_tool),
    ("a_web_search_finds_its_links", session::searches_the_web),
    ("a_sub_agent_works_beside_the_session", session::sends_an_agent),
    ("every_name_of_a_model_is_answered", session::asks_by_name),
    ("a_plan_is_made_and_nothing_is_written", session::plans),
    ("a_conversation_is_compacted_and_goes_on", session::compacts),
    ("an_overload_in_the_middle_is_told", session::meets_an_overload_in_the_middle),
    ("an_overload_is_tried_again_and_told", session::meets_an_overload),
    ("an_overload_that_passes_is_tried_again_and_answered", session::outlives_an_overload),
    (
        "an_overload_in_the_middle_that_passes_is_tried_again_and_answered",
        session::outlives_an_overload_in_the_middle,
    ),
    ("another_model_is_chosen_within_a_session", session::changes_the_model),
    ("a_spent_plan_is_told_at_once_with_the_time_of_its_reset", session::meets_a_limit),
];

fn perform(shared: &Shared, test: Test) -> Result<Completion, Failed> {
    let shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    match shared.get_or_init(Session::start) {
        Ok(session) => {
            test(session);
            Ok(Completion::Completed)
        }
        Err(Problem::Missing(what)) => lacking(what),
        Err(Problem::Failed(why)) => Err(Failed::from(why.as_str())),
    }
}
