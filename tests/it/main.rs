//! Integration tests, built as one program.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

mod access;
mod addresses;
mod bodies;
mod caching;
mod codex;
mod conversation;
mod cors;
mod cuts;
mod dialects;
mod documented;
mod drain;
mod golden;
mod guard;
mod harness;
mod health;
mod hostile_requests;
mod http;
mod layering;
mod limits;
mod log;
mod models;
mod modes;
mod native_code;
mod ollama_program;
mod paths;
mod places;
mod refusals;
mod resilience;
mod routes;
mod session;
mod sign_in;
mod silence;
mod turns;
mod upstream_request;
mod wording;
