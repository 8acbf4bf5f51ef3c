//! Lossless JSON reading: borrowed text, checked raw values and ordered members.

mod check;
mod raw_object;
#[macro_use]
mod object;
mod raw_str;
mod raw_string;
mod scan;

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_path_to_error::{Path, Segment};

pub use check::MAX_DEPTH;
pub(crate) use object::object;
pub use raw_object::RawObject;
pub use raw_str::RawStr;
pub use raw_string::RawString;
pub use scan::{items, members};
pub use serde_json::value::RawValue;

/// Why a JSON text was not accepted, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Path of the value at fault, such as `messages[2].tool_calls[0].function`; empty at the top.
    pub path: String,
    /// What is wrong, in words for a person.
    pub message: String,
}

/// Reads `body` as UTF-8 JSON; a byte order mark before it is dropped.
///
/// # Errors
/// A [`ReadError`] that names the path of the value which does not fit `T`.
pub fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, ReadError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match std::str::from_utf8(body) {
        Ok(text) => read_text(text),
        Err(error) => {
            let at = error.valid_up_to();
            Err(ReadError {
                path: String::new(),
                message: format!("body is not UTF-8 at byte {at}"),
            })
        }
    }
}

/// Reads a JSON text; see [`read`].
///
/// # Errors
/// A [`ReadError`] that names the path of the value which does not fit `T`.
pub fn read_text<'b, T: Deserialize<'b>>(text: &'b str) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|error| locate::<T>(text, &error))
}

/// Reads once more to learn the path of a fault: only the failing case pays for the tracking.
fn locate<'b, T: Deserialize<'b>>(text: &'b str, error: &serde_json::Error) -> ReadError {
    let mut reader = serde_json::Deserializer::from_str(text);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(tracked) => written(tracked.path()),
        Ok(_) => String::new(),
    };
    ReadError { path, message: error.to_string() }
}

/// A path as far as it is known: where a name could not be read, it ends before it.
fn written(path: &Path) -> String {
    path.iter().map_while(segment).fold(String::new(), |path, segment| match segment {
        Step::Index(index) => format!("{path}[{index}]"),
        Step::Name(name) if path.is_empty() => name.to_owned(),
        Step::Name(name) => format!("{path}.{name}"),
    })
}

/// One step of a path.
enum Step<'p> {
    Index(usize),
    Name(&'p str),
}

fn segment(segment: &Segment) -> Option<Step<'_>> {
    match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Name(key)),
        Segment::Enum { variant } => Some(Step::Name(variant)),
        Segment::Unknown => None,
    }
}

/// A string that is borrowed from the JSON text wherever it holds no escape.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<'b>(pub Cow<'b, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'b> From<&'b str> for Text<'b> {
    fn from(text: &'b str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for Text<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// Any JSON value, kept as its text after a check of depth, surrogates and number range.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'b>(&'b RawValue);

impl<'b> Raw<'b> {
    /// The value as it was written.
    #[must_use]
    pub fn get(self) -> &'b RawValue {
        self.0
    }

    /// The text of the value.
    #[must_use]
    pub fn text(self) -> &'b str {
        self.0.get()
    }

    /// The string it holds, if it is one.
    #[must_use]
    pub fn as_text(self) -> Option<Text<'b>> {
        serde_json::from_str(self.text()).ok()
    }

    /// Whether the value is an object.
    #[must_use]
    pub fn is_object(self) -> bool {
        self.text().starts_with('{')
    }
}

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for Raw<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        check::check(raw.get()).map_err(Error::custom)?;
        Ok(Self(raw))
    }
}

/// Any JSON value, checked as a [`Raw`] is: only that it is there counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present;

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Raw::deserialize(deserializer).map(|_| Self)
    }
}

/// Serialises `value` to a raw value.
///
/// # Errors
/// Only where a `Serialize` implementation fails by itself.
pub fn raw<T: Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>, serde_json::Error> {
    serde_json::value::to_raw_value(value)
}

#[cfg(test)]
mod tests;
