//! Owned or borrowed strings that keep their escapes on the way from one JSON text into another.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error, Expected, Unexpected};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::check;
use super::raw_str::Decoded;
use super::raw_value::Raw;

/// A string that is written with the escapes in which it was read, or one that was made here.
///
/// Strings that are only passed on, such as images and the results of tools, are neither decoded
/// nor escaped again: they may have megabytes.
#[derive(Clone, Debug)]
pub struct RawString<'b>(Form<'b>);

#[derive(Clone, Debug)]
enum Form<'b> {
    /// A JSON string that every parser accepts.
    Json {
        json: Cow<'b, RawValue>,
        /// True if it contains no escape.
        plain: bool,
    },
    Text(Cow<'b, str>),
}

impl<'b> RawString<'b> {
    /// Takes the string of a checked value, if it is one.
    #[must_use]
    pub fn of(value: Raw<'b>) -> Option<Self> {
        let json = value.get();
        let written = Form::Json { json: Cow::Borrowed(json), plain: is_plain(json) };
        json.get().starts_with('"').then_some(Self(written))
    }

    /// Takes the string of a value that has not been checked.
    ///
    /// # Errors
    /// When the value is not a string, or contains a lone surrogate, which not every parser
    /// accepts.
    pub(crate) fn checked<E: Error>(
        json: &'b RawValue,
        expected: &dyn Expected,
    ) -> Result<Self, E> {
        if !json.get().starts_with('"') {
            return Err(E::invalid_type(kind(json), expected));
        }
        let plain = is_plain(json);
        // serde_json has checked everything except surrogates, which only `\u` can introduce; most
        // strings with escapes contain no `\u`, and finding that out is cheap.
        if !plain && memchr::memmem::find(json.get().as_bytes(), b"\\u").is_some() {
            check::check(json.get()).map_err(E::custom)?;
        }
        Ok(Self(Form::Json { json: Cow::Borrowed(json), plain }))
    }

    /// Concatenates texts. Where they need no escapes, as base64 does not, the result is JSON
    /// already and will not be searched for characters to escape.
    #[must_use]
    pub fn concat(texts: &[&str]) -> Self {
        let inside: usize = texts.iter().map(|text| text.len()).sum();
        let mut json = String::with_capacity(inside + 2);
        json.push('"');
        json.extend(texts.iter().copied());
        json.push('"');
        match RawValue::from_string(json) {
            Ok(json) if is_plain(&json) => Self(Form::Json { json: Cow::Owned(json), plain: true }),
            _ => Self(Form::Text(Cow::Owned(texts.concat()))),
        }
    }

    /// The text, decoded where there are escapes.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Form::Json { json, plain: true } => Cow::Borrowed(inside(json)),
            Form::Json { json, .. } => {
                // Decoding cannot fail: the escapes were checked when the string was read.
                Cow::Owned(serde_json::from_str(json.get()).unwrap_or_default())
            }
            Form::Text(text) => Cow::Borrowed(text),
        }
    }

    /// Returns whether the text starts with `start` after white space. Only as much of it is decoded as is
    /// needed for the answer.
    #[must_use]
    pub fn trimmed_starts_with(&self, start: &str) -> bool {
        let plain = match &self.0 {
            Form::Json { json, plain: false } => {
                let mut text = Decoded::of(inside(json)).skip_while(|c| c.is_whitespace());
                return start.chars().all(|c| text.next() == Some(c));
            }
            Form::Json { json, .. } => inside(json),
            Form::Text(text) => text,
        };
        plain.trim_start().starts_with(start)
    }

    /// Returns whether the string has no character.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Json { json, .. } => inside(json).is_empty(),
            Form::Text(text) => text.is_empty(),
        }
    }
}

/// Describes a value that is not a string, in the terms of serde.
fn kind(json: &RawValue) -> Unexpected<'_> {
    match json.get() {
        "null" => Unexpected::Unit,
        "true" => Unexpected::Bool(true),
        "false" => Unexpected::Bool(false),
        list if list.starts_with('[') => Unexpected::Seq,
        map if map.starts_with('{') => Unexpected::Map,
        number => Unexpected::Other(number.get(..32).unwrap_or(number)),
    }
}

fn is_plain(json: &RawValue) -> bool {
    memchr::memchr(b'\\', json.get().as_bytes()).is_none()
}

/// The text between the quotes.
fn inside(json: &RawValue) -> &str {
    let json = json.get();
    json.get(1..json.len().saturating_sub(1)).unwrap_or_default()
}

impl Default for RawString<'_> {
    fn default() -> Self {
        Self::from("")
    }
}

impl<'b> From<Cow<'b, str>> for RawString<'b> {
    fn from(text: Cow<'b, str>) -> Self {
        Self(Form::Text(text))
    }
}

impl<'b> From<&'b str> for RawString<'b> {
    fn from(text: &'b str) -> Self {
        Self(Form::Text(Cow::Borrowed(text)))
    }
}

impl From<String> for RawString<'_> {
    fn from(text: String) -> Self {
        Self(Form::Text(Cow::Owned(text)))
    }
}

impl Serialize for RawString<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Form::Json { json, .. } => json.serialize(serializer),
            Form::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for RawString<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::checked(<&'de RawValue>::deserialize(deserializer)?, &"a string")
    }
}

#[cfg(test)]
mod tests;
