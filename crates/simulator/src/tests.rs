//! Tests over real sockets.

mod answers;
mod client;
mod contract;
mod issuer;
mod lifecycle;
mod modes;
