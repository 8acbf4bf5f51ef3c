//! Tests of the whole crate: their support, and the properties that hold in every dialect.

mod client;
mod invariants;
pub(crate) mod support;
