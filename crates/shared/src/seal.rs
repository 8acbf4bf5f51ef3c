//! Sealing: what leaves for the engine is encrypted and bound to its name.
//!
//! Each value has a key of its own, derived from the key of the file and a random salt, so that the nonce may be the
//! same for all: a random nonce under one key would be safe for some billions of values only, and this key is used by
//! several servers for years.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::SharedError;
use crate::name::Name;

/// The bytes of a key.
const KEY: usize = 32;
/// The version of the format, the first byte of each value.
const VERSION: u8 = 1;
/// The bytes of the beginning of a key's hash, by which a value names the key that it is sealed with.
const MARK: usize = 4;
/// The bytes of the salt.
const SALT: usize = 16;
/// The bytes before the sealed text.
const HEAD: usize = 1 + MARK + SALT;

/// The keys of a key file: the first seals, all of them open.
#[derive(Clone)]
pub struct SealKeys(Vec<Zeroizing<[u8; KEY]>>);

/// A text is no key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// There is no key in it.
    #[error("there is no key in it: make one with  openssl rand -hex 32")]
    None,
    /// There are more keys than a change of keys needs.
    #[error("there are more than two keys in it: the first seals, the second opens what is older")]
    TooMany,
    /// A line is not a key.
    #[error("line {0} is not a key of 64 hexadecimal digits: make one with  openssl rand -hex 32")]
    Malformed(usize),
    /// A key that nobody has drawn at random.
    #[error("line {0} is a key of one repeated digit, which is none")]
    Weak(usize),
}

impl SealKeys {
    /// Reads a key file: one key of 64 hexadecimal digits a line, two at most; empty lines and those that begin with `#` are
    /// skipped.
    ///
    /// # Errors
    /// When there is no key in it, more than two, or something else.
    pub fn parse(text: &str) -> Result<Self, BadKeys> {
        let lines = text.lines().map(str::trim).zip(1..);
        let lines = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
        let keys: Vec<_> =
            lines.map(|(line, number)| key(line, number)).collect::<Result<_, _>>()?;
        match keys.len() {
            0 => Err(BadKeys::None),
            1 | 2 => Ok(Self(keys)),
            _ => Err(BadKeys::TooMany),
        }
    }

    /// Seals a text for a name.
    pub(crate) fn seal(
        &self,
        prefix: &str,
        name: &Name<'_>,
        text: &[u8],
    ) -> Result<Vec<u8>, SharedError> {
        let fault = |_| SharedError::Failed("the system gives no random numbers".to_owned());
        let key = self.0.first().ok_or(SharedError::NotBuilt)?;
        let mut salt = [0; SALT];
        SystemRandom::new().fill(&mut salt).map_err(fault)?;
        let mut sealed = text.to_vec();
        let bound = Aad::from(name.bound(prefix));
        cipher(key, &salt)?.seal_in_place_append_tag(nonce(), bound, &mut sealed).map_err(fault)?;
        let mut value = Vec::with_capacity(HEAD + sealed.len());
        value.push(VERSION);
        value.extend(mark(key));
        value.extend(salt);
        value.extend(sealed);
        Ok(value)
    }

    /// Opens a value that was sealed for a name.
    pub(crate) fn open(
        &self,
        prefix: &str,
        name: &Name<'_>,
        value: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SharedError> {
        let not_genuine = || SharedError::NotGenuine { kind: name.kind.to_owned() };
        let (head, sealed) = value.split_at_checked(HEAD).ok_or_else(not_genuine)?;
        let (version, head) = head.split_first().ok_or_else(not_genuine)?;
        let (marked, salt) = head.split_at_checked(MARK).ok_or_else(not_genuine)?;
        if *version != VERSION {
            return Err(not_genuine());
        }
        let key = self.0.iter().find(|key| mark(key) == marked);
        let key = key.ok_or_else(|| SharedError::OtherKey { kind: name.kind.to_owned() })?;
        let mut text = Zeroizing::new(sealed.to_vec());
        let bound = Aad::from(name.bound(prefix));
        let opened = cipher(key, salt)?.open_in_place(nonce(), bound, &mut text);
        let length = opened.map_err(|_| not_genuine())?.len();
        text.truncate(length);
        Ok(text)
    }
}

impl std::fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKeys(****)")
    }
}

fn key(line: &str, number: usize) -> Result<Zeroizing<[u8; KEY]>, BadKeys> {
    let mut key = Zeroizing::new([0; KEY]);
    let digits = line.as_bytes();
    if digits.len() != 2 * KEY || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(BadKeys::Malformed(number));
    }
    if digits.iter().all(|digit| Some(digit) == digits.first()) {
        return Err(BadKeys::Weak(number));
    }
    for (place, byte) in key.iter_mut().enumerate() {
        let pair = line.get(2 * place..2 * place + 2).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).map_err(|_| BadKeys::Malformed(number))?;
    }
    Ok(key)
}

/// Names a key without revealing it.
fn mark(key: &[u8; KEY]) -> [u8; MARK] {
    let hash = Sha256::new().chain_update("chatmock shared key").chain_update(key).finalize();
    hash.first_chunk().copied().unwrap_or_default()
}

fn cipher(key: &[u8; KEY], salt: &[u8]) -> Result<LessSafeKey, SharedError> {
    let derived = Salt::new(HKDF_SHA256, salt).extract(key);
    let derived = derived.expand(&[b"chatmock shared record"], &AES_256_GCM);
    let derived = derived.map_err(|_| SharedError::Failed("a key cannot be derived".to_owned()))?;
    Ok(LessSafeKey::new(UnboundKey::from(derived)))
}

/// The nonce of every value: each key seals one text in its life.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const NEW: &str = "f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn name(id: &str) -> Name<'_> {
        Name { kind: "note", account: "me", id }
    }

    #[test]
    fn a_value_opens_under_its_own_name_only() {
        let keys = SealKeys::parse(OLD).unwrap();
        let value = keys.seal("p", &name("1"), b"a secret").unwrap();
        assert!(!value.windows(6).any(|part| part == b"secret"));
        assert_eq!(keys.open("p", &name("1"), &value).unwrap().as_slice(), b"a secret");
        let other = Name { account: "you", ..name("1") };
        let kind = Name { kind: "letter", ..name("1") };
        for (prefix, name) in [("p", name("2")), ("q", name("1")), ("p", other), ("p", kind)] {
            let moved = keys.open(prefix, &name, &value).unwrap_err();
            assert_eq!(moved, SharedError::NotGenuine { kind: name.kind.to_owned() });
        }
        for length in 0..value.len() {
            assert!(keys.open("p", &name("1"), &value[..length]).is_err());
        }
        let mut changed = value.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(keys.open("p", &name("1"), &changed).is_err());
        assert_ne!(keys.seal("p", &name("1"), b"a secret").unwrap(), value);
    }

    #[test]
    fn a_new_key_seals_while_the_old_one_still_opens() {
        let old = SealKeys::parse(OLD).unwrap();
        let both = SealKeys::parse(&format!("# changed today\n{NEW}\n\n{OLD}\n")).unwrap();
        let new = SealKeys::parse(NEW).unwrap();
        let value = old.seal("p", &name("1"), b"x").unwrap();
        assert!(both.open("p", &name("1"), &value).is_ok());
        let other = new.open("p", &name("1"), &value).unwrap_err();
        assert!(other.to_string().contains("--shared-key-file"), "{other}");
        let value = both.seal("p", &name("1"), b"x").unwrap();
        assert!(new.open("p", &name("1"), &value).is_ok());
        assert_eq!(old.open("p", &name("1"), &value).unwrap_err(), other);
    }

    #[test]
    fn what_is_no_key_file_is_said_by_its_line() {
        for (text, fault) in [
            ("", BadKeys::None),
            ("# nothing", BadKeys::None),
            ("\nshort", BadKeys::Malformed(2)),
            (&"x".repeat(64), BadKeys::Malformed(1)),
            (&"0".repeat(64), BadKeys::Weak(1)),
            (&format!("{OLD}\n{NEW}\n{OLD}"), BadKeys::TooMany),
        ] {
            assert_eq!(SealKeys::parse(text).unwrap_err(), fault);
        }
        assert_eq!(format!("{:?}", SealKeys::parse(OLD).unwrap()), "SealKeys(****)");
    }
}
