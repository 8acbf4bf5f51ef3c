//! Values larger than an entry: split over several, and put in place by one last write.

use std::fmt::Write;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{KeyringError, Vault};

/// The beginning of an entry that only says where its value is.
const MAGIC: &str = "chatmock-parts:1:";
/// More parts than the largest sign-in file can need.
const MOST_PARTS: usize = 1024;
/// Another program may replace the value while it is read.
const LOOKS: usize = 3;

/// Reads a value, joined where it is split.
pub(super) fn read(
    vault: &dyn Vault,
    entry: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
    for _ in 0..LOOKS {
        let Some(value) = vault.read(entry)? else { return Ok(None) };
        if !value.starts_with(MAGIC.as_bytes()) {
            return Ok(Some(value));
        }
        let index = Index::parse(&value).ok_or(KeyringError::Damaged)?;
        if let Some(joined) = index.join(vault, entry)? {
            return Ok(Some(joined));
        }
    }
    Err(KeyringError::Damaged)
}

/// Writes a value. What was there stays whole until the last write, and goes after it.
pub(super) fn write(
    vault: &dyn Vault,
    entry: &str,
    value: &[u8],
    limit: usize,
) -> Result<(), KeyringError> {
    let before = vault.read(entry)?.as_deref().and_then(|value| Index::parse(value));
    let after = (value.len() > limit || value.starts_with(MAGIC.as_bytes()))
        .then(|| Index::of(value, limit));
    match &after {
        None => vault.write(entry, value)?,
        Some(index) => {
            for (number, part) in value.chunks(limit.max(1)).enumerate() {
                vault.write(&index.name(entry, number), part)?;
            }
            vault.write(entry, index.render().as_bytes())?;
        }
    }
    if let Some(before) = before.filter(|before| after.as_ref() != Some(before)) {
        before.forget(vault, entry)?;
    }
    Ok(())
}

/// Forgets a value with all its parts.
pub(super) fn delete(vault: &dyn Vault, entry: &str) -> Result<(), KeyringError> {
    let before = vault.read(entry)?.as_deref().and_then(|value| Index::parse(value));
    vault.delete(entry)?;
    before.map_or(Ok(()), |before| before.forget(vault, entry))
}

/// The index of the parts, which are named by the digest of the whole, so that the parts of two
/// values never mix.
#[derive(PartialEq, Eq)]
struct Index {
    digest: String,
    parts: usize,
}

impl Index {
    fn of(value: &[u8], limit: usize) -> Self {
        Self { digest: digest(value), parts: value.len().div_ceil(limit.max(1)) }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let rest = std::str::from_utf8(text).ok()?.strip_prefix(MAGIC)?;
        let (parts, digest) = rest.split_once(':')?;
        let parts = parts.parse().ok().filter(|parts| (1..=MOST_PARTS).contains(parts))?;
        Some(Self { digest: digest.to_owned(), parts })
    }

    fn render(&self) -> String {
        format!("{MAGIC}{}:{}", self.parts, self.digest)
    }

    fn name(&self, entry: &str, number: usize) -> String {
        let short = self.digest.get(..16).unwrap_or(&self.digest);
        format!("{entry}#{short}.{number}")
    }

    /// Returns the whole; `None` when a part is missing or another.
    fn join(
        &self,
        vault: &dyn Vault,
        entry: &str,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
        let mut whole = Zeroizing::new(Vec::new());
        for number in 0..self.parts {
            let Some(part) = vault.read(&self.name(entry, number))? else { return Ok(None) };
            // Built anew each time, so that no outgrown buffer stays behind unwiped.
            whole = Zeroizing::new([&whole[..], &part[..]].concat());
        }
        Ok(Some(whole).filter(|whole| digest(whole) == self.digest))
    }

    fn forget(&self, vault: &dyn Vault, entry: &str) -> Result<(), KeyringError> {
        for number in 0..self.parts {
            vault.delete(&self.name(entry, number))?;
        }
        Ok(())
    }
}

fn digest(value: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(value) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
