//! Signing in and out over real sockets, against a simulated issuer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

mod bench;
mod browser;
mod canary;
mod device;
mod hostile;
mod imports;
mod looks;
mod plan;
mod plan_hostile;
mod saving;
mod sign_out;
mod wire;
