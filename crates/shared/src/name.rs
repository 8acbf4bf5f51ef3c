//! The names of records.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The name of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// What it is, a word of lower-case letters such as `response`. The engine sees it.
    pub kind: &'static str,
    /// Whose it is; empty for what belongs to all.
    pub account: &'a str,
    /// Which one it is.
    pub id: &'a str,
}

impl Name<'_> {
    /// Returns the key of the record in the engine: whose and which is hidden in a hash.
    pub(crate) fn key(&self, prefix: &str) -> String {
        let mut key = format!("{prefix}:{}:", self.kind);
        for byte in Sha256::digest(self.bound("")) {
            // Writing to a string cannot fail.
            let _ = write!(key, "{byte:02x}");
        }
        key
    }

    /// Returns the text to which a sealed value is bound. Each part comes with its length, so that no two names
    /// give the same bytes.
    pub(crate) fn bound(&self, prefix: &str) -> Vec<u8> {
        let mut bound = Vec::new();
        for part in [prefix, self.kind, self.account, self.id] {
            bound.extend((part.len() as u64).to_le_bytes());
            bound.extend(part.as_bytes());
        }
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_have_the_same_key_and_none_shows_whose_it_is() {
        let name = |account, id| Name { kind: "note", account, id };
        let keys = [name("ab", "c"), name("a", "bc"), name("", "abc")].map(|name| name.key("p"));
        assert!(keys[0] != keys[1] && keys[1] != keys[2]);
        let key = name("me@example.com", "resp_1").key("chatmock");
        assert!(key.starts_with("chatmock:note:") && key.len() == 78, "{key}");
        assert!(!key.contains("example") && !key.contains("resp"), "{key}");
    }
}
