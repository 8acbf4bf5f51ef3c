//! The name that a client gives its conversation.

use std::borrow::Cow;

use chatmock_protocol::json::RawObject;
use http::HeaderMap;

/// Headers in which clients name their conversation; the first one present wins.
pub(crate) const SESSION_HEADERS: [&str; 3] = ["session-id", "session_id", "x-session-id"];

/// The headers of Claude Code's session, and of the agent in it. Sub-agents, searches and titles share the session,
/// but neither agent nor instructions, and so are conversations of their own: under one name, each would push the
/// others out of the backend's cache.
const CLAUDE_SESSION: &str = "x-claude-code-session-id";
const CLAUDE_AGENT: &str = "x-claude-code-agent-id";

/// Returns the name that the client gave its conversation, in a header or in the body, and that header or member.
///
/// Bytes that are not text are replaced, so that they name one conversation too.
pub(super) fn session<'h>(
    headers: &'h HeaderMap,
    named: Option<&str>,
    request: &RawObject<'_>,
) -> Option<(Cow<'h, str>, &'static str)> {
    let header =
        |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let mut headers = SESSION_HEADERS.iter().filter_map(|name| Some((header(name)?, *name)));
    let known = headers.find(|(name, _)| !name.is_empty());
    if known.is_some() {
        return known;
    }
    let session = header(CLAUDE_SESSION).filter(|name| !name.is_empty());
    let session = session.map(|session| (session, CLAUDE_SESSION));
    let (session, by) =
        session.or_else(|| named.map(|named| (named.to_owned().into(), "metadata.user_id")))?;
    let agent = header(CLAUDE_AGENT).unwrap_or_default();
    let instructions = request.text("instructions").unwrap_or_default();
    // With a space in it, the name goes out as its hash alone.
    Some((Cow::Owned(format!("claude code {session} {agent} {instructions}")), by))
}
