//! `GET /api/tags`: the models that can be requested.

use serde::Serialize;

/// The list.
#[derive(Clone, Debug, Serialize)]
pub struct Tags<'a> {
    /// The models.
    pub models: Vec<Model<'a>>,
}

/// One model of the list.
#[derive(Clone, Debug, Serialize)]
pub struct Model<'a> {
    /// The name to request it by.
    pub name: &'a str,
    /// The same name.
    pub model: &'a str,
    /// When the model list was fetched, in the format of RFC 3339.
    pub modified_at: &'a str,
    /// Always 0: nothing is stored here, but clients require a number.
    pub size: u64,
    /// SHA-256 of the model's entry in the list, in hexadecimal.
    pub digest: &'a str,
    /// Properties of the model.
    pub details: Details,
    /// `completion`, `tools`, `thinking`, `vision`.
    pub capabilities: Vec<&'static str>,
    /// The name of the model at the server that runs it.
    pub remote_model: &'a str,
    /// The server that runs it: scheme, host and port.
    pub remote_host: &'a str,
}

/// Properties of a model. There is no file, so every field about one is neutral.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Details {
    /// Empty.
    pub parent_model: &'static str,
    /// Empty.
    pub format: &'static str,
    /// Empty.
    pub family: &'static str,
    /// Empty.
    pub families: [&'static str; 0],
    /// Empty.
    pub parameter_size: &'static str,
    /// Empty.
    pub quantization_level: &'static str,
    /// Tokens that fit a request and its answer, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
}
