//! Families: how one vendor's APIs answer a failure.

use serde::Serialize;

use crate::failure::Failure;

/// The dialects and endpoints of one vendor, which share the shape and the status of an error.
///
/// A failure is worded by a family, not by a dialect: every endpoint of a vendor has the same error
/// object, also those that serve no turn, such as the list of models. An embedder that serves such
/// endpoints needs nothing but this trait to word their failures.
pub trait Family: 'static {
    /// A failure as this family words it.
    type Error<'f>: Serialize;

    /// Words a failure.
    fn error(failure: &Failure) -> Self::Error<'_>;

    /// Returns the HTTP status of a failure; vendors differ in it, as in 503 or 529 for an overload.
    fn status(failure: &Failure) -> u16;
}
