//! The session id of a conversation, derived from what does not change over its turns.
//!
//! The backend's prompt cache works by session, while most clients of chat completions send no id
//! for a conversation: they send all of it with every turn. A table from conversations to ids would
//! need memory, an expiry, and the same process for every turn. So the id is a hash of how the
//! conversation begins, which every turn repeats: no state, and the same id after a restart and on
//! other machines. The price: two conversations that begin with the same message share a session
//! and its cache.

use chatmock_protocol::json::{RawObject, RawValue, items, members};
use reqwest::header::HeaderValue;
use sha2::{Digest, Sha256};

/// Separates these hashes from other uses of the same function, and from other ways to derive ids.
const DOMAIN: &str = "chatmock session 1";

/// The id of a conversation: 1 to 64 visible ASCII characters.
///
/// The backend's prompt cache works only when headers and body carry the same id, in every turn.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(String);

/// The member that a session id was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionOrigin {
    /// `prompt_cache_key` of the request.
    CacheKey,
    /// The name that was handed in beside the request.
    Named,
    /// A hash of the account, the model, the instructions and the first message of the user.
    Derived,
}

impl SessionId {
    /// Makes an id of a name that a client chose: the name itself where it is valid, else its hash.
    ///
    /// Returns `None` for an empty name, which would join unrelated conversations.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.len() {
            0 => None,
            1..=64 if name.bytes().all(|byte| byte.is_ascii_graphic()) => Some(Self(name.into())),
            _ => Some(hashed(&["named", name])),
        }
    }

    /// Returns the id of the conversation to which `request` belongs, and what it was made from.
    ///
    /// A `prompt_cache_key` in the body takes precedence, then `named` (from a header of the
    /// client), then a hash of the account, the model, the instructions and the first user message.
    pub(crate) fn of(
        request: &RawObject<'_>,
        account_id: Option<&str>,
        named: Option<&str>,
    ) -> (Self, SessionOrigin) {
        let key = request.text("prompt_cache_key");
        if let Some(chosen) = key.as_deref().and_then(Self::named) {
            return (chosen, SessionOrigin::CacheKey);
        }
        if let Some(named) = named.and_then(Self::named) {
            return (named, SessionOrigin::Named);
        }
        let model = request.text("model").unwrap_or_default();
        let instructions = request.text("instructions").unwrap_or_default();
        let first = request.get("input").and_then(first_message).unwrap_or_default();
        let parts = ["derived", account_id.unwrap_or_default(), &model, &instructions, first];
        (hashed(&parts), SessionOrigin::Derived)
    }

    /// The id's text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a header value.
    pub(crate) fn header(&self) -> HeaderValue {
        // Both ways to make an id yield visible ASCII, so the fallback is never used.
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("chatmock"))
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hashes the parts into the form of a UUID of version 8, which RFC 9562 leaves to such uses.
fn hashed(parts: &[&str]) -> SessionId {
    let mut hash = Sha256::new();
    for part in std::iter::once(&DOMAIN).chain(parts) {
        // The length before each part distinguishes ("ab", "c") from ("a", "bc").
        hash.update((part.len() as u64).to_be_bytes());
        let (start, end) = ends(part.as_bytes());
        hash.update(start);
        hash.update(end);
    }
    let digest = hash.finalize();
    let mut bytes = [0_u8; 16];
    for (byte, hashed) in bytes.iter_mut().zip(digest.iter()) {
        *byte = *hashed;
    }
    let number = u128::from_be_bytes(bytes);
    let number = number & !(0xF << 76) | (0x8 << 76);
    let number = number & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let group = |from, to| hex.get(from..to).unwrap_or_default();
    SessionId(format!(
        "{}-{}-{}-{}-{}",
        group(0, 8),
        group(8, 12),
        group(12, 16),
        group(16, 20),
        group(20, 32)
    ))
}

/// The bytes of a part that are hashed: all of a short one, both ends of a long one. A first
/// message may contain megabytes of images, which would be hashed again in every turn.
fn ends(part: &[u8]) -> (&[u8], &[u8]) {
    const END: usize = 32 * 1024;
    match (part.first_chunk::<END>(), part.last_chunk::<END>()) {
        (Some(start), Some(end)) if part.len() > 2 * END => (start, end),
        _ => (part, &[]),
    }
}

/// The content of the first user message.
///
/// Without one, the whole first item is used, so that unrelated requests get different ids.
fn first_message(input: &RawValue) -> Option<&str> {
    let user = items(input.get()).find_map(user_content);
    user.or_else(|| items(input.get()).next())
}

/// The content of an item, if the item is a user message.
fn user_content(item: &str) -> Option<&str> {
    let of = |name: &str| members(item).find(|(known, _)| *known == name).map(|(_, value)| value);
    (of("role")? == "\"user\"").then(|| of("content"))?.filter(|content| *content != "null")
}

#[cfg(test)]
mod tests {
    use chatmock_protocol::json::read_text;

    use super::*;

    fn id(body: &str) -> SessionId {
        SessionId::of(&read_text(body).unwrap(), Some("acct"), None).0
    }

    #[test]
    fn long_messages_are_distinguished_by_both_ends_and_their_length() {
        let of = |start: &str, middle: usize, end: &str| {
            let text = format!("{start}{}{end}", "x".repeat(middle));
            id(&format!(r#"{{"input":[{{"role":"user","content":"{text}"}}]}}"#))
        };
        let long = of("a", 100_000, "b");
        assert_eq!(long, of("a", 100_000, "b"));
        for other in [of("c", 100_000, "b"), of("a", 100_000, "c"), of("a", 100_001, "b")] {
            assert_ne!(long, other);
        }
    }

    const FIRST: &str = r#"{"model":"m","instructions":"be brief","input":[
        {"type":"message","role":"developer","content":"tools"},
        {"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}]}"#;

    #[test]
    fn a_later_turn_of_the_same_conversation_agrees() {
        let later = r#"{"stream":true,"model":"m","input":[
            {"role":"developer","content":"tools"},
            {"content":[{"type":"input_text","text":"hi"}],"role":"user"},
            {"role":"assistant","content":"hello"},{"role":"user","content":"and now?"}],
            "instructions":"be brief"}"#;
        assert_eq!(id(FIRST), id(later));
    }

    #[test]
    fn conversations_that_share_only_the_instructions_differ() {
        let other = FIRST.replace("\"hi\"", "\"hello\"");
        assert_ne!(id(FIRST), id(&other));
        assert_ne!(id(FIRST), id(&FIRST.replace("\"m\"", "\"n\"")));
        let request = read_text(FIRST).unwrap();
        assert_ne!(id(FIRST), SessionId::of(&request, Some("someone else"), None).0);
    }

    #[test]
    fn requests_without_a_user_message_differ_by_their_first_item() {
        let one = r#"{"model":"m","input":[{"type":"function_call_output","call_id":"1"},2]}"#;
        assert_ne!(id(one), id(&one.replace("\"1\"", "\"2\"")));
        assert_eq!(id(one), id(&one.replace(",2]", "]")));
        assert_eq!(id(r#"{"model":"m"}"#), id(r#"{"model":"m","input":"text"}"#));
    }

    #[test]
    fn an_id_has_the_shape_of_a_uuid() {
        let id = id(FIRST);
        let groups: Vec<_> = id.as_str().split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(id.as_str().chars().nth(14), Some('8'));
        assert!(id.as_str().chars().nth(19).is_some_and(|c| "89ab".contains(c)));
        assert_eq!(id.header(), id.as_str());
    }

    #[test]
    fn the_clients_own_name_wins_and_the_body_before_the_header() {
        let request = r#"{"prompt_cache_key":"mine","input":[]}"#;
        let request = read_text(request).unwrap();
        let (id, origin) = SessionId::of(&request, None, Some("header"));
        assert_eq!((id.as_str(), origin), ("mine", SessionOrigin::CacheKey));
        let request = read_text(r#"{"prompt_cache_key":"","input":[]}"#).unwrap();
        let (id, origin) = SessionId::of(&request, None, Some("header"));
        assert_eq!((id.as_str(), origin), ("header", SessionOrigin::Named));
        assert_eq!(SessionId::of(&request, None, Some("")).1, SessionOrigin::Derived);
    }

    #[test]
    fn a_name_that_is_long_or_not_visible_ascii_is_hashed() {
        for name in ["x".repeat(65), "two words".into(), "ключ".into(), "a\nb".into()] {
            let id = SessionId::named(&name).unwrap();
            assert_eq!(id.as_str().len(), 36, "{name:?}");
            assert_eq!(Some(id), SessionId::named(&name));
        }
        let longest = "x".repeat(64);
        assert_eq!(SessionId::named(&longest).unwrap().as_str(), longest);
        assert_eq!(SessionId::named(""), None);
    }

    #[test]
    fn items_after_the_first_user_message_are_not_read() {
        let input = RawValue::from_string(r#"[{"role":"user","content":"a"},{}]"#.into()).unwrap();
        assert_eq!(first_message(&input), Some(r#""a""#));
    }
}
