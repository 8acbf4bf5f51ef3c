//! The administration of a server: what it shows of itself to those who run it, and lets them change.

mod log_level;
pub(super) mod metrics;
pub(super) mod page;
mod usage;

use http::Method;

use super::family::Endpoint;
use crate::http::api_keys::Caller;

/// The endpoints, which belong to no vendor's API.
pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::new(Method::GET, "/usage", usage::get),
    Endpoint::new(Method::GET, "/metrics", metrics::get),
    Endpoint::new(Method::GET, "/ui", page::html),
    Endpoint::unlisted(Method::GET, "/ui/events", page::events),
    Endpoint::unlisted(Method::GET, "/ui/{file}", page::file),
    Endpoint::new(Method::POST, "/admin/log-level", log_level::set),
];

/// The label whose key sees what all others did.
const ADMIN: &str = "admin";

/// What a caller may see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct View {
    /// The label whose turns alone are seen; `None` for all.
    pub(crate) label: Option<String>,
    /// True if turns are seen with their notices and failures. Where no keys are set nobody can tell whose they are.
    pub(crate) details: bool,
}

impl View {
    /// Returns what a caller may see.
    pub(crate) fn of(caller: &Caller) -> Self {
        match caller.label() {
            None => Self { label: None, details: false },
            Some(ADMIN) => Self { label: None, details: true },
            Some(label) => Self { label: Some(label.to_owned()), details: true },
        }
    }
}
