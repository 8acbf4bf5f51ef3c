//! Objects as ordered pairs of name and raw value.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::raw_value::{Raw, raw};
use super::text::Text;

/// A JSON object whose members keep their order and their text: members that are not changed are
/// written byte for byte as they were read.
///
/// Members are searched one after another, which is no burden for the few dozen that requests have;
/// a map would not keep their order.
#[derive(Clone, Debug, Default)]
pub struct RawObject<'b>(Vec<(Cow<'b, str>, Cow<'b, RawValue>)>);

impl<'b> RawObject<'b> {
    /// The value under `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| &**value)
    }

    /// The value under `name` as borrowed from the text that was read; `None` once it was replaced.
    #[must_use]
    pub fn as_read(&self, name: &str) -> Option<&'b RawValue> {
        match self.0.iter().find(|(n, _)| n == name) {
            Some((_, Cow::Borrowed(value))) => Some(value),
            _ => None,
        }
    }

    /// The value under `name`, unless it is absent or `null`.
    #[must_use]
    pub fn present(&self, name: &str) -> Option<&RawValue> {
        self.get(name).filter(|value| value.get() != "null")
    }

    /// The string under `name`, if the value is one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        serde_json::from_str::<Text<'_>>(self.get(name)?.get()).ok().map(|text| text.0)
    }

    /// Returns whether there is a member `name`, even if it is `null`.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets `name` to `value`, in the member's place if there is one, else at the end.
    ///
    /// # Errors
    /// Only when a `Serialize` implementation returns an error of its own.
    pub fn set<T: Serialize + ?Sized>(
        &mut self,
        name: impl Into<Cow<'b, str>>,
        value: &T,
    ) -> Result<(), serde_json::Error> {
        self.put(name, Cow::Owned(raw(value)?));
        Ok(())
    }

    /// Sets `name` to a value that is JSON text already; see [`RawObject::set`].
    pub fn put(&mut self, name: impl Into<Cow<'b, str>>, value: Cow<'b, RawValue>) {
        let name = name.into();
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some(slot) => slot.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// Removes `name`; returns its value.
    pub fn remove(&mut self, name: &str) -> Option<Cow<'b, RawValue>> {
        let at = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.remove(at).1)
    }

    /// Copies what is borrowed from the text that was read, so that the text can be let go.
    #[must_use]
    pub fn into_owned(self) -> RawObject<'static> {
        let owned = |(name, value): (Cow<'b, str>, Cow<'b, RawValue>)| {
            (Cow::Owned(name.into_owned()), Cow::Owned(value.into_owned()))
        };
        RawObject(self.0.into_iter().map(owned).collect())
    }

    /// Returns whether the object has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for RawObject<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RawObjectVisitor;

        impl<'de> Visitor<'de> for RawObjectVisitor {
            type Value = RawObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawObject<'de>, A::Error> {
                let mut members: Vec<(Cow<'de, str>, Cow<'de, RawValue>)> = Vec::new();
                while let Some(Text(name)) = map.next_key()? {
                    members.push((name, Cow::Borrowed(map.next_value::<Raw<'de>>()?.get())));
                }
                match duplicate(&members) {
                    Some(name) => Err(Error::custom(format_args!("duplicate field `{name}`"))),
                    None => Ok(RawObject(members)),
                }
            }
        }

        deserializer.deserialize_map(RawObjectVisitor)
    }
}

/// Finds a name that occurs twice. The names are sorted first: comparing each with each would let a
/// request of a hundred thousand members block a thread.
fn duplicate<'m>(members: &'m [(Cow<'_, str>, Cow<'_, RawValue>)]) -> Option<&'m str> {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    names.windows(2).find(|pair| pair.first() == pair.last())?.first().copied()
}

impl Serialize for RawObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, &**value)?;
        }
        map.end()
    }
}
