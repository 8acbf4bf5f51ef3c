//! A JSON object kept as ordered members whose values stay as they were written.

use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// Ordered (name, raw JSON) pairs. Values may hold tokens, so there is no `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct SecretObject(Vec<(String, Zeroizing<String>)>);

impl SecretObject {
    /// The raw JSON of a member; of several with one name the last one, as in most parsers.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A member read as `T`; absent, `null` and unreadable are all `None`.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str::<Option<T>>(self.raw(name)?).ok().flatten()
    }

    /// Sets a member to a string, in its place or at the end.
    pub(crate) fn set(&mut self, name: &str, text: &str) {
        self.set_raw(name, serde_json::Value::from(text).to_string());
    }

    /// Sets a member to raw JSON, in its place or at the end.
    pub(crate) fn set_raw(&mut self, name: &str, raw: String) {
        let raw = Zeroizing::new(raw);
        match self.0.iter_mut().rev().find(|(key, _)| key == name) {
            Some((_, value)) => *value = raw,
            None => self.0.push((name.to_owned(), raw)),
        }
    }

    /// Writes the object, one member a line, the closing brace at `indent` spaces.
    pub(crate) fn render(&self, indent: usize) -> Zeroizing<String> {
        let size = self.0.iter().map(|(name, value)| name.len() * 2 + value.len() + 16 + indent);
        let mut out = Zeroizing::new(String::with_capacity(16 + indent + size.sum::<usize>()));
        out.push('{');
        for (index, (name, value)) in self.0.iter().enumerate() {
            out.push_str(if index == 0 { "\n" } else { ",\n" });
            out.extend(std::iter::repeat_n(' ', indent + 2));
            out.push_str(&serde_json::Value::from(name.as_str()).to_string());
            out.push_str(": ");
            out.push_str(value);
        }
        if !self.0.is_empty() {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
        }
        out.push('}');
        out
    }
}

impl<'de> Deserialize<'de> for SecretObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = SecretObject;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretObject, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            members.push((name, Zeroizing::new(String::from(Box::<str>::from(value)))));
        }
        Ok(SecretObject(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_order_survive_untouched() {
        let text =
            r#"{"z":1E2,"a":123456789012345678901234567890,"m":{"b":[1.10, {}]},"e":"\u00e9"}"#;
        let members: SecretObject = serde_json::from_str(text).unwrap();
        let compact =
            members.render(0).replace("\n  ", "").replace("\": ", "\":").replace('\n', "");
        assert_eq!(compact, text);
    }

    #[test]
    fn a_set_member_keeps_its_place_and_a_new_one_comes_last() {
        let mut members: SecretObject = serde_json::from_str(r#"{"a":1,"b":2}"#).unwrap();
        members.set("a", "x\"y");
        members.set_raw("c", "null".into());
        assert_eq!(&*members.render(0), "{\n  \"a\": \"x\\\"y\",\n  \"b\": 2,\n  \"c\": null\n}");
    }
}
