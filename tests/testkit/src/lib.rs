//! Test support that every crate and program of the workspace shares.
//!
//! It uses none of them unless asked to, so that each of them, the simulator included, can have it as a
//! dev-dependency.
//! The parts that can fail for a reason that a test may want to see return an [`std::io::Result`];
//! the assertions stop, as a test does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

#[cfg(feature = "simulator")]
pub mod backend;
pub mod blocking;
pub mod chromium;
pub mod client;
pub mod companion;
pub mod conversation;
pub mod prerequisite;
pub mod process;
#[cfg(all(unix, feature = "simulator"))]
pub mod redis;
#[cfg(unix)]
pub mod terminal;
pub mod wording;
