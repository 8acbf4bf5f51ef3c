//! HTTP itself: connections, admission, request bodies, responses and the access log.

pub(crate) mod access_log;
pub(crate) mod api_keys;
pub(crate) mod connection;
pub(crate) mod decompress;
pub(crate) mod fair_places;
pub(crate) mod guard;
pub(crate) mod log_limiter;
pub(crate) mod memory_budget;
pub(crate) mod multipart;
pub(crate) mod notes;
pub(crate) mod presence;
pub(crate) mod reason;
pub(crate) mod request_body;
pub(crate) mod response;
pub mod sanitize;
pub(crate) mod websocket;
