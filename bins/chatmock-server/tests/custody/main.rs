//! Bad days of the machine: a full disk, a sign-in that is mounted by itself, a clock that is wrong, little memory.
//!
//! They need mounts and control groups, which only root may make, and `faketime`. Without, the tests are reported as ignored
//! with the reason, except with `CI=true`, where that is a failure.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod cases;
#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
#[path = "../cli/process.rs"]
#[allow(dead_code, reason = "the suite of the command line uses all of it")]
mod process;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    libtest_mimic::run(&arguments, cases::trials()).exit_code()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
