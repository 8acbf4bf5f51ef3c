//! The program as a process, against a simulated issuer and backend over real sockets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

mod accounts;
mod browser_login;
mod command_line;
mod concurrency;
mod device_code;
mod doctor;
mod harness;
mod import;
mod kills;
mod logout;
mod plan;
mod process;
mod reset_credit;
mod server;
#[cfg(unix)]
mod shared;
mod status;
#[cfg(unix)]
mod terminal;
