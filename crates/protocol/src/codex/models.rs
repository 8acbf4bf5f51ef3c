//! `GET /models`: the backend's list of models.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::{RawObject, ReadError, read};

/// One model of the list. Everything but the slug may be missing.
#[derive(Clone, Debug, Deserialize)]
pub struct Model {
    /// The name to request it by.
    pub slug: String,
    /// A name for people.
    #[serde(default)]
    pub display_name: Option<String>,
    /// A sentence about the model.
    #[serde(default)]
    pub description: Option<String>,
    /// The effort used when a request names none.
    #[serde(default)]
    pub default_reasoning_level: Option<String>,
    /// The efforts that the model offers.
    #[serde(default)]
    pub supported_reasoning_levels: Option<Vec<ReasoningLevel>>,
    /// `list`, `hide` or `none`.
    #[serde(default)]
    pub visibility: Option<String>,
    /// Order in lists, lower first.
    #[serde(default)]
    pub priority: Option<i64>,
    /// Tokens that fit a request and its answer.
    #[serde(default)]
    pub context_window: Option<u64>,
    /// The largest window that can be configured, in tokens.
    #[serde(default)]
    pub max_context_window: Option<u64>,
    /// Service tiers other than the standard one.
    #[serde(default)]
    pub service_tiers: Option<Vec<ServiceTier>>,
    /// `text`, `image`.
    #[serde(default)]
    pub input_modalities: Option<Vec<String>>,
    /// True if `text.verbosity` is understood.
    #[serde(default)]
    pub support_verbosity: Option<bool>,
    /// When the model was made, in seconds of the Unix epoch; in OpenAI's public list only.
    #[serde(default)]
    pub created: Option<u64>,
    /// The operator of the model; in OpenAI's public list only.
    #[serde(default)]
    pub owned_by: Option<String>,
    /// The effort that is sent for the level `ultra`.
    #[serde(default)]
    pub multi_agent_reasoning_effort: Option<String>,
}

/// An effort that a model offers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ReasoningLevel {
    /// The name of the effort.
    pub effort: String,
    /// A sentence about it.
    #[serde(default)]
    pub description: String,
}

/// A service tier that a model offers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ServiceTier {
    /// The value that is sent, such as `priority`.
    pub id: String,
    /// A name for people.
    #[serde(default)]
    pub name: String,
    /// A sentence about it.
    #[serde(default)]
    pub description: String,
}

/// A model, with its object as received but without the backend's own prompts.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The members that are read.
    pub model: Model,
    /// The object as received, without the backend's prompts: they have hundreds of kilobytes and
    /// are not ours to pass on.
    ///
    /// `model_messages` is left out and `base_instructions` is an empty string, since the Codex CLI
    /// (0.171.0) refuses a list in which a model has neither.
    pub raw: Box<RawValue>,
}

/// The most models of a list; the real one has some twenty, and the largest gateway's some thousands.
const MAX_MODELS: usize = 10_000;

/// Parses `{"models": […]}`; entries without a slug are skipped, and a list may have 10,000.
///
/// # Errors
/// A [`ReadError`] when the body is not an object with a list under `models`.
pub fn read_list(body: &[u8]) -> Result<Vec<Entry>, ReadError> {
    #[derive(Deserialize)]
    struct List<'b> {
        #[serde(borrow)]
        models: Vec<&'b RawValue>,
    }

    let list: List<'_> = read(body)?;
    bounded(&list.models, "models")?;
    Ok(list.models.into_iter().filter_map(read_entry).collect())
}

/// Parses OpenAI's public list, `{"data":[{"id":…}]}`, into the same entries.
///
/// It contains only the names of models, and from some servers the size of their windows: vLLM
/// sends `max_model_len`, gateways send `context_length`. Entries without an id are skipped, and a list
/// may have 10,000.
///
/// # Errors
/// A [`ReadError`] when the body is not an object with a list under `data`.
pub fn read_public_list(body: &[u8]) -> Result<Vec<Entry>, ReadError> {
    #[derive(Deserialize)]
    struct List<'b> {
        #[serde(borrow)]
        data: Vec<&'b RawValue>,
    }

    let list: List<'_> = read(body)?;
    bounded(&list.data, "data")?;
    let entry = |raw: &RawValue| {
        let public: Public = serde_json::from_str(raw.get()).ok()?;
        read_entry(&crate::json::raw(&public).ok()?)
    };
    Ok(list.data.into_iter().filter_map(entry).collect())
}

/// Refuses a list that is too long, before an entry is made of any model.
fn bounded(list: &[&RawValue], member: &str) -> Result<(), ReadError> {
    if list.len() <= MAX_MODELS {
        return Ok(());
    }
    let message = format!("{} models; a list may have {MAX_MODELS}", list.len());
    Err(ReadError { path: member.to_owned(), message })
}

/// Makes an entry for a model of which only the name is known.
#[must_use]
pub fn named(slug: &str) -> Option<Entry> {
    let (slug, owned_by) = (slug.to_owned(), unknown());
    let public = Public { slug, created: None, owned_by, context_window: None };
    read_entry(&crate::json::raw(&public).ok()?)
}

/// A model of OpenAI's public list, serialised as one of the backend's own list.
#[derive(Deserialize, Serialize)]
struct Public {
    #[serde(rename(deserialize = "id"))]
    slug: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<u64>,
    #[serde(default = "unknown")]
    owned_by: String,
    #[serde(
        default,
        rename(deserialize = "context_length"),
        alias = "max_model_len",
        skip_serializing_if = "Option::is_none"
    )]
    context_window: Option<u64>,
}

/// The owner of a model whose list names none; clients expect a string there.
fn unknown() -> String {
    "unknown".to_owned()
}

fn read_entry(raw: &RawValue) -> Option<Entry> {
    let model: Model = serde_json::from_str(raw.get()).ok()?;
    let mut members: RawObject<'_> = serde_json::from_str(raw.get()).ok()?;
    members.remove("model_messages");
    members.set("base_instructions", "").ok()?;
    let raw = crate::json::raw(&members).ok()?;
    Some(Entry { model, raw })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_list_contains_names_owners_dates_and_windows() {
        let list = br#"{"object":"list","data":[
            {"id":"a","object":"model","created":7,"owned_by":"me","max_model_len":4096},
            {"id":"b","context_length":8192,"pricing":{"prompt":"0"}},{"object":"model"}]}"#;
        let entries = read_public_list(list).unwrap();
        let known: Vec<_> = entries
            .iter()
            .map(|Entry { model, .. }| {
                let owner = model.owned_by.as_deref().unwrap();
                (model.slug.as_str(), owner, model.created, model.context_window)
            })
            .collect();
        assert_eq!(known, [("a", "me", Some(7), Some(4096)), ("b", "unknown", None, Some(8192))]);
        // The Codex CLI refuses a list in which a model has no instructions.
        assert!(entries.iter().all(|entry| entry.raw.get().contains("base_instructions")));
        assert!(read_public_list(br#"{"models":[]}"#).is_err());
    }
}
