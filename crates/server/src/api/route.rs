//! The router: finds the endpoint of a request in the lists of the families.

use http::{HeaderMap, Method};

use super::family::{ApiFamily, Endpoint, FAMILIES};

/// The destination of a request.
pub(crate) struct Route<'p> {
    pub(crate) endpoint: &'static Endpoint,
    /// The part of the path that the endpoint's variable matched; empty where it has none.
    pub(crate) variable: &'p str,
}

/// Why a request goes nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// Nothing is served at the path.
    Path,
    /// The path has other methods, these.
    Method(String),
}

impl<'p> Route<'p> {
    /// Finds the route of a WebSocket's handshake; `None` where the path has none.
    pub(crate) fn of_socket(path: &'p str) -> Option<Self> {
        let matching = |endpoint: &'static Endpoint| Some((endpoint, endpoint.matches(path)?));
        let mut sockets =
            FAMILIES.iter().flat_map(|family| family.endpoints).filter(|one| one.is_socket);
        let (endpoint, variable) = sockets.find_map(matching)?;
        Some(Self { endpoint, variable })
    }

    /// Finds the route of a request; of families that share a path, its headers decide.
    ///
    /// # Errors
    /// When nothing is served at the path, or not with this method.
    pub(crate) fn find(
        method: &Method,
        path: &'p str,
        headers: &HeaderMap,
    ) -> Result<Self, NoRoute> {
        let found = at(path, headers).find(|(_, endpoint, _)| endpoint.takes(method));
        match found {
            Some((_, endpoint, variable)) => Ok(Self { endpoint, variable }),
            None => Err(methods(path).map_or(NoRoute::Path, NoRoute::Method)),
        }
    }
}

impl Endpoint {
    fn takes(&self, method: &Method) -> bool {
        self.method == *method || (self.method == Method::GET && *method == Method::HEAD)
    }

    /// Matches a path; returns the part that the variable matched.
    ///
    /// A linear search over some 25 patterns costs less than a microsecond, so there is no tree.
    fn matches<'p>(&self, path: &'p str) -> Option<&'p str> {
        let Some((before, rest)) = self.path.split_once('{') else {
            return (self.path == path).then_some("");
        };
        let (name, after) = rest.split_once('}')?;
        let variable = path.strip_prefix(before)?.strip_suffix(after)?;
        let fits = name.ends_with("...") || !variable.contains('/');
        (fits && !variable.is_empty()).then_some(variable)
    }
}

/// Returns the family that words the failures of a request.
pub(crate) fn family(path: &str, headers: &HeaderMap) -> &'static ApiFamily {
    let served = at(path, headers).next().map(|(family, ..)| family);
    let marked = || FAMILIES.iter().find(|family| family.is_marked(headers));
    let by_prefix = || FAMILIES.iter().rev().max_by_key(|family| family.prefix_of(path));
    // There is always a first one, which words what belongs to none.
    served.or_else(marked).or_else(by_prefix).unwrap_or(&FAMILIES[0])
}

/// Returns whether anything is served at a path, with whichever method.
pub(super) fn is_served(path: &str) -> bool {
    at(path, &HeaderMap::new()).next().is_some()
}

/// Returns the served path with whose end a path ends, for those who typed one that is not served.
pub(crate) fn nearest(path: &str) -> Option<&'static str> {
    let endpoints = FAMILIES.iter().flat_map(|family| family.endpoints);
    let paths = endpoints.filter(|endpoint| endpoint.listed).map(|endpoint| endpoint.path);
    let end = |served: &'static str| {
        let inside = served.strip_prefix('/')?;
        inside.find('/').and_then(|at| inside.get(at..)).filter(|end| path.ends_with(end))
    };
    let near = paths.filter_map(|served| Some((end(served)?.len(), served)));
    near.max_by_key(|(length, _)| *length).map(|(_, served)| served)
}

/// Returns the methods of a path, for `Allow`.
pub(crate) fn methods(path: &str) -> Option<String> {
    let mut methods = Vec::new();
    for (_, endpoint, _) in at(path, &HeaderMap::new()) {
        methods.push(endpoint.method.as_str());
        if endpoint.method == Method::GET {
            methods.push(Method::HEAD.as_str());
        }
    }
    // Families may share a path.
    let mut seen = Vec::new();
    methods.retain(|method| {
        !seen.contains(method) && {
            seen.push(*method);
            true
        }
    });
    (!methods.is_empty()).then(|| methods.join(", "))
}

/// Returns every endpoint that is named at `/`, as its method and path.
pub(super) fn listed() -> Vec<String> {
    let endpoints = FAMILIES.iter().flat_map(|family| family.endpoints);
    let listed = endpoints.filter(|endpoint| endpoint.listed);
    listed.map(|one| format!("{} {}", one.method, one.path.replace("...", ""))).collect()
}

/// Returns the endpoints at a path, one for each method; first those of the family whose client asks.
fn at<'p>(
    path: &'p str,
    headers: &HeaderMap,
) -> impl Iterator<Item = (&'static ApiFamily, &'static Endpoint, &'p str)> {
    let marked = FAMILIES.iter().position(|family| family.is_marked(headers));
    let (before, rest) = FAMILIES.split_at(marked.unwrap_or(0));
    let (first, after) = rest.split_at(1);
    first.iter().chain(before).chain(after).flat_map(move |family| {
        let matching = move |endpoint: &'static Endpoint| {
            endpoint.matches(path).map(|variable| (family, endpoint, variable))
        };
        family.endpoints.iter().filter(|endpoint| !endpoint.is_socket).filter_map(matching)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The endpoint's path and the variable of a request.
    fn found<'p>(method: &Method, path: &'p str) -> Result<(&'static str, &'p str), NoRoute> {
        Route::find(method, path, &HeaderMap::new())
            .map(|route| (route.endpoint.path, route.variable))
    }

    fn only(methods: &str) -> NoRoute {
        NoRoute::Method(methods.to_owned())
    }

    #[test]
    fn every_path_has_its_methods() {
        let chat = "/v1/chat/completions";
        assert_eq!(found(&Method::POST, chat), Ok((chat, "")));
        assert_eq!(found(&Method::PUT, chat), Err(only("POST, GET, HEAD")));
        let messages = "/v1/chat/completions/chatcmpl-1/messages";
        let stored = ("/v1/chat/completions/{id}/messages", "chatcmpl-1");
        assert_eq!(found(&Method::GET, messages), Ok(stored));
        for model in ["gpt-6", "meta/llama"] {
            let path = format!("/v1/models/{model}");
            assert_eq!(found(&Method::GET, &path), Ok(("/v1/models/{id...}", model)));
        }
        assert_eq!(found(&Method::HEAD, "/health"), Ok(("/health", "")));
        let response = ("/v1/responses/{id}", "resp_1");
        for method in [Method::GET, Method::HEAD, Method::DELETE] {
            assert_eq!(found(&method, "/v1/responses/resp_1"), Ok(response));
        }
        assert_eq!(found(&Method::POST, "/v1/responses/resp_1"), Err(only("GET, HEAD, DELETE")));
        let items = "/v1/responses/resp_1/input_items";
        assert_eq!(found(&Method::GET, items), Ok(("/v1/responses/{id}/input_items", "resp_1")));
        assert_eq!(found(&Method::DELETE, items), Err(only("GET, HEAD")));
        for blobs in ["/api/blobs/sha256:1", "/api/blobs"] {
            assert_eq!(found(&Method::GET, blobs), Err(only("HEAD, POST")), "{blobs}");
        }
        assert_eq!(found(&Method::GET, "/v1/responses"), Err(only("POST")));
        assert!(Route::of_socket("/v1/responses").is_some_and(|route| route.endpoint.is_socket));
        assert!(Route::of_socket("/v1/chat/completions").is_none());
        assert_eq!(found(&Method::GET, "/v1/responses/r/cancel"), Err(only("POST")));
        for path in ["/v1/responses/", "/v1/responses//input_items"] {
            assert_eq!(found(&Method::GET, path), Err(NoRoute::Path), "{path}");
        }
        for path in ["/v1/models/", "/v1", "/v2/models", "/../../etc/passwd", "//"] {
            assert_eq!(found(&Method::GET, path), Err(NoRoute::Path), "{path}");
        }
    }

    #[test]
    fn the_family_of_a_path_words_its_failures_and_openai_the_rest() {
        let is_ollama =
            |path| std::ptr::eq(family(path, &HeaderMap::new()), &raw const FAMILIES[1]);
        for path in ["/api", "/api/", "/api/tags", "/api/nothing"] {
            assert!(is_ollama(path), "{path}");
        }
        for path in ["/", "/health", "/v1/chat/completions", "/apis", "/nothing", ""] {
            assert!(!is_ollama(path), "{path}");
        }
    }

    #[test]
    fn the_header_of_a_family_decides_where_paths_are_shared() {
        let mut headers = HeaderMap::new();
        let is_anthropic = |path, headers: &HeaderMap| {
            let found = Route::find(&Method::GET, path, headers);
            let of_family = FAMILIES[2].endpoints.as_ptr_range();
            let served = found.is_ok_and(|route| of_family.contains(&(&raw const *route.endpoint)));
            (std::ptr::eq(family(path, headers), &raw const FAMILIES[2]), served)
        };
        for path in ["/v1/models", "/v1/models/gpt-6", "/v1/files"] {
            assert_eq!(is_anthropic(path, &headers), (false, false), "{path}");
        }
        assert_eq!(is_anthropic("/v1/messages/batches", &headers), (true, false));
        headers.insert("anthropic-version", http::HeaderValue::from_static("2023-06-01"));
        assert_eq!(is_anthropic("/v1/models", &headers), (true, true));
        assert_eq!(is_anthropic("/v1/models/gpt-6", &headers), (true, true));
        assert_eq!(is_anthropic("/v1/files", &headers), (true, false));
        assert_eq!(is_anthropic("/health", &headers), (false, false));
        assert_eq!(methods("/v1/models").as_deref(), Some("GET, HEAD"));
    }

    #[test]
    fn no_endpoint_is_served_twice() {
        let mut all = listed();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
