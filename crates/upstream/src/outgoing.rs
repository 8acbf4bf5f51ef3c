//! A request as it would be sent, for whoever asks: its head with the secrets masked, and what was changed in its body.

use bytes::Bytes;
use chatmock_protocol::json::RawObject;
use reqwest::Request;
use reqwest::header::{HeaderName, HeaderValue};

use crate::prepare::Prepared;

/// The text in the place of a secret.
const MASK: &str = "****";

/// Headers that name an account, and so are masked as a token is.
const NAMES_ACCOUNT: &str = "chatgpt-account-id";

/// A request as it would be sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outgoing {
    /// The method.
    pub method: String,
    /// The address.
    pub url: String,
    /// The headers in order of name, with secrets masked.
    pub headers: Vec<(String, String)>,
    /// The body, before any content coding.
    pub body: Bytes,
    /// True if the same body may go over a WebSocket instead, as `response.create`.
    pub has_socket: bool,
}

impl Outgoing {
    pub(crate) fn of(request: &Request, body: Bytes, has_socket: bool) -> Self {
        let mut headers: Vec<_> = request.headers().iter().map(shown).collect();
        headers.sort();
        let (method, url) = (request.method().to_string(), request.url().to_string());
        Self { method, url, headers, body, has_socket }
    }
}

/// A header as it may be shown.
fn shown((name, value): (&HeaderName, &HeaderValue)) -> (String, String) {
    let text = String::from_utf8_lossy(value.as_bytes());
    let value = match text.split_once(' ') {
        // The scheme is no secret.
        Some((scheme, _)) if value.is_sensitive() => format!("{scheme} {MASK}"),
        None if value.is_sensitive() => MASK.to_owned(),
        _ if name == NAMES_ACCOUNT => MASK.to_owned(),
        _ => text.into_owned(),
    };
    (name.to_string(), value)
}

/// A member of a request that the last step before sending has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreparedChange {
    /// The member's name.
    pub member: String,
    /// The change: `added`, `changed` or `left out`.
    pub change: &'static str,
    /// The reason.
    pub why: &'static str,
}

/// The reasons for changes, by member; what is not here is left out because the backend refuses it.
const REASONS: [(&str, &str); 9] = [
    ("stream", "the backend is always read as a stream; a whole reply is gathered here"),
    ("store", "the backend keeps no responses, and refuses a request without this"),
    ("instructions", "the backend demands a text; an empty one asks for nothing"),
    ("include", "what the model thinks comes back encrypted, so that the next turn can contain it"),
    ("prompt_cache_key", "the backend caches by conversation, which every place names alike"),
    ("client_metadata", "the backend caches by conversation, which every place names alike"),
    ("tools", "functions are put into a namespace, and kinds that the backend refuses left out"),
    ("tool_choice", "without tools it means nothing; a choice in a namespace names that too"),
    ("parallel_tool_calls", "without tools it means nothing"),
];

const REFUSED: &str = "the backend does not accept it";

impl Prepared {
    /// Compares the request with the one that it was prepared from; returns what differs, in the order of members.
    #[must_use]
    pub fn changes(&self, before: &[u8]) -> Vec<PreparedChange> {
        let read = |body| serde_json::from_slice::<RawObject<'_>>(body).unwrap_or_default();
        let (before, after) = (read(before), read(self.body()));
        let reason = |member: &str| {
            REASONS.iter().find(|(known, _)| *known == member).map_or(REFUSED, |(_, why)| *why)
        };
        let row = |member: &str, change| {
            let why = reason(member);
            PreparedChange { member: member.to_owned(), change, why }
        };
        let written = after.iter().filter_map(|(member, value)| match before.get(member) {
            None => Some(row(member, "added")),
            Some(was) if was.get() != value.get() => Some(row(member, "changed")),
            Some(_) => None,
        });
        let left = before.iter().filter(|(member, _)| after.get(member).is_none());
        written.chain(left.map(|(member, _)| row(member, "left out"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use chatmock_protocol::json::read_text;
    use reqwest::Method;

    use super::*;
    use crate::prepare::prepare;
    use crate::route::UpstreamRoute;
    use crate::session::SessionId;

    #[test]
    fn each_change_has_its_reason() {
        let body = r#"{"model":"m","input":[],"temperature":1,"tool_choice":"required"}"#;
        let session = SessionId::named("sid").unwrap();
        let prepared = prepare(read_text(body).unwrap(), &session, &UpstreamRoute::codex());
        let changes = prepared.unwrap().changes(body.as_bytes());
        let rows: Vec<_> =
            changes.iter().map(|change| (change.member.as_str(), change.change)).collect();
        let added = ["store", "stream", "instructions", "include"].map(|name| (name, "added"));
        assert_eq!(rows[..4], added);
        assert!(rows.contains(&("prompt_cache_key", "added")), "{rows:?}");
        assert!(rows.contains(&("temperature", "left out")), "{rows:?}");
        let why = |name: &str| changes.iter().find(|change| change.member == name).unwrap().why;
        assert_eq!(why("temperature"), REFUSED);
        assert!(why("tool_choice").starts_with("without tools"));
    }

    #[test]
    fn what_is_secret_is_masked() {
        let mut request = Request::new(Method::POST, "https://example.org/x".parse().unwrap());
        let mut token = HeaderValue::from_static("Bearer very-secret");
        token.set_sensitive(true);
        request.headers_mut().insert("authorization", token);
        request.headers_mut().insert(NAMES_ACCOUNT, HeaderValue::from_static("acct-1"));
        request.headers_mut().insert("accept", HeaderValue::from_static("*/*"));
        let shown = Outgoing::of(&request, Bytes::new(), false);
        let text = format!("{shown:?}");
        assert!(!text.contains("very-secret") && !text.contains("acct-1"), "{text}");
        assert_eq!(shown.headers[1], ("authorization".to_owned(), "Bearer ****".to_owned()));
    }
}
