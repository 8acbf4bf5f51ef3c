//! Lossless JSON reading: borrowed text, checked raw values and ordered members.

mod check;
mod members;
#[macro_use]
mod object;

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_path_to_error::{Path, Segment};

pub use check::MAX_DEPTH;
pub use members::Members;
pub(crate) use object::object;
pub use serde_json::value::RawValue;

/// Why a JSON text was not accepted, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Path of the value at fault, such as `messages[2].content[0].image_url`; empty at the top.
    pub path: String,
    /// What is wrong, in words for a person.
    pub message: String,
}

/// Reads `body` as UTF-8 JSON; a byte order mark before it is dropped.
///
/// # Errors
/// A [`Fault`] that names the path of the value which does not fit `T`.
pub fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Fault> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match std::str::from_utf8(body) {
        Ok(text) => read_text(text),
        Err(error) => {
            let at = error.valid_up_to();
            Err(Fault { path: String::new(), message: format!("body is not UTF-8 at byte {at}") })
        }
    }
}

/// Reads a JSON text; see [`read`].
///
/// # Errors
/// A [`Fault`] that names the path of the value which does not fit `T`.
pub fn read_text<'b, T: Deserialize<'b>>(text: &'b str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| locate::<T>(text, &error))
}

/// Reads once more to learn the path of a fault: only the failing case pays for the tracking.
fn locate<'b, T: Deserialize<'b>>(text: &'b str, error: &serde_json::Error) -> Fault {
    let mut reader = serde_json::Deserializer::from_str(text);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(tracked) => written(tracked.path()),
        Ok(_) => String::new(),
    };
    Fault { path, message: error.to_string() }
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

/// A JSON string still in its escapes, so that it can be copied to the wire unread.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'b>(&'b RawValue);

impl<'b> Quoted<'b> {
    /// The decoded text; `scratch` is used only when escapes occur.
    ///
    /// A lone surrogate, which cannot be text, becomes U+FFFD.
    pub fn decode<'s>(self, scratch: &'s mut String) -> &'s str
    where
        'b: 's,
    {
        let text = self.0.get();
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
            return inner;
        }
        *scratch = match serde_json::from_str(text) {
            Ok(decoded) => decoded,
            Err(_) => decode_lossy(text),
        };
        scratch
    }

    /// The decoded text, owned.
    #[must_use]
    pub fn to_text(self) -> String {
        let mut scratch = String::new();
        self.decode(&mut scratch).to_owned()
    }

    /// Whether the string has no character.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.get().len() <= 2
    }
}

/// Decodes a JSON string byte-wise, so that serde_json lets lone surrogates through as WTF-8.
fn decode_lossy(text: &str) -> String {
    struct Bytes(Vec<u8>);

    impl<'de> Deserialize<'de> for Bytes {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct BytesVisitor;

            impl Visitor<'_> for BytesVisitor {
                type Value = Bytes;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a string")
                }

                fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                    Ok(Bytes(bytes.to_vec()))
                }
            }

            deserializer.deserialize_bytes(BytesVisitor)
        }
    }

    let bytes = serde_json::from_str::<Bytes>(text).map_or_else(|_| Vec::new(), |b| b.0);
    String::from_utf8_lossy(&without_surrogates(&bytes)).into_owned()
}

/// WTF-8 with each lone surrogate, three bytes from `ED A0 80` up, as one U+FFFD.
fn without_surrogates(mut bytes: &[u8]) -> Vec<u8> {
    let mut mended = Vec::with_capacity(bytes.len());
    loop {
        match bytes {
            [] => return mended,
            [0xED, 0xA0..=0xBF, _, rest @ ..] => {
                mended.extend_from_slice("\u{FFFD}".as_bytes());
                bytes = rest;
            }
            [byte, rest @ ..] => {
                mended.push(*byte);
                bytes = rest;
            }
        }
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for Quoted<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('"') {
            Ok(Self(raw))
        } else {
            Err(Error::custom("invalid type: expected a string"))
        }
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
