//! Tests over real sockets.

mod answers;
mod api;
mod caching;
mod contract;
mod harness;
mod issuer;
mod lifecycle;
mod modes;
mod plan;
mod plan_issuer;
mod turns;
