//! Integration tests, built as one program.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

mod cuts;
mod house;
mod layering;
mod modes;
mod refusals;
mod sent;
mod session;
mod sign_in;
mod silence;
mod turns;
mod wire;
