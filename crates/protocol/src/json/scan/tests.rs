//! Tests of splitting, against serde_json.

use proptest::prelude::*;
use serde_json::Value;

use super::{items, members};
use crate::json::{RawObject, RawValue};

#[test]
fn parts_are_the_text_as_written() {
    let list = " [ 1E2 ,\"a\\\"],\\\\\",[[],{\"]\":\"}\"}] ,null,{} ] ";
    let parts: Vec<_> = items(list).collect();
    assert_eq!(parts, ["1E2", "\"a\\\"],\\\\\"", "[[],{\"]\":\"}\"}]", "null", "{}"]);
    let object = r#"{"a": 1 , "b\u0063":[2,3],"":"x" }"#;
    let parts: Vec<_> = members(object).collect();
    assert_eq!(parts, [("a", "1"), (r"b\u0063", "[2,3]"), ("", "\"x\"")]);
}

#[test]
fn other_values_have_no_parts() {
    for text in ["", "[]", "{ }", "\"[1]\"", "12", "null", " "] {
        assert_eq!((items(text).count(), members(text).count()), (0, 0), "{text}");
    }
    assert_eq!((items("{\"a\":1}").count(), members("[1]").count()), (0, 0));
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[\"\\\\a{}\\[\\]:, \u{e4}\n]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-d\"\\\\:,]{0,3}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_parts_are_those_that_serde_json_finds(value in json(), pretty in any::<bool>()) {
        let written = if pretty { serde_json::to_string_pretty } else { serde_json::to_string };
        let text = written(&value).unwrap();
        let list = serde_json::from_str::<Vec<&RawValue>>(&text).unwrap_or_default();
        let list: Vec<_> = list.into_iter().map(RawValue::get).collect();
        prop_assert_eq!(items(&text).collect::<Vec<_>>(), list);
        let object = serde_json::from_str::<RawObject<'_>>(&text).unwrap_or_default();
        let named = |(name, value): (&str, _)| (serde_json::to_string(name).unwrap(), value);
        let found: Vec<_> =
            members(&text).map(|(name, value)| (format!("\"{name}\""), value)).collect();
        let object: Vec<_> = object.iter().map(|(name, value)| named((name, value.get()))).collect();
        prop_assert_eq!(found, object);
    }

    #[test]
    fn any_text_comes_to_an_end(text in "[\\[\\]{}\",:\\\\ a1\u{e4}]{0,24}") {
        prop_assert!(items(&text).count() <= text.len());
        prop_assert!(members(&text).count() <= text.len());
    }
}
