//! `GET /api/version`: the version of Ollama's API that is implemented.

use serde::Serialize;

/// The version, numeric.
#[derive(Clone, Debug, Serialize)]
pub struct Version<'a> {
    /// The version, such as `0.33.0`.
    pub version: &'a str,
}
