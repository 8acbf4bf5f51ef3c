//! Tests over real sockets.

mod answers;
mod api;
mod caching;
mod client;
mod contract;
mod issuer;
mod lifecycle;
mod modes;
mod plan;
mod plan_issuer;
mod turns;
