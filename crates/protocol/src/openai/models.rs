//! `GET /v1/models` and `GET /v1/models/{id}`: the list of models.

use serde::Serialize;

/// One model, as OpenAI's clients read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Model<'a> {
    /// The name to request it by.
    pub id: &'a str,
    /// Always `model`.
    pub object: &'static str,
    /// Seconds of the Unix epoch. Where the backend reports no date, it is that of the list.
    pub created: u64,
    /// The operator of the model.
    pub owned_by: &'a str,
    /// The size of the context window, if the backend reports it; a common addition to the shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// The same under the name that other servers give it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
    /// `completion`, `tools`, `thinking`, `vision`, as Ollama's lists have it.
    pub capabilities: Vec<&'static str>,
}
