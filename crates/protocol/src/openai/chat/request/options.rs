//! Options of a chat request that have a shape of their own.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor, value};

use crate::json::{Raw, Text, object};

object! {
    /// The format of the answer.
    pub struct ResponseFormat<'b> {
        /// `text`, `json_object` or `json_schema`.
        kind: Text<'b> = "type",
        /// The schema with its name.
        json_schema: JsonSchema<'b> = "json_schema",
        /// A bare schema, which some programs send next to `json_object`.
        schema: Raw<'b> = "schema",
    }
}

object! {
    /// A named schema.
    pub struct JsonSchema<'b> {
        /// The schema's name.
        name: Text<'b> = "name",
        /// The purpose of the schema.
        description: Text<'b> = "description",
        /// The schema.
        schema: Raw<'b> = "schema",
        /// True if the answer must match it.
        strict: bool = "strict",
    }
}

object! {
    /// Effort and summary.
    pub struct Reasoning<'b> {
        /// The reasoning effort.
        effort: Text<'b> = "effort",
        /// `auto`, `concise`, `detailed` or `none`.
        summary: Text<'b> = "summary",
        /// The old name of `summary`.
        generate_summary: Text<'b> = "generate_summary",
    }
}

object! {
    /// Options of a stream.
    pub struct StreamOptions<'b> {
        /// True if a last chunk contains the token counts.
        include_usage: bool = "include_usage",
        /// True if deltas are padded with random text.
        include_obfuscation: bool = "include_obfuscation",
    }
}

/// Sequences before which the answer ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop<'b>(pub Vec<Text<'b>>);

impl<'de: 'b, 'b> Deserialize<'de> for Stop<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StopVisitor;

        impl<'de> Visitor<'de> for StopVisitor {
            type Value = Stop<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Stop(vec![Text::from(text)]))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Stop(vec![Text(text.to_owned().into())]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(value::SeqAccessDeserializer::new(list)).map(Stop)
            }
        }

        deserializer.deserialize_any(StopVisitor)
    }
}
