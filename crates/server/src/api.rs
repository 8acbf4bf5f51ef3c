//! The endpoints: which paths are served, and in the shape of which API.

pub(crate) mod ollama;
pub(crate) mod openai;
pub(crate) mod responses;
pub(crate) mod route;
pub(crate) mod status;
