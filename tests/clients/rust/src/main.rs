//! The strictest parsers of both APIs against a server that runs with `--demo`.
//!
//! The only argument is the crate to check: `async-openai` or `ollama-rs`. The scripted backend answers
//! "You said: TEXT", calls a function whose name the text contains (`name=value` in the text fills its
//! arguments), answers a tool's output with "The tool said: OUTPUT", and `MODE:NAME` in the text chooses
//! an unhappy case.

mod ollama_rs;
mod openai;
mod runner;

use std::process::ExitCode;

/// The model that is asked for.
const MODEL: &str = "gpt-6-sol";

fn main() -> ExitCode {
    let checks = match std::env::args().nth(1).as_deref() {
        Some("async-openai") => openai::checks(),
        Some("ollama-rs") => ollama_rs::checks(),
        _ => {
            eprintln!("name the crate to check: async-openai or ollama-rs");
            return ExitCode::FAILURE;
        }
    };
    match runner::run(checks) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the runtime: {error}");
            ExitCode::FAILURE
        }
    }
}
