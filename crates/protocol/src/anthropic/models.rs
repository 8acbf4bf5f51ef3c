//! `GET /v1/models` and `GET /v1/models/{id}`: the list of models and its rows.

use std::borrow::Cow;

use serde::Serialize;

/// The list of models.
#[derive(Clone, Debug, Serialize)]
pub struct ModelList<'a> {
    /// The models.
    pub data: Vec<Model<'a>>,
    /// Always false: the list is never split into pages.
    pub has_more: bool,
    /// The first row's id.
    pub first_id: Option<Cow<'a, str>>,
    /// The last row's id.
    pub last_id: Option<Cow<'a, str>>,
}

/// One model.
#[derive(Clone, Debug, Serialize)]
pub struct Model<'a> {
    /// Always `model`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The name to ask for it by.
    pub id: Cow<'a, str>,
    /// A name for people.
    pub display_name: Cow<'a, str>,
    /// When it was made, in RFC 3339; the epoch where that is not known.
    pub created_at: String,
    /// Always `active`.
    pub lifecycle: &'static str,
    /// Always `null`: the model belongs to none of Anthropic's lines.
    pub line: Option<()>,
    /// Tokens that fit a request.
    pub max_input_tokens: Option<u64>,
    /// Tokens that fit an answer.
    pub max_tokens: Option<u64>,
    /// What the model can do.
    pub capabilities: Capabilities,
}

/// Whether something is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Support {
    /// Whether it is.
    pub supported: bool,
}

/// What a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// Batches of requests.
    pub batch: Support,
    /// Citations of documents.
    pub citations: Support,
    /// Code that the service runs.
    pub code_execution: Support,
    /// Management of the conversation's length.
    pub context_management: Support,
    /// Levels of effort.
    pub effort: EffortSupport,
    /// Images in a request.
    pub image_input: Support,
    /// Documents in a request.
    pub pdf_input: Support,
    /// Tools that the service runs, such as a web search.
    pub server_tools: Support,
    /// Answers of a schema.
    pub structured_outputs: Support,
    /// Reasoning that is shown.
    pub thinking: ThinkingSupport,
}

/// The levels of effort that a model has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EffortSupport {
    /// Whether there are any.
    pub supported: bool,
    /// A little.
    pub low: Support,
    /// Moderate.
    pub medium: Support,
    /// Much.
    pub high: Support,
    /// Very much.
    pub xhigh: Support,
    /// The most.
    pub max: Support,
}

/// The kinds of reasoning that a model has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ThinkingSupport {
    /// Whether there are any.
    pub supported: bool,
    /// The kinds.
    pub types: ThinkingTypes,
}

/// The ways in which reasoning is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ThinkingTypes {
    /// As much as the model finds right.
    pub adaptive: Support,
    /// Within a budget.
    pub enabled: Support,
    /// None.
    pub disabled: Support,
    /// Only between calls of tools.
    pub between_tools: Support,
}
