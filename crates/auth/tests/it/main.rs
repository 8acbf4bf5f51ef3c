//! Signing in and out over real sockets, against a simulated issuer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

mod browser;
mod canary;
mod device;
mod doctor;
mod harness;
mod hostile;
mod http;
mod import;
mod plan;
mod plan_hostile;
mod saving;
mod sign_out;
