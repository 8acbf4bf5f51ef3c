//! Addresses as people type them: a base with a slash too many, with `/v1` twice or not at all, or of another server.
//!
//! What is looked for is a path that is served, so that the guard, the router and the family that words a failure all
//! go by one path. Only whole segments are recognised, letter by letter: `..`, `%2f`, `%2e` and `;` mean nothing here,
//! since a proxy in front may read them in another way.

use std::borrow::Cow;

use http::Uri;
use http::request::Parts;
use http::uri::PathAndQuery;

use super::route;

/// The segments with which the base address of a client may end.
const PREFIXES: [&str; 4] = ["v1", "api", "openai", "anthropic"];

/// Puts the path that is meant into a request.
pub(crate) fn rewrite(head: &mut Parts) {
    if let Cow::Owned(path) = meant(head.uri.path()) {
        put(head, path);
    }
}

/// Puts another path in the place of a request's own; its query stays.
fn put(head: &mut Parts, path: String) {
    let target = match head.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = std::mem::take(&mut head.uri).into_parts();
    let before = parts.path_and_query.take();
    parts.path_and_query = PathAndQuery::try_from(target).ok().or(before);
    head.uri = Uri::from_parts(parts).unwrap_or_default();
}

/// The prefix of requests that are to be explained.
const EXPLAIN: &str = "/explain";

/// Marks a request that is to be explained in place of being served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExplainMark;

/// Takes the prefix `/explain` from a request, and marks the request where it had that.
pub(crate) fn take_explain(head: &mut Parts) {
    let rest = head.uri.path().strip_prefix(EXPLAIN).filter(|rest| rest.starts_with('/'));
    let Some(rest) = rest.map(str::to_owned) else { return };
    put(head, rest);
    head.extensions.insert(ExplainMark);
}

/// Returns the path that is meant by one that was sent.
fn meant(sent: &str) -> Cow<'_, str> {
    let path = folded(sent);
    if route::is_served(&path) {
        return path;
    }
    let (prefix, rest) = without_prefixes(&path);
    if rest.is_empty() {
        return path;
    }
    // The last prefix is the one that the client itself writes, before what it asks for.
    let candidates: &[&str] = match prefix {
        Some("api") => &["/api"],
        _ => &["/v1", "/openai"],
    };
    let mut paths = candidates.iter().map(|prefix| format!("{prefix}{rest}"));
    if let Some(served) = paths.find(|path| route::is_served(path)) {
        return Cow::Owned(served);
    }
    match prefix {
        // Nothing is served there either, but the family is known that has to say so.
        Some("api") => Cow::Owned(format!("/api{rest}")),
        _ => path,
    }
}

/// Returns a path in which each run of slashes is one, and none is at the end.
fn folded(path: &str) -> Cow<'_, str> {
    let is_folded = path.len() < 2 || !(path.contains("//") || path.ends_with('/'));
    if is_folded || !path.starts_with('/') {
        return Cow::Borrowed(path);
    }
    let mut folded = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        folded.push('/');
        folded.push_str(segment);
    }
    if folded.is_empty() {
        folded.push('/');
    }
    Cow::Owned(folded)
}

/// Splits off the prefixes that begin a path; returns the last of them, if any, and the rest.
pub(super) fn without_prefixes(path: &str) -> (Option<&str>, &str) {
    let (mut last, mut rest) = (None, path);
    while let Some(inside) = rest.strip_prefix('/') {
        let segment = inside.split('/').next().unwrap_or_default();
        if !PREFIXES.contains(&segment) {
            break;
        }
        (last, rest) = (Some(segment), inside.get(segment.len()..).unwrap_or_default());
    }
    (last, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_as_people_type_it_leads_to_the_path_that_is_served() {
        for (sent, expected) in [
            ("/v1/chat/completions", "/v1/chat/completions"),
            ("/v1/chat/completions/", "/v1/chat/completions"),
            ("//v1///chat//completions//", "/v1/chat/completions"),
            ("/chat/completions", "/v1/chat/completions"),
            ("/v1/v1/chat/completions", "/v1/chat/completions"),
            ("/v1/v1/v1/models", "/v1/models"),
            ("/models/meta/llama", "/v1/models/meta/llama"),
            ("/responses/resp_1/input_items", "/v1/responses/resp_1/input_items"),
            ("/v1/api/tags", "/api/tags"),
            ("/api/api/chat", "/api/chat"),
            ("/api/v1/models", "/v1/models"),
            ("/openai/v1/responses", "/v1/responses"),
            ("/openai/responses", "/v1/responses"),
            ("/v1/openai/models", "/v1/models"),
            ("/deployments/m/chat/completions", "/openai/deployments/m/chat/completions"),
            ("/openai/deployments/m/completions", "/openai/deployments/m/completions"),
            ("/v1/openai/deployments/m/completions", "/openai/deployments/m/completions"),
            ("/engines/m/completions", "/v1/engines/m/completions"),
            ("/messages", "/v1/messages"),
            ("/v1/v1/messages/", "/v1/messages"),
            ("/anthropic/v1/messages/count_tokens", "/v1/messages/count_tokens"),
            ("/health/", "/health"),
            ("//", "/"),
        ] {
            assert_eq!(meant(sent), expected, "{sent}");
        }
    }

    #[test]
    fn what_is_nowhere_stays_as_it_was_sent() {
        for path in [
            "/",
            "",
            "*",
            "/v1",
            "/v1/nothing",
            "/v1/health",
            "/api/health",
            "/tags",
            "/v1/../models",
            "/v1%2fmodels",
            "/v1/%6dodels",
            "/v1/chat;x/completions",
            "/v1;/models",
            "/V1/models",
            "/./v1/models",
            "/v1/v1x/models",
        ] {
            assert_eq!(meant(path), path);
        }
    }

    #[test]
    fn the_family_that_a_client_asks_words_its_failures() {
        assert_eq!(meant("/v1/api/nothing"), "/api/nothing");
        assert_eq!(meant("//api//nothing/"), "/api/nothing");
        assert_eq!(meant("//v1//nothing/"), "/v1/nothing");
    }

    #[test]
    fn the_rest_of_a_target_stays_as_it_is() {
        for (sent, expected) in [
            ("//v1/models?a=b//c", "/v1/models?a=b//c"),
            ("http://127.0.0.1:1//models/?x", "http://127.0.0.1:1/v1/models?x"),
            ("http://127.0.0.1:1/v1/models", "http://127.0.0.1:1/v1/models"),
            ("*", "*"),
        ] {
            let request = http::Request::builder().uri(sent).body(()).unwrap();
            let mut head = request.into_parts().0;
            rewrite(&mut head);
            assert_eq!(head.uri.to_string(), expected);
        }
    }
}
