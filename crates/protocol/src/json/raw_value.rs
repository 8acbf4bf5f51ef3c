//! Values of any kind, kept as the JSON text in which they were written.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::check;
use super::text::Text;

/// Any JSON value, kept as its text after a check of depth, surrogates and the range of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'b>(&'b RawValue);

impl<'b> Raw<'b> {
    /// The value, as it was written.
    #[must_use]
    pub fn get(self) -> &'b RawValue {
        self.0
    }

    /// The text of the value.
    #[must_use]
    pub fn text(self) -> &'b str {
        self.0.get()
    }

    /// The decoded string, if the value is one.
    #[must_use]
    pub fn as_text(self) -> Option<Text<'b>> {
        serde_json::from_str(self.text()).ok()
    }

    /// Returns whether the value is an object.
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

/// Any JSON value, checked like a [`Raw`] and then dropped: only its presence matters.
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
/// Only when a `Serialize` implementation returns an error of its own.
pub fn raw<T: Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>, serde_json::Error> {
    serde_json::value::to_raw_value(value)
}
