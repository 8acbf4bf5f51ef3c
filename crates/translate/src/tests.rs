//! Tests of the whole crate: their support, and the properties that hold in every dialect.

pub(crate) mod client;
mod invariants;
pub(crate) mod support;
