//! `GET /api/ps`: the models that are loaded.

use serde::Serialize;

use super::tags::Details;

/// The list.
#[derive(Clone, Debug, Serialize)]
pub struct Loaded<'a> {
    /// The models that were used within the time for which they are kept.
    pub models: Vec<Model<'a>>,
}

/// One model.
#[derive(Clone, Debug, Serialize)]
pub struct Model<'a> {
    /// The name by which it was used.
    pub name: &'a str,
    /// The same again.
    pub model: &'a str,
    /// Always 0: nothing is in this machine's memory.
    pub size: u64,
    /// SHA-256 of the model's entry in the catalogue.
    pub digest: String,
    /// Its properties.
    pub details: Details,
    /// When it is no longer listed, in the form of RFC 3339.
    pub expires_at: String,
    /// Always 0, for the same reason.
    pub size_vram: u64,
    /// The size of its context, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
}
