//! Roots of schemas: that of a function's arguments must say that it is an object.
//!
//! Generators leave the type out where it goes without saying, give a list of types that allows `null`,
//! or put the whole schema behind a `$ref`. PHP writes an empty object as `[]`, and some libraries the
//! absence of properties as `null`. The backend refuses all of these, and each has one possible meaning.

use std::borrow::Cow;

use chatmock_protocol::json::{RawObject, RawValue, Text, raw};
use serde_json::Error;

use crate::schema::{LISTS, NAMED, ONE, object};

/// The most references that are followed from a root.
const MAX_REFERENCES: usize = 8;

/// Makes a schema say that it is one of an object, and what its properties are.
///
/// A schema of another type stays as it is, what is the name of no type (such as Python's `None`) or of nothing at all
/// is an object, and one that says so already keeps its bytes.
///
/// # Errors
/// Only where a value cannot be written.
pub(crate) fn of_object(schema: &RawValue) -> Result<Cow<'_, RawValue>, Error> {
    let schema = fixed(schema)?;
    let Some(root) = object(&schema) else { return Ok(schema) };
    let mut members = followed(&root).unwrap_or_else(|| root.clone());
    if !may_be_object(&members) {
        return Ok(schema);
    }
    let said = members.text("type").is_some_and(|kind| kind == "object");
    if said && members.contains("properties") && !root.contains("$ref") {
        drop(members);
        return Ok(schema);
    }
    if !said {
        members.set("type", "object")?;
    }
    if !members.contains("properties") {
        members.set("properties", &RawObject::default())?;
    }
    Ok(Cow::Owned(raw(&members)?))
}

/// The root with the schema that it refers to in place of the reference, where that is in the root itself.
fn followed<'s>(root: &RawObject<'s>) -> Option<RawObject<'s>> {
    let mut members = root.clone();
    for _ in 0..MAX_REFERENCES {
        let Some(reference) = members.text("$ref").map(Cow::into_owned) else { break };
        let target = target(root, &reference)?;
        members.remove("$ref");
        let mut merged = target;
        for (name, value) in members.iter() {
            merged.put(name.to_owned(), Cow::Owned(value.to_owned()));
        }
        members = merged;
    }
    (!members.contains("$ref")).then_some(members)
}

/// The schema at a place such as `#/$defs/User`.
fn target<'s>(root: &RawObject<'s>, reference: &str) -> Option<RawObject<'s>> {
    let mut at = root.clone();
    for step in reference.strip_prefix("#/")?.split('/') {
        let name = step.replace("~1", "/").replace("~0", "~");
        at = object(at.as_read(&name)?)?;
    }
    Some(at)
}

/// Returns whether values of the schema can be objects.
fn may_be_object(members: &RawObject<'_>) -> bool {
    let Some(kind) = members.present("type") else { return true };
    match serde_json::from_str::<Vec<Text<'_>>>(kind.get()) {
        Ok(kinds) => {
            let only_null = kinds.iter().all(|kind| &**kind == "null");
            only_null || kinds.iter().any(|kind| &**kind != "null" && is_no_other_type(kind))
        }
        Err(_) => members.text("type").is_none_or(|kind| is_no_other_type(&kind)),
    }
}

/// Returns whether the name of a type leaves room for objects.
fn is_no_other_type(kind: &str) -> bool {
    matches!(kind, "object" | "null") || !TYPES.contains(&kind)
}

/// Fixes what is not a schema at any depth: properties that are no object, names that are no list, and
/// types in capitals.
fn fixed(schema: &RawValue) -> Result<Cow<'_, RawValue>, Error> {
    // No schema at all, and an empty object in PHP.
    if schema.get() == "null" || schema.get().starts_with('[') {
        return Ok(Cow::Owned(raw(&RawObject::default())?));
    }
    if !looks_wrong(schema.get()) {
        return Ok(Cow::Borrowed(schema));
    }
    let Some(mut members) = object(schema) else { return Ok(Cow::Borrowed(schema)) };
    for name in NAMED {
        let Some(named) = members.as_read(name) else { continue };
        let mut inner = object(named).unwrap_or_default();
        let keys: Vec<String> = inner.iter().map(|(key, _)| key.to_owned()).collect();
        for key in keys {
            if let Some(schema) = inner.as_read(&key) {
                inner.put(key, fixed(schema)?);
            }
        }
        members.set(name, &inner)?;
    }
    for name in ONE.into_iter().chain(["additionalProperties", "not"]) {
        if let Some(inner) = members.as_read(name) {
            members.put(name, fixed(inner)?);
        }
    }
    for name in LISTS.into_iter().chain(["allOf", "oneOf"]) {
        let list = members.as_read(name).map(RawValue::get).map(serde_json::from_str);
        if let Some(Ok(list)) = list {
            let list: Vec<&RawValue> = list;
            members.set(name, &list.into_iter().map(fixed).collect::<Result<Vec<_>, _>>()?)?;
        }
    }
    if members.get("required").is_some_and(|names| !names.get().starts_with('[')) {
        members.remove("required");
    }
    let kind = members.text("type").map(|kind| kind.to_ascii_lowercase());
    if let Some(kind) = kind.filter(|kind| TYPES.contains(&kind.as_str())) {
        members.set("type", &kind)?;
    }
    Ok(Cow::Owned(raw(&members)?))
}

/// The types of JSON schemas.
const TYPES: [&str; 7] = ["object", "array", "string", "number", "integer", "boolean", "null"];

/// Returns whether a text may have something to fix, so that most schemas are only looked through.
fn looks_wrong(schema: &str) -> bool {
    let followed_by = |name: &str, starts: &[char]| {
        schema.match_indices(name).any(|(at, _)| {
            let rest = schema.get(at + name.len()..).unwrap_or_default().trim_start();
            rest.strip_prefix(':').is_some_and(|value| value.trim_start().starts_with(starts))
        })
    };
    let capitals = |kind: &&str| schema.contains(&format!("\"{}\"", kind.to_ascii_uppercase()));
    TYPES.iter().any(capitals)
        || NAMED.iter().any(|name| followed_by(&format!("\"{name}\""), &['[', 'n']))
        || followed_by("\"required\"", &['n', '{', 't', 'f'])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rooted(schema: &Value) -> Value {
        let text = RawValue::from_string(schema.to_string()).unwrap();
        serde_json::from_str(of_object(&text).unwrap().get()).unwrap()
    }

    #[test]
    fn a_root_that_says_its_type_and_properties_keeps_its_bytes() {
        for text in [
            r#"{ "type":"object","properties" :{"a":{"minimum":1E2}}}"#,
            r#"{"properties":{"required":{"type":"array"}},"type":"object"}"#,
            r#"{"type":"string"}"#,
            r#"{"type":["string","null"]}"#,
            r#"{"type":"array","items":{}}"#,
        ] {
            let schema = RawValue::from_string(text.to_owned()).unwrap();
            assert_eq!(of_object(&schema).unwrap().get(), text);
        }
    }

    #[test]
    fn every_root_becomes_an_object_and_its_properties_stay() {
        let a = json!({"a": {"type": "string"}});
        let expected = json!({"type": "object", "properties": a});
        for kind in [
            json!(null),
            json!("object"),
            json!("OBJECT"),
            json!(["object", "null"]),
            json!("None"),
            json!("null"),
            json!("dict"),
            json!([]),
            json!(""),
            json!(7),
        ] {
            assert_eq!(rooted(&json!({"type": kind, "properties": a})), expected, "{kind}");
        }
        assert_eq!(rooted(&json!({"properties": a})), expected);
        let empty = json!({"type": "object", "properties": {}});
        for nothing in
            [json!({}), json!([]), json!({"type": "object"}), json!({"type": ["null", "object"]})]
        {
            assert_eq!(rooted(&nothing), empty, "{nothing}");
        }
        let one_of = json!([{"type": "object", "properties": a}]);
        assert_eq!(
            rooted(&json!({"oneOf": one_of})),
            json!({"oneOf": one_of, "type": "object", "properties": {}})
        );
    }

    #[test]
    fn properties_that_are_no_object_are_none_at_any_depth() {
        let empty = json!({"type": "object", "properties": {}});
        for none in [json!(null), json!([])] {
            let wrong = json!({"type": "object", "properties": none, "required": null});
            assert_eq!(rooted(&wrong), empty);
            let deep = |inner: &Value| json!({"type": "object", "properties": {"a": inner, "b": {"type": "array", "items": inner}, "c": {"anyOf": [inner]}}});
            assert_eq!(rooted(&deep(&wrong)), deep(&empty));
        }
    }

    #[test]
    fn a_reference_in_the_root_is_followed_within_it() {
        let user =
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
        for (defs, reference) in
            [("definitions", "#/definitions/P"), ("$defs", "#/$defs/P"), ("$defs", "#/$defs/Q")]
        {
            let named = json!({"P": user, "Q": {"$ref": format!("#/{defs}/P")}});
            let expected = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], defs: named});
            assert_eq!(rooted(&json!({"$ref": reference, defs: named})), expected);
        }
        let slash = json!({"$ref": "#/$defs/a~1b", "$defs": {"a/b": user}});
        assert_eq!(rooted(&slash)["properties"], user["properties"]);
    }

    #[test]
    fn a_reference_that_leads_nowhere_stays_beside_the_type() {
        let circle = json!({"P": {"$ref": "#/$defs/P"}});
        for reference in ["#", "#/$defs/X", "https://example.org/schema.json", "#/$defs/P"] {
            let rooted = rooted(&json!({"$ref": reference, "$defs": circle}));
            assert_eq!((&rooted["type"], &rooted["$ref"]), (&json!("object"), &json!(reference)));
            assert_eq!(rooted["properties"], json!({}));
        }
    }

    #[test]
    fn types_in_capitals_are_written_as_json_schema_has_them() {
        let schema = json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "ARRAY", "items": {"type": "INTEGER"}}}});
        let expected = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "array", "items": {"type": "integer"}}}});
        assert_eq!(rooted(&schema), expected);
    }
}
