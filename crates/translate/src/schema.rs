//! JSON schemas for structured output: checked against the demands of strictness, or completed to them.
//!
//! A client that does not say `strict` wants an answer that fits its schema, and the backend guarantees that
//! for strict schemas alone. So such a schema is completed where every answer to the completed one also fits
//! the client's own: all properties required, no others. Where that cannot be done, the schema goes out as
//! it is, without the guarantee. A client that does say `strict` gets its schema unchanged or an error:
//! whoever asks for exact rules should not have them rewritten.

use std::borrow::Cow;

use chatmock_protocol::json::{RawObject, RawValue, Text, raw};

/// Members that a strict schema may not have.
const NOT_STRICT: [&str; 13] = [
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
];

/// Members that hold one schema.
pub(crate) const ONE: [&str; 1] = ["items"];
/// Members that hold a list of schemas.
pub(crate) const LISTS: [&str; 2] = ["anyOf", "prefixItems"];
/// Members that hold schemas by name.
pub(crate) const NAMED: [&str; 3] = ["properties", "$defs", "definitions"];

/// A place at which a schema is not strict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Path below the schema's root, such as `.properties.user`; empty at the root.
    pub(crate) path: String,
    /// The reason, in words for a person.
    pub(crate) why: &'static str,
}

/// Checks that every object lists all its properties as required and allows no others.
///
/// # Errors
/// The first place that does not.
pub(crate) fn check(schema: &RawValue) -> Result<(), Violation> {
    let Some(members) = object(schema) else { return Ok(()) };
    if describes_object(&members) {
        let violation = |why| Err(Violation { path: String::new(), why });
        if members.get("additionalProperties").map(RawValue::get) != Some("false") {
            return violation("a strict object schema needs `additionalProperties: false`");
        }
        let required = names(&members, "required");
        let missing = property_names(&members).into_iter().find(|name| !required.contains(name));
        if missing.is_some() {
            return violation("a strict object schema needs every property in `required`");
        }
    }
    for (name, value) in members.iter() {
        check_member(name, value)?;
    }
    Ok(())
}

fn check_member(name: &str, value: &RawValue) -> Result<(), Violation> {
    let below = |step: String, inner: &RawValue| {
        check(inner).map_err(|v| Violation { path: format!(".{name}{step}{}", v.path), ..v })
    };
    if ONE.contains(&name) {
        return below(String::new(), value);
    }
    if LISTS.contains(&name) {
        let list: Vec<&RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
        return list.iter().enumerate().try_for_each(|(at, inner)| below(format!("[{at}]"), inner));
    }
    if NAMED.contains(&name)
        && let Some(named) = object(value)
    {
        return named.iter().try_for_each(|(key, inner)| below(format!(".{key}"), inner));
    }
    Ok(())
}

/// Completes a schema so that it can be kept to strictly; everything that fits it fits the old one.
///
/// `None` where that cannot be done: a free-form object, or a word that strictness does not know.
pub(crate) fn complete(schema: &RawValue) -> Option<Box<RawValue>> {
    let members = object(schema)?;
    if !describes_object(&members) {
        return None;
    }
    raw(&completed(schema)?).ok()
}

fn completed(schema: &RawValue) -> Option<Cow<'_, RawValue>> {
    let Some(mut members) = object(schema) else { return Some(Cow::Borrowed(schema)) };
    if NOT_STRICT.iter().any(|word| members.contains(word)) {
        return None;
    }
    for name in ONE {
        if let Some(inner) = members.as_read(name) {
            members.put(name, completed(inner)?);
        }
    }
    for name in LISTS {
        if let Some(list) = members.as_read(name) {
            let list: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
            let list = list.into_iter().map(completed).collect::<Option<Vec<_>>>()?;
            members.set(name, &list).ok()?;
        }
    }
    for name in NAMED {
        if let Some(named) = members.as_read(name) {
            let mut inner = object(named)?;
            let keys: Vec<String> = inner.iter().map(|(key, _)| key.to_owned()).collect();
            for key in keys {
                let schema = inner.as_read(&key)?;
                inner.put(key, completed(schema)?);
            }
            members.set(name, &inner).ok()?;
        }
    }
    if describes_object(&members) {
        close(&mut members)?;
    }
    Some(Cow::Owned(raw(&members).ok()?))
}

/// Lists every property as required and allows no others.
fn close(members: &mut RawObject<'_>) -> Option<()> {
    match members.get("additionalProperties").map(RawValue::get) {
        Some("false") => {}
        // Without properties of its own, an open object is a map: nothing of it would be left.
        None if members.contains("properties") => {
            members.set("additionalProperties", &false).ok()?;
        }
        _ => return None,
    }
    let names = property_names(members);
    members.set("required", &names).ok()
}

/// The members of a schema that is an object.
pub(crate) fn object(raw: &RawValue) -> Option<RawObject<'_>> {
    serde_json::from_str(raw.get()).ok()
}

fn describes_object(members: &RawObject<'_>) -> bool {
    let by_type = match members.get("type").map(RawValue::get) {
        Some("\"object\"") => true,
        Some(list) if list.starts_with('[') => list.contains("\"object\""),
        _ => false,
    };
    by_type || (members.contains("properties") && !members.contains("type"))
}

fn property_names(members: &RawObject<'_>) -> Vec<String> {
    let properties = members.get("properties").and_then(object);
    let names = properties.map(|p| p.iter().map(|(name, _)| name.to_owned()).collect());
    names.unwrap_or_default()
}

fn names(members: &RawObject<'_>, name: &str) -> Vec<String> {
    let list =
        members.get(name).and_then(|raw| serde_json::from_str::<Vec<Text<'_>>>(raw.get()).ok());
    list.unwrap_or_default().into_iter().map(|text| text.0.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn violation(text: &str) -> Option<(String, &'static str)> {
        check(&value(text)).err().map(|v| (v.path, v.why))
    }

    #[test]
    fn a_strict_schema_passes_the_check() {
        let strict = r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{},"required":[],"additionalProperties":false}}},"required":["a"],"additionalProperties":false}"#;
        assert_eq!(violation(strict), None);
    }

    #[test]
    fn the_check_names_the_place() {
        let open = r#"{"type":"object","properties":{"user":{"type":"object","properties":{}}},"required":["user"],"additionalProperties":false}"#;
        assert_eq!(violation(open).unwrap().0, ".properties.user");
        let listed = r#"{"anyOf":[{"type":"string"},{"type":"object","properties":{"x":{}},"additionalProperties":false}]}"#;
        let (path, why) = violation(listed).unwrap();
        assert_eq!(path, ".anyOf[1]");
        assert!(why.contains("required"));
    }

    #[test]
    fn an_ordinary_schema_is_completed_and_then_passes() {
        let plain = r#"{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"array","items":{"properties":{"z":{"type":"integer"}}}}},"$defs":{"d":{"type":"object","properties":{"q":{}}}}}"#;
        let strict = complete(&value(plain)).unwrap();
        assert_eq!(check(&strict), Ok(()));
        assert!(strict.get().contains(r#""required":["b","a"]"#), "{strict}");
    }

    #[test]
    fn what_strictness_cannot_say_is_left_alone() {
        for schema in [
            r#"{"type":"object"}"#,
            r#"{"type":"object","properties":{},"additionalProperties":{"type":"string"}}"#,
            r#"{"type":"object","properties":{"a":{"allOf":[{}]}}}"#,
            r#"{"type":"array","items":{"type":"string"}}"#,
            r#"{"type":"object","properties":{"map":{"type":"object"}}}"#,
        ] {
            assert!(complete(&value(schema)).is_none(), "{schema}");
        }
    }

    #[test]
    fn a_completed_schema_keeps_the_order_and_bytes_of_what_it_had() {
        let plain = r#"{"title":"caf\u00e9","type":"object","properties":{"z":{"const":1E2, "a":[ ]},"b":{"type":["object","null"],"properties":{}}}}"#;
        let strict = complete(&value(plain)).unwrap();
        let expected = r#"{"title":"caf\u00e9","type":"object","properties":{"z":{"const":1E2,"a":[ ]},"b":{"type":["object","null"],"properties":{},"additionalProperties":false,"required":[]}},"additionalProperties":false,"required":["z","b"]}"#;
        assert_eq!(strict.get(), expected);
    }

    #[test]
    fn a_list_of_required_names_is_replaced_in_its_place() {
        let plain = r#"{"required":["a"],"type":"object","properties":{"a":{},"b":{}},"additionalProperties":false}"#;
        let strict = complete(&value(plain)).unwrap();
        assert!(strict.get().starts_with(r#"{"required":["a","b"],"type""#), "{strict}");
    }

    #[test]
    fn the_check_looks_into_every_place_that_holds_a_schema() {
        let open = r#"{"type":"object"}"#;
        for (schema, path) in [
            (format!(r#"{{"items":{open}}}"#), ".items"),
            (format!(r#"{{"prefixItems":[true,{open}]}}"#), ".prefixItems[1]"),
            (format!(r#"{{"anyOf":[{{"items":{open}}}]}}"#), ".anyOf[0].items"),
            (format!(r#"{{"$defs":{{"d":{open}}}}}"#), ".$defs.d"),
            (format!(r#"{{"definitions":{{"d":{open}}}}}"#), ".definitions.d"),
            (r#"{"properties":{}}"#.to_owned(), ""),
            (r#"{"type":["null","object"]}"#.to_owned(), ""),
        ] {
            assert_eq!(violation(&schema).unwrap().0, path, "{schema}");
        }
        for schema in ["true", "{}", r#"{"type":"string","default":{"type":"object"}}"#] {
            assert_eq!(violation(schema), None, "{schema}");
        }
    }

    fn any_schema() -> impl Strategy<Value = String> {
        const WORDS: [&str; 3] = ["allOf", "minProperties", "additionalProperties"];
        let leaf = prop_oneof![
            Just(r#"{"type":"string"}"#.to_owned()),
            Just(r##"{"$ref":"#/$defs/d"}"##.to_owned()),
            Just(r#"{"type":"object"}"#.to_owned()),
            Just("true".to_owned()),
            prop::sample::select(&WORDS[..]).prop_map(|word| format!(r#"{{"{word}":[]}}"#)),
        ];
        leaf.prop_recursive(4, 16, 3, |inner| {
            let named = prop::collection::btree_map("[a-c]", inner.clone(), 0..3);
            let named = named.prop_map(|members| {
                let members: Vec<String> =
                    members.iter().map(|(name, schema)| format!("\"{name}\":{schema}")).collect();
                members.join(",")
            });
            prop_oneof![
                named.clone().prop_map(|p| format!(r#"{{"type":"object","properties":{{{p}}}}}"#)),
                named.prop_map(|p| format!(r#"{{"properties":{{{p}}},"required":["a"]}}"#)),
                inner.clone().prop_map(|items| format!(r#"{{"type":"array","items":{items}}}"#)),
                prop::collection::vec(inner, 1..3)
                    .prop_map(|list| format!(r#"{{"anyOf":[{}]}}"#, list.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_can_be_completed_passes_the_check_and_is_then_left_as_it_is(schema in any_schema()) {
            if let Some(completed) = complete(&value(&schema)) {
                prop_assert_eq!(check(&completed), Ok(()));
                let again = complete(&completed).unwrap();
                prop_assert_eq!(again.get(), completed.get());
            }
        }
    }
}
