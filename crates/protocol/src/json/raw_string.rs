//! Strings on their way from one JSON text into another.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error, Expected, Unexpected};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::check;
use super::raw_str::Decoded;
use super::raw_value::Raw;

/// A string that leaves in the escapes in which it came, or that was made here.
///
/// What is only handed on, such as a tool's result or an image, is so neither decoded nor escaped.
#[derive(Clone, Debug)]
pub struct RawString<'b>(Form<'b>);

#[derive(Clone, Debug)]
enum Form<'b> {
    /// A JSON string that every reader takes.
    Written {
        json: Cow<'b, RawValue>,
        /// Whether it holds no escape.
        plain: bool,
    },
    Text(Cow<'b, str>),
}

impl<'b> RawString<'b> {
    /// The string in a value, if it is one.
    #[must_use]
    pub fn of(value: Raw<'b>) -> Option<Self> {
        let json = value.get();
        let written = Form::Written { json: Cow::Borrowed(json), plain: is_plain(json) };
        json.get().starts_with('"').then_some(Self(written))
    }

    /// The string in a value that has not been checked.
    ///
    /// # Errors
    /// When it is none, or one that not every reader takes.
    pub(crate) fn checked<E: Error>(
        json: &'b RawValue,
        expected: &dyn Expected,
    ) -> Result<Self, E> {
        if !json.get().starts_with('"') {
            return Err(E::invalid_type(kind(json), expected));
        }
        let plain = is_plain(json);
        // Only half a surrogate can be wrong with it; most strings with escapes have none of that
        // kind.
        if !plain && memchr::memmem::find(json.get().as_bytes(), b"\\u").is_some() {
            check::check(json.get()).map_err(E::custom)?;
        }
        Ok(Self(Form::Written { json: Cow::Borrowed(json), plain }))
    }

    /// Joins texts; where they need no escapes, the sum is not searched for what does.
    #[must_use]
    pub fn concat(texts: &[&str]) -> Self {
        let inside: usize = texts.iter().map(|text| text.len()).sum();
        let mut json = String::with_capacity(inside + 2);
        json.push('"');
        json.extend(texts.iter().copied());
        json.push('"');
        match RawValue::from_string(json) {
            Ok(json) if is_plain(&json) => {
                Self(Form::Written { json: Cow::Owned(json), plain: true })
            }
            _ => Self(Form::Text(Cow::Owned(texts.concat()))),
        }
    }

    /// The text, decoded where there are escapes.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Form::Written { json, plain: true } => Cow::Borrowed(inside(json)),
            Form::Written { json, .. } => {
                // The escapes were checked when the string was read.
                Cow::Owned(serde_json::from_str(json.get()).unwrap_or_default())
            }
            Form::Text(text) => Cow::Borrowed(text),
        }
    }

    /// Whether the text begins like that, white space left out; no more of it is decoded.
    #[must_use]
    pub fn trimmed_starts_with(&self, start: &str) -> bool {
        let plain = match &self.0 {
            Form::Written { json, plain: false } => {
                let mut text = Decoded::of(inside(json)).skip_while(|c| c.is_whitespace());
                return start.chars().all(|c| text.next() == Some(c));
            }
            Form::Written { json, .. } => inside(json),
            Form::Text(text) => text,
        };
        plain.trim_start().starts_with(start)
    }

    /// Whether the string has no character.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Written { json, .. } => inside(json).is_empty(),
            Form::Text(text) => text.is_empty(),
        }
    }
}

/// What a value that is no string is, in the words of serde.
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

/// What stands between the quotes.
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
            Form::Written { json, .. } => json.serialize(serializer),
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
