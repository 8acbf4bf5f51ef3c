//! Routes: the only list of the paths that are served.

use http::Method;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'p> {
    /// A turn in the chat completions dialect.
    Chat,
    /// A turn in the Responses dialect.
    Responses,
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
            "/v1/models" => (Self::Models, READ),
            _ => (Self::Model(model(path)?), READ),
        })
    }
}

/// The model's name in `/v1/models/{name}`; names hold no percent-encoded characters but `/` and `:`.
fn model(path: &str) -> Option<&str> {
    path.strip_prefix("/v1/models/").filter(|name| !name.is_empty())
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
        for path in ["/v1/models/", "/v1", "/v2/models", "/../../etc/passwd", "//"] {
            assert_eq!(Route::of(&Method::GET, path), Err(NoRoute::Path), "{path}");
        }
    }
}
