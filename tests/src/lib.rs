//! The self test: the real program under load and abuse, one line for each figure.

#[cfg(target_os = "linux")]
mod bench;
#[cfg(target_os = "linux")]
mod checks;
#[cfg(target_os = "linux")]
mod client;
#[cfg(target_os = "linux")]
mod dialect;
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod report;

use std::io::Write;
use std::process::ExitCode;

/// Whatever keeps a check from being made.
#[cfg(target_os = "linux")]
type Fault = Box<dyn std::error::Error + Send + Sync>;

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() -> ExitCode {
    let options = match options::Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(words) => return say(&words, ExitCode::from(2)),
    };
    match checks::run(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => say(&fault.to_string(), ExitCode::FAILURE),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    say("the self test reads /proc and needs Linux", ExitCode::FAILURE)
}

/// Writes words for a person and hands the code on.
fn say(words: &str, code: ExitCode) -> ExitCode {
    // With a closed standard error, the code has to be enough.
    let _ = writeln!(std::io::stderr(), "{words}");
    code
}
