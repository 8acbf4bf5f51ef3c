//! `GET /models`: the backend's catalogue of models.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::{RawObject, ReadError, read};

/// One model of the catalogue; only the slug is sure to be there.
#[derive(Clone, Debug, Deserialize)]
pub struct Model {
    /// The name to ask for.
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
    /// Service tiers beside the ordinary one.
    #[serde(default)]
    pub service_tiers: Option<Vec<ServiceTier>>,
    /// `text`, `image`.
    #[serde(default)]
    pub input_modalities: Option<Vec<String>>,
    /// Whether `text.verbosity` is understood.
    #[serde(default)]
    pub support_verbosity: Option<bool>,
    /// When the model was made, in seconds of the Unix epoch; in OpenAI's public list only.
    #[serde(default)]
    pub created: Option<u64>,
    /// Who runs the model; in OpenAI's public list only.
    #[serde(default)]
    pub owned_by: Option<String>,
    /// The wire effort behind the level `ultra`.
    #[serde(default)]
    pub multi_agent_reasoning_effort: Option<String>,
}

/// An effort that a model offers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ReasoningLevel {
    /// The effort's word.
    pub effort: String,
    /// A sentence about it.
    #[serde(default)]
    pub description: String,
}

/// A service tier that a model offers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ServiceTier {
    /// The wire word, such as `priority`.
    pub id: String,
    /// A name for people.
    #[serde(default)]
    pub name: String,
    /// A sentence about it.
    #[serde(default)]
    pub description: String,
}

/// A model as read, and its object without the backend's own prompts.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is read of it.
    pub model: Model,
    /// The object as it came, less the backend's prompts: hundreds of kilobytes, and not ours to
    /// hand on.
    ///
    /// `model_messages` is left out and `base_instructions` is an empty text, since the Codex CLI
    /// (0.169.0) takes no list in which a model has neither.
    pub raw: Box<RawValue>,
}

/// Reads `{"models": […]}`; entries without a slug are passed over.
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
    Ok(list.models.into_iter().filter_map(read_entry).collect())
}

/// Reads OpenAI's public list, `{"data":[{"id":…}]}`, as the same entries.
///
/// Of a model only its name is told there, and by some servers the size of its window: vLLM says
/// `max_model_len`, gateways say `context_length`. Entries without an id are passed over.
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
    let entry = |raw: &RawValue| {
        let public: Public = serde_json::from_str(raw.get()).ok()?;
        read_entry(&crate::json::raw(&public).ok()?)
    };
    Ok(list.data.into_iter().filter_map(entry).collect())
}

/// Makes an entry of a model of which nothing but its name is known.
#[must_use]
pub fn named(slug: &str) -> Option<Entry> {
    let (slug, owned_by) = (slug.to_owned(), unknown());
    let public = Public { slug, created: None, owned_by, context_window: None };
    read_entry(&crate::json::raw(&public).ok()?)
}

/// A model of OpenAI's public list, written as one of the catalogue.
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

/// The owner of a model where no one says who runs it: clients want a word there.
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
    fn a_public_list_tells_names_owners_dates_and_windows() {
        let list = br#"{"object":"list","data":[
            {"id":"a","object":"model","created":7,"owned_by":"me","max_model_len":4096},
            {"id":"b","context_length":8192,"pricing":{"prompt":"0"}},{"object":"model"}]}"#;
        let entries = read_public_list(list).unwrap();
        let told: Vec<_> = entries
            .iter()
            .map(|Entry { model, .. }| {
                let owner = model.owned_by.as_deref().unwrap();
                (model.slug.as_str(), owner, model.created, model.context_window)
            })
            .collect();
        assert_eq!(told, [("a", "me", Some(7), Some(4096)), ("b", "unknown", None, Some(8192))]);
        // The Codex CLI takes no list in which a model has no instructions.
        assert!(entries.iter().all(|entry| entry.raw.get().contains("base_instructions")));
        assert!(read_public_list(br#"{"models":[]}"#).is_err());
    }
}
