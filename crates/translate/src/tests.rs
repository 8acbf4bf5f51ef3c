//! Tests of the whole crate: their support, and the properties that hold in every dialect.

mod invariants;
pub(crate) mod support;
