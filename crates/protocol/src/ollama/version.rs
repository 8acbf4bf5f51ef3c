//! `GET /api/version`: the version of Ollama's contract that is kept to.

use serde::Serialize;

/// The version, numeric.
#[derive(Clone, Debug, Serialize)]
pub struct Version<'a> {
    /// Such as `0.13.4`.
    pub version: &'a str,
}
