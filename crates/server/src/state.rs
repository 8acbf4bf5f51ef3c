//! State that outlives a request: credentials, models, limits and stored responses.

mod cache_file;
pub(crate) mod credentials;
pub(crate) mod limits;
pub(crate) mod models;
pub(crate) mod responses;
