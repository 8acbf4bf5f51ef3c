//! Borrowed JSON strings that keep their escapes, so that they can be copied into other JSON.
//!
//! A stream consists of thousands of short deltas, and each is copied from one JSON text into
//! another. Decoding and escaping every one again would cost two passes and an allocation, so this
//! type finds the end of a string and what escapes it contains in one pass, eight bytes at a time.
//! It accepts exactly the strings that serde_json accepts, which property tests and a fuzz target
//! check.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;

/// A JSON string with its escapes kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawStr<'b> {
    /// The text between the quotes.
    inside: &'b str,
    escapes: Escapes,
}

/// The escapes that a string contains, from harmless to not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Escapes {
    /// No escapes: the text is the string.
    None,
    /// Escapes that every JSON parser accepts.
    Valid,
    /// Also a surrogate without its other half, which not every parser accepts.
    LoneSurrogate,
}

impl<'b> RawStr<'b> {
    /// Parses the string whose opening quote is before `bytes`; returns it with the rest after its
    /// closing quote, or `None` where serde_json would refuse it.
    pub(crate) fn read_prefix(bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let (inside, escapes, rest) = split(bytes)?;
        let inside = std::str::from_utf8(inside).ok()?;
        Some((Self { inside, escapes }, rest))
    }

    /// Skips such a string; returns the rest after its closing quote.
    pub(crate) fn skip(bytes: &[u8]) -> Option<&[u8]> {
        split(bytes).map(|(_, _, rest)| rest)
    }

    /// The text between the quotes, to be copied into other JSON; `None` where that would pass on a
    /// lone surrogate.
    #[must_use]
    pub fn raw(self) -> Option<&'b str> {
        (self.escapes != Escapes::LoneSurrogate).then_some(self.inside)
    }

    /// The decoded text; `scratch` is used only when escapes occur.
    ///
    /// A lone surrogate, which cannot be text, becomes U+FFFD.
    pub fn decode<'s>(self, scratch: &'s mut String) -> &'s str
    where
        'b: 's,
    {
        if self.escapes == Escapes::None {
            return self.inside;
        }
        scratch.clear();
        let mut rest = self.inside;
        while let Some((before, escaped)) = rest.split_once('\\') {
            scratch.push_str(before);
            // Every escape was parsed when the string was made, so this loop never ends early.
            let Some(escape) = Escape::at(escaped.as_bytes()) else { break };
            scratch.push(escape.character.unwrap_or(char::REPLACEMENT_CHARACTER));
            rest = escaped.get(escape.length..).unwrap_or_default();
        }
        scratch.push_str(rest);
        scratch
    }

    /// The decoded text, owned.
    #[must_use]
    pub fn to_text(self) -> String {
        let mut scratch = String::new();
        self.decode(&mut scratch).to_owned()
    }

    /// Returns whether the string has no character.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.inside.is_empty()
    }
}

/// Splits at the end of the string whose opening quote is before `bytes`: returns its inside, the
/// escapes in it and the rest after its closing quote.
fn split(bytes: &[u8]) -> Option<(&[u8], Escapes, &[u8])> {
    let (mut at, mut escapes) = (end_of_plain(bytes, 0), Escapes::None);
    loop {
        match bytes.get(at)? {
            b'"' => break,
            b'\\' => {
                let escape = Escape::at(bytes.get(at + 1..)?)?;
                escapes = escapes.max(escape.kind());
                at = end_of_plain(bytes, at + 1 + escape.length);
            }
            _ => return None,
        }
    }
    let (inside, rest) = bytes.split_at_checked(at)?;
    Some((inside, escapes, rest.get(1..)?))
}

/// Decodes the inside of a string, character by character.
pub(super) struct Decoded<'b>(&'b str);

impl<'b> Decoded<'b> {
    pub(super) fn of(inside: &'b str) -> Self {
        Self(inside)
    }
}

impl Iterator for Decoded<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let mut rest = self.0.chars();
        let next = match rest.next()? {
            '\\' => {
                let escape = Escape::at(rest.as_str().as_bytes())?;
                self.0 = rest.as_str().get(escape.length..)?;
                return Some(escape.character.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            same => same,
        };
        self.0 = rest.as_str();
        Some(next)
    }
}

/// An escape, or the two of a surrogate pair.
struct Escape {
    /// Bytes after the backslash.
    length: usize,
    /// `None` for a lone surrogate.
    character: Option<char>,
}

impl Escape {
    /// Parses the text after a backslash.
    fn at(bytes: &[u8]) -> Option<Self> {
        let character = match bytes.first()? {
            b'u' => return Self::unicode(bytes),
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            same @ (b'"' | b'\\' | b'/') => char::from(*same),
            _ => return None,
        };
        Some(Self { length: 1, character: Some(character) })
    }

    fn unicode(bytes: &[u8]) -> Option<Self> {
        let first = code_unit(bytes)?;
        if (0xD800..0xDC00).contains(&first)
            && let Some(second) =
                bytes.get(5..).and_then(|rest| code_unit(rest.strip_prefix(b"\\")?))
            && (0xDC00..0xE000).contains(&second)
        {
            let code = 0x1_0000 + ((first - 0xD800) << 10 | (second - 0xDC00));
            return Some(Self { length: 11, character: char::from_u32(code) });
        }
        Some(Self { length: 5, character: char::from_u32(first) })
    }

    fn kind(&self) -> Escapes {
        if self.character.is_some() { Escapes::Valid } else { Escapes::LoneSurrogate }
    }
}

/// Parses `u` and four hexadecimal digits as a UTF-16 code unit.
fn code_unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.first_chunk::<5>()?.strip_prefix(b"u")?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    digits.iter().try_fold(0, |code, byte| Some(code << 4 | digit(byte)?))
}

/// The first position from `at` on with a quote, a backslash or a control character.
fn end_of_plain(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let ends = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    at + rest.iter().position(ends).unwrap_or(rest.len())
}

/// Sets the high bit of the first of eight bytes that ends plain text; bits above it may be set as
/// well. This is the usual arithmetic for finding a byte in a word without a branch for each byte.
fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let below = |word: u64, limit: u64| word.wrapping_sub(limit * ONES) & !word & HIGH;
    let equal = |byte: u8| below(word ^ (u64::from(byte) * ONES), 1);
    below(word, 0x20) | equal(b'"') | equal(b'\\')
}

impl<'de: 'b, 'b> Deserialize<'de> for RawStr<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        raw.get()
            .strip_prefix('"')
            .and_then(|rest| Self::read_prefix(rest.as_bytes()))
            .map(|(string, _)| string)
            .ok_or_else(|| Error::custom("invalid type: expected a string"))
    }
}
