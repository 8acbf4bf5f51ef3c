//! JSON that keeps its members in the order in which they were written.
//!
//! The backend writes `type` first in every object, and a reader may look at the first member only.
//! A sorted map would hide such a reader's mistakes.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// A JSON value whose objects are ordered lists of members.
#[derive(Clone, Debug)]
pub(crate) enum Json {
    /// A value whose inner order does not matter.
    Leaf(Value),
    /// An array.
    List(Vec<Self>),
    /// An object.
    Object(Members),
}

/// The members of one object, in order.
pub(crate) type Members = Vec<(&'static str, Json)>;

impl Json {
    /// Returns the compact text of this value.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(value) => value.serialize(serializer),
            Self::List(items) => items.serialize(serializer),
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl From<Vec<Self>> for Json {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

impl From<Option<&str>> for Json {
    fn from(text: Option<&str>) -> Self {
        Self::Leaf(text.map_or(Value::Null, Value::from))
    }
}

impl From<&String> for Json {
    fn from(text: &String) -> Self {
        Self::Leaf(Value::from(text.as_str()))
    }
}

/// Converts plain types to leaves.
macro_rules! leaves {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Json {
            fn from(value: $kind) -> Self {
                Self::Leaf(Value::from(value))
            }
        }
    )*};
}
leaves!(Value, &str, String, bool, u64, i64, u32, i32, usize, f64);

/// Builds the members of an object, in order.
macro_rules! members {
    ($($name:literal: $value:expr),* $(,)?) => {
        vec![$(($name, $crate::json::Json::from($value))),*]
    };
}

/// Builds an object with its members in order.
macro_rules! object {
    ($($name:literal: $value:expr),* $(,)?) => {
        $crate::json::Json::Object($crate::json::members![$($name: $value),*])
    };
}

pub(crate) use {members, object};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_the_order_they_were_written_in() {
        let inner = object! {"type": "b", "a": 1_u64};
        let outer = object! {"type": "z", "list": vec![inner], "b": Value::Null};
        assert_eq!(outer.text(), r#"{"type":"z","list":[{"type":"b","a":1}],"b":null}"#);
    }
}
