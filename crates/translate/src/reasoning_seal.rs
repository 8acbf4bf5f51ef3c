//! Seals: reasoning as a client carries it from turn to turn, readable to the backend alone.
//!
//! The backend keeps nothing, so that a model remembers its reasoning only where the item comes back.
//! APIs have a member for that which clients return unread, and which also holds what other services
//! have put there. So what is handed out has a prefix of its own, and the tag of the account whose
//! item it is: an item of another account makes the backend refuse the whole request.

use std::borrow::Cow;

use chatmock_protocol::responses::item::InputItem;
use sha2::{Digest, Sha256};

/// The beginning of a seal, with the version of its form.
const PREFIX: &str = "cmr1.";

/// The most bytes of a seal's content.
const MAX_CONTENT: usize = 1024 * 1024;

/// The most characters of an item's id behind its prefix.
const MAX_ID: usize = 64;

/// The letters of base64 for addresses.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The seal of one account's reasoning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasoningSeal {
    tag: Cow<'static, str>,
}

impl Default for ReasoningSeal {
    /// The seal where there is no account.
    fn default() -> Self {
        Self { tag: Cow::Borrowed("-") }
    }
}

impl ReasoningSeal {
    /// Makes the seal of an account, or of whatever else decides who can read the reasoning, such as
    /// the backend's address.
    #[must_use]
    pub fn of(owner: &str) -> Self {
        let digest = Sha256::digest(owner.as_bytes());
        let bits = digest.iter().take(6).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let letter = |place: u32| {
            let at = usize::try_from(bits >> (6 * place) & 63).unwrap_or_default();
            LETTERS.get(at).copied().map_or('A', char::from)
        };
        Self { tag: (0..8).rev().map(letter).collect::<String>().into() }
    }

    /// Seals an item of reasoning; one that the backend could not read again carries nothing.
    pub(crate) fn seal(&self, id: Option<&str>, content: Option<&str>) -> String {
        let id = id.filter(|id| is_id(id)).unwrap_or_default();
        let content = content.filter(|content| is_content(content)).unwrap_or_default();
        [PREFIX, &self.tag, ".", id, ".", content].concat()
    }

    /// Opens what a client has returned; `None` for what is not ours, or of another account.
    pub(crate) fn open<'s>(&self, sealed: &'s str) -> Option<InputItem<'s>> {
        let inside = sealed.strip_prefix(PREFIX)?.strip_prefix(&*self.tag)?.strip_prefix('.')?;
        let (id, content) = inside.split_once('.')?;
        (is_id(id) && is_content(content)).then(|| InputItem::Reasoning {
            id: Some(Cow::Borrowed(id)),
            // Text that a client may have changed never reaches the model.
            summary: Vec::new(),
            encrypted_content: Some(content.into()),
        })
    }
}

fn is_id(id: &str) -> bool {
    let rest = id.strip_prefix("rs_").unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_ID).contains(&rest.len()) && rest.bytes().all(is_plain)
}

fn is_content(content: &str) -> bool {
    let is_base64 =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'=' | b'+' | b'/' | b'-');
    (1..=MAX_CONTENT).contains(&content.len()) && content.bytes().all(is_base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(seal: &ReasoningSeal, sealed: &str) -> Option<String> {
        seal.open(sealed).map(|item| serde_json::to_string(&item).unwrap())
    }

    #[test]
    fn what_is_sealed_is_opened_under_the_same_account_alone() {
        let seal = ReasoningSeal::of("acct_1");
        let sealed = seal.seal(Some("rs_0a-b"), Some("gAAA+/=_-"));
        assert_eq!(sealed, format!("cmr1.{}.rs_0a-b.gAAA+/=_-", seal.tag));
        assert_eq!(seal.tag.len(), 8);
        let item =
            r#"{"type":"reasoning","id":"rs_0a-b","summary":[],"encrypted_content":"gAAA+/=_-"}"#;
        assert_eq!(opened(&seal, &sealed).as_deref(), Some(item));
        for other in [ReasoningSeal::of("acct_2"), ReasoningSeal::default()] {
            assert_eq!(opened(&other, &sealed), None);
            assert!(other.open(&other.seal(Some("rs_1"), Some("gA"))).is_some());
        }
    }

    #[test]
    fn the_tag_is_the_beginning_of_a_hash_in_base64() {
        // SHA-256 of "abc" begins with ba7816bf8f01.
        assert_eq!(ReasoningSeal::of("abc").tag, "ungWv48B");
    }

    #[test]
    fn a_foreign_cut_or_altered_seal_opens_nothing() {
        let seal = ReasoningSeal::of("acct_1");
        let sealed = seal.seal(Some("rs_1"), Some("gAAA"));
        let begin = sealed.len() - "gAAA".len();
        for end in 0..=begin {
            assert_eq!(opened(&seal, &sealed[..end]), None, "{}", &sealed[..end]);
        }
        let tag = &seal.tag;
        for other in [
            "ErUBCkYIBxgCIkDm".to_owned(),
            format!("cmr2.{tag}.rs_1.gA"),
            format!("cmr1.{tag}.msg_1.gA"),
            format!("cmr1.{tag}.rs_.gA"),
            format!("cmr1.{tag}.rs_1.g\"A"),
            format!("cmr1.{tag}.rs_1.g A"),
            format!("cmr1.{tag}.rs_{}.gA", "x".repeat(65)),
            format!("cmr1.{tag}.rs_1.{}", "x".repeat(MAX_CONTENT + 1)),
            format!(" cmr1.{tag}.rs_1.gA"),
        ] {
            assert_eq!(opened(&seal, &other), None, "{}", &other[..other.len().min(40)]);
        }
    }

    #[test]
    fn an_item_that_cannot_be_carried_has_an_empty_seal() {
        let seal = ReasoningSeal::default();
        for (id, content, expected) in [
            (None, None, "cmr1.-.."),
            (Some("rs_1"), None, "cmr1.-.rs_1."),
            (Some("item \""), Some("gA"), "cmr1.-..gA"),
            (Some("rs_1"), Some("not base64!"), "cmr1.-.rs_1."),
        ] {
            assert_eq!(seal.seal(id, content), expected);
            assert!(seal.open(expected).is_none());
        }
    }
}
