//! The program as a process, against a simulated issuer and backend over real sockets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

mod bench;
mod care;
mod codes;
mod crowd;
mod imports;
mod kills;
mod leaving;
mod pages;
mod plan;
mod replacing;
mod running;
mod server;
mod status;
#[cfg(unix)]
mod terminal;
mod words;
