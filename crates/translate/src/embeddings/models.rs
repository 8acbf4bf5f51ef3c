//! The models of a server that makes embeddings, as its list names them.

use chatmock_protocol::json::Text;
use serde::Deserialize;

use super::EmbeddingsServer;

/// The most models that are taken from a list.
const MAX_MODELS: usize = 200;

/// The longest name that is taken, in bytes.
const MAX_NAME: usize = 256;

/// Parts of the names of models that make embeddings.
const NAMES: [&str; 12] = [
    "embed",
    "bge-",
    "e5-",
    "gte-",
    "minilm",
    "mpnet",
    "paraphrase",
    "nomic",
    "arctic-embed",
    "jina",
    "sentence-",
    "bert",
];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Lists<'b> {
    #[serde(borrow)]
    data: Vec<Listed<'b>>,
    #[serde(borrow)]
    models: Vec<Listed<'b>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Listed<'b> {
    #[serde(borrow)]
    id: Option<Text<'b>>,
    #[serde(borrow)]
    name: Option<Text<'b>>,
    #[serde(borrow)]
    capabilities: Option<Vec<Text<'b>>>,
}

/// Reads the names of the models that make embeddings, from `GET /v1/models` or `GET /api/tags`.
///
/// Where neither a capability nor a name says which they are, all of them are taken: whoever names a server for
/// embeddings has such models there. What is no list gives none.
#[must_use]
pub fn listed_models(body: &[u8], server: EmbeddingsServer) -> Vec<String> {
    let lists: Lists<'_> = serde_json::from_slice(body).unwrap_or_default();
    let listed = match server {
        EmbeddingsServer::OpenAi => lists.data,
        EmbeddingsServer::Ollama => lists.models,
    };
    let named = listed.iter().filter_map(|model| {
        let name = model.id.as_deref().or(model.name.as_deref())?;
        let fits = !name.trim().is_empty() && name.len() <= MAX_NAME;
        fits.then(|| (name.to_owned(), embeds(name, model)))
    });
    let named: Vec<(String, bool)> = named.take(MAX_MODELS).collect();
    let some = named.iter().any(|(_, embeds)| *embeds);
    named.into_iter().filter(|(_, embeds)| *embeds || !some).map(|(name, _)| name).collect()
}

fn embeds(name: &str, model: &Listed<'_>) -> bool {
    if let Some(capabilities) = &model.capabilities {
        return capabilities.iter().any(|capability| &**capability == "embedding");
    }
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_make_embeddings_are_told_by_capability_or_name() {
        let openai = r#"{"object":"list","data":[{"id":"gpt-5.5"},{"id":"text-embedding-3-small"},
            {"id":""},{"no":"id"},{"id":"BAAI/bge-m3"}]}"#;
        let names = listed_models(openai.as_bytes(), EmbeddingsServer::OpenAi);
        assert_eq!(names, ["text-embedding-3-small", "BAAI/bge-m3"]);
        let ollama = r#"{"models":[{"name":"mine:latest","capabilities":["embedding"]},
            {"name":"nomic-chat","capabilities":["completion"]},{"name":"nomic-embed-text"}]}"#;
        let names = listed_models(ollama.as_bytes(), EmbeddingsServer::Ollama);
        assert_eq!(names, ["mine:latest", "nomic-embed-text"]);
        let own =
            listed_models(br#"{"data":[{"id":"mine"},{"id":"other"}]}"#, EmbeddingsServer::OpenAi);
        assert_eq!(own, ["mine", "other"]);
        for none in ["", "[]", "<html>", r#"{"data":5}"#, r#"{"models":[{"name":"x"}]}"#] {
            assert!(listed_models(none.as_bytes(), EmbeddingsServer::OpenAi).is_empty(), "{none}");
        }
        let many: Vec<String> = (0..1000).map(|n| format!(r#"{{"id":"m-{n}"}}"#)).collect();
        let many = format!(r#"{{"data":[{}]}}"#, many.join(","));
        assert_eq!(listed_models(many.as_bytes(), EmbeddingsServer::OpenAi).len(), MAX_MODELS);
    }
}
