//! `GET /api/ps`: the models that are loaded.

use serde::Serialize;

/// The list; nothing is ever loaded here.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Loaded {
    /// Always empty.
    pub models: [(); 0],
}
