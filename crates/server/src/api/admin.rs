//! The administration of a server: what it shows of itself to those who run it, and lets them change.

mod log_level;

use http::Method;

use super::family::Endpoint;

/// The endpoints, which belong to no vendor's API.
pub(super) const ENDPOINTS: &[Endpoint] =
    &[Endpoint::new(Method::POST, "/admin/log-level", log_level::set)];
