//! Routes: the only list of the paths that are served.

use http::Method;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'p> {
    /// A turn in the chat completions dialect.
    Chat,
    /// A turn in the Responses dialect.
    Responses,
    /// A turn in the legacy completions dialect.
    Completions,
    /// A turn in Ollama's chat dialect.
    OllamaChat,
    /// A turn in Ollama's dialect of single prompts.
    OllamaGenerate,
    /// Another of Ollama's endpoints.
    Ollama(Ollama<'p>),
    /// A kept response.
    Response(&'p str),
    /// The items that a kept response answers.
    InputItems(&'p str),
    /// The list of models.
    Models,
    /// One model.
    Model(&'p str),
    /// What this server is.
    Root,
    /// Whether it runs.
    Health,
    /// The last rate-limit snapshot.
    Limits,
}

/// Ollama's endpoints that are no turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ollama<'p> {
    /// The list of models.
    Tags,
    /// One model.
    Show,
    /// What is loaded.
    Ps,
    /// The version.
    Version,
    /// A model that is to be fetched.
    Pull,
    /// A model that is to be deleted.
    Delete,
    /// What cannot be done here: the endpoint's name.
    NotHere(&'p str),
}

/// Why a request is for nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// No such path.
    Path,
    /// The path has other methods.
    Method(&'static str),
}

impl<'p> Route<'p> {
    /// Finds the route of a request.
    pub(crate) fn of(method: &Method, path: &'p str) -> Result<Self, NoRoute> {
        let (route, allowed) = Self::at(path).ok_or(NoRoute::Path)?;
        let allows = allowed.split(", ").any(|allowed| allowed == method.as_str());
        if allows { Ok(route) } else { Err(NoRoute::Method(allowed)) }
    }

    /// What stands at a path, and its methods.
    fn at(path: &'p str) -> Option<(Self, &'static str)> {
        const READ: &str = "GET, HEAD";
        Some(match path {
            "/" => (Self::Root, READ),
            "/health" => (Self::Health, READ),
            "/limits" => (Self::Limits, READ),
            "/v1/chat/completions" => (Self::Chat, "POST"),
            "/v1/responses" => (Self::Responses, "POST"),
            "/v1/completions" => (Self::Completions, "POST"),
            "/v1/models" => (Self::Models, READ),
            "/api/chat" => (Self::OllamaChat, "POST"),
            "/api/generate" => (Self::OllamaGenerate, "POST"),
            "/api/tags" => (Self::Ollama(Ollama::Tags), READ),
            "/api/show" => (Self::Ollama(Ollama::Show), "POST"),
            "/api/ps" => (Self::Ollama(Ollama::Ps), READ),
            "/api/version" => (Self::Ollama(Ollama::Version), READ),
            "/api/pull" => (Self::Ollama(Ollama::Pull), "POST"),
            "/api/delete" => (Self::Ollama(Ollama::Delete), "DELETE"),
            "/api/push" | "/api/create" | "/api/copy" | "/api/embed" | "/api/embeddings" => {
                (Self::Ollama(Ollama::NotHere(path.rsplit('/').next().unwrap_or_default())), "POST")
            }
            _ if path.starts_with("/api/blobs/") => {
                (Self::Ollama(Ollama::NotHere("blobs")), "HEAD, POST")
            }
            _ => match path.strip_prefix("/v1/responses/") {
                Some(rest) => response(rest)?,
                None => (Self::Model(model(path)?), READ),
            },
        })
    }
}

/// What stands under `/v1/responses/`.
fn response(rest: &str) -> Option<(Route<'_>, &'static str)> {
    match rest.split_once('/') {
        None if !rest.is_empty() => Some((Route::Response(rest), "GET, HEAD, DELETE")),
        Some((id, "input_items")) if !id.is_empty() => Some((Route::InputItems(id), "GET, HEAD")),
        _ => None,
    }
}

/// The model's name in `/v1/models/{name}`, as it was written.
fn model(path: &str) -> Option<&str> {
    path.strip_prefix("/v1/models/").filter(|name| !name.is_empty())
}

/// Whether a path belongs to Ollama's API, in whose words its failures are told.
pub(crate) fn is_ollama(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// The methods of a path, for `Allow`.
pub(crate) fn methods(path: &str) -> Option<&'static str> {
    Route::at(path).map(|(_, methods)| methods)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_methods() {
        assert_eq!(Route::of(&Method::POST, "/v1/chat/completions"), Ok(Route::Chat));
        assert_eq!(Route::of(&Method::GET, "/v1/chat/completions"), Err(NoRoute::Method("POST")));
        assert_eq!(Route::of(&Method::GET, "/v1/models/gpt-6"), Ok(Route::Model("gpt-6")));
        assert_eq!(Route::of(&Method::HEAD, "/health"), Ok(Route::Health));
        for method in [Method::GET, Method::HEAD, Method::DELETE] {
            assert_eq!(Route::of(&method, "/v1/responses/resp_1"), Ok(Route::Response("resp_1")));
        }
        let items = "/v1/responses/resp_1/input_items";
        assert_eq!(Route::of(&Method::GET, items), Ok(Route::InputItems("resp_1")));
        assert_eq!(Route::of(&Method::DELETE, items), Err(NoRoute::Method("GET, HEAD")));
        for path in ["/v1/responses/", "/v1/responses//input_items", "/v1/responses/r/cancel"] {
            assert_eq!(Route::of(&Method::GET, path), Err(NoRoute::Path), "{path}");
        }
        for path in ["/v1/models/", "/v1", "/v2/models", "/../../etc/passwd", "//"] {
            assert_eq!(Route::of(&Method::GET, path), Err(NoRoute::Path), "{path}");
        }
    }
}
