//! Tests of lossless reading: objects, raw values, paths of errors, strings.
#![allow(unreachable_pub, reason = "the macro declares public objects")]

use proptest::prelude::*;
use serde::Deserialize;

use super::check::MAX_DEPTH;
use super::{Raw, RawObject, RawStr, RawValue, ReadError, Text, read, read_text};
use crate::openai::chat::request::Request as ChatRequest;

object! {
    /// A small request object.
    pub struct Small<'b> {
        /// Text.
        name: Text<'b> = "name",
        /// A number.
        count: u64 = "count",
        /// An object below.
        inner: Inner<'b> = "inner",
    }
}

object! {
    /// An object in an object.
    pub struct Inner<'b> {
        /// Any value.
        value: Raw<'b> = "value",
    }
}

fn error_of<'b, T: Deserialize<'b>>(text: &'b str) -> ReadError {
    match read_text::<T>(text) {
        Ok(_) => panic!("{text} was accepted"),
        Err(error) => error,
    }
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

mod members {
    use super::*;

    #[test]
    fn order_and_bytes_survive_exactly() {
        let text = concat!(
            r#"{"z":1E2,"a":12345678901234567890123,"\u006d":"caf\u00e9\/\ud83d\ude00","#,
            r#""n":-0.0,"o":{"b": [1 ,2],"a":null},"t":true,"e":""}"#
        );
        let members: RawObject<'_> = read_text(text).unwrap();
        // Only the name `m` is written without its escape; values are copied.
        assert_eq!(serde_json::to_string(&members).unwrap(), text.replace(r"\u006d", "m"));
    }

    #[test]
    fn a_name_that_occurs_twice_is_refused_also_in_another_spelling() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"\u0061":3}"#] {
            let error = error_of::<RawObject<'_>>(text);
            assert!(error.message.starts_with("duplicate field `a`"), "{error:?}");
        }
    }

    #[test]
    fn many_names_are_compared_in_reasonable_time() {
        let many = |last: &str| {
            let names: Vec<String> = (0..200_000).map(|n| format!("\"n{n}\":0")).collect();
            format!("{{{},\"{last}\":1}}", names.join(","))
        };
        assert!(read_text::<RawObject<'_>>(&many("new")).is_ok());
        let again = many("n7");
        assert!(error_of::<RawObject<'_>>(&again).message.starts_with("duplicate field `n7`"));
    }

    #[test]
    fn a_value_is_set_in_its_old_place_and_a_new_one_at_the_end() {
        let mut members: RawObject<'_> = read_text(r#"{"a":1,"b":2,"c":3}"#).unwrap();
        members.set("b", "two").unwrap();
        members.set("d", &4).unwrap();
        assert_eq!(members.remove("a").unwrap().get(), "1");
        assert_eq!(members.remove("a").map(|value| value.get().to_owned()), None);
        assert_eq!(serde_json::to_string(&members).unwrap(), r#"{"b":"two","c":3,"d":4}"#);
        assert_eq!(members.iter().map(|(name, _)| name).collect::<String>(), "bcd");
    }

    #[test]
    fn null_is_contained_but_not_present() {
        let members: RawObject<'_> = read_text(r#"{"a":null,"b":false}"#).unwrap();
        assert!(members.contains("a") && !members.contains("c"));
        assert!(members.present("a").is_none());
        assert_eq!(members.present("b").map(RawValue::get), Some("false"));
        assert!(!members.is_empty() && RawObject::default().is_empty());
    }

    #[test]
    fn text_is_given_for_strings_alone() {
        let members: RawObject<'_> = read_text(r#"{"a":"x\ty","b":1,"c":null}"#).unwrap();
        assert_eq!(members.text("a").as_deref(), Some("x\ty"));
        assert_eq!((members.text("b"), members.text("c"), members.text("d")), (None, None, None));
    }

    #[test]
    fn a_value_that_was_set_is_not_as_it_was_read() {
        let mut members: RawObject<'_> = read_text(r#"{"a":1,"b":2}"#).unwrap();
        members.set("b", &3).unwrap();
        assert_eq!(members.as_read("a").map(RawValue::get), Some("1"));
        assert!(members.as_read("b").is_none() && members.as_read("c").is_none());
    }

    #[test]
    fn values_that_are_not_objects_are_refused() {
        for text in ["null", "[]", "1", "\"a\"", "true"] {
            assert!(
                error_of::<RawObject<'_>>(text).message.contains("expected an object"),
                "{text}"
            );
        }
    }
}

mod raw_values {
    use super::*;

    #[test]
    fn depth_127_is_accepted_and_128_refused() {
        assert_eq!(MAX_DEPTH, 127);
        assert!(read_text::<Raw<'_>>(&nested(127)).is_ok());
        let deep = nested(128);
        let error = error_of::<Raw<'_>>(&deep);
        assert!(error.message.contains("limit of 128 levels"), "{error:?}");
    }

    #[test]
    fn very_deep_nesting_is_refused_without_recursion() {
        let deep = format!("{{\"a\":{}}}", nested(1_000_000));
        let error = error_of::<RawObject<'_>>(&deep);
        assert!(error.message.contains("limit of 128 levels"));
        assert_eq!(error.path, "a");
    }

    #[test]
    fn brackets_in_strings_are_not_nesting() {
        let text = format!("\"{}\\\"{}\"", "[".repeat(500), "{".repeat(500));
        assert!(read_text::<Raw<'_>>(&text).is_ok());
    }

    #[test]
    fn siblings_do_not_add_up() {
        let text = format!("[{}]", vec![nested(126); 50].join(","));
        assert!(read_text::<Raw<'_>>(&text).is_ok());
    }

    #[test]
    fn lone_surrogates_are_refused_and_pairs_accepted() {
        for text in [r#""\ud800""#, r#""a\udbffb""#, r#""\ud800\u0041""#, r#""\ud800\ud800""#] {
            assert!(error_of::<Raw<'_>>(text).message.contains("lone leading"), "{text}");
        }
        for text in [r#""\udc00""#, r#""\ud83d\ude00\ude00""#] {
            assert!(error_of::<Raw<'_>>(text).message.contains("lone trailing"), "{text}");
        }
        for text in [r#""\ud83d\ude00""#, r#""\\ud800""#, r#""\\\\ud800""#, r#""\uD83D\uDE00""#] {
            assert!(read_text::<Raw<'_>>(text).is_ok(), "{text}");
        }
        assert!(error_of::<Raw<'_>>(r#""\\\ud800""#).message.contains("lone leading"));
        assert!(error_of::<Raw<'_>>(r#"{"\ud800":1}"#).message.contains("lone leading"));
    }

    #[test]
    fn numbers_beyond_the_range_are_refused() {
        for text in ["1e400", "[1,-1E+999]", &"9".repeat(5000)] {
            assert!(
                error_of::<Raw<'_>>(text).message.contains("number out of range"),
                "{text:.20}"
            );
        }
        for text in ["1e308", "1E-400", "-0", "123456789012345678901234567890", "0.1e1", "[1,2]"] {
            assert!(read_text::<Raw<'_>>(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn white_space_around_a_value_is_not_part_of_it() {
        let raw: Raw<'_> = read_text(" \n[1, 2]\t").unwrap();
        assert_eq!(raw.text(), "[1, 2]");
        assert!(!raw.is_object());
        assert!(read_text::<Raw<'_>>(" {} ").unwrap().is_object());
    }

    #[test]
    fn a_raw_string_gives_its_text() {
        assert_eq!(read_text::<Raw<'_>>(r#""a\nb""#).unwrap().as_text().as_deref(), Some("a\nb"));
        assert!(read_text::<Raw<'_>>("1").unwrap().as_text().is_none());
    }
}

mod bodies {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_dropped() {
        let small: Small<'_> = read(b"\xef\xbb\xbf{\"name\":\"a\"}").unwrap();
        assert_eq!(small.name.as_deref(), Some("a"));
    }

    #[test]
    fn a_body_that_is_not_utf_8_is_refused_with_its_position() {
        let error = read::<Small<'_>>(b"{\"name\":\"\xff\xfe\"}").unwrap_err();
        assert_eq!(error.message, "body is not UTF-8 at byte 9");
        assert_eq!(error.path, "");
    }

    #[test]
    fn text_that_is_not_json_is_refused_without_a_path() {
        for body in ["", " ", "{\"name\":\"a\",}", "{}{}", "// c\n{}", "{'name':'a'}", "{\"name\""]
        {
            let error = error_of::<Small<'_>>(body);
            assert!(!error.message.is_empty(), "{body}");
        }
        for body in ["{}{}", "{\"name\":\"a\",}", "{", "{\"inner\":{,"] {
            assert!(!error_of::<Small<'_>>(body).path.contains('?'), "{body}");
        }
        assert_eq!(error_of::<Small<'_>>("{}{}").path, "");
        assert_eq!(error_of::<Small<'_>>("{\"name\":\"a\",}").path, "");
    }

    #[test]
    fn the_path_of_an_error_names_the_value() {
        let call = r#"{"messages":[{},{},{"tool_calls":[{"function":5}]}]}"#;
        for (body, path) in [
            (call, "messages[2].tool_calls[0].function"),
            (
                r#"{"messages":[{"tool_calls":[{"function":{"name":5}}]}]}"#,
                "messages[0].tool_calls[0].function.name",
            ),
            (r#"{"messages":[{},null]}"#, "messages[1]"),
            (r#"{"messages":[1]}"#, "messages[0]"),
            (r#"{"messages":[{"content":{}}]}"#, "messages[0].content"),
            (r#"{"messages":[{"tool_calls":[null]}]}"#, "messages[0].tool_calls[0]"),
            (r#"{"messages":"hi"}"#, "messages"),
            (r#"{"model":5}"#, "model"),
            (r#"{"model":{}}"#, "model"),
            (r#"{"stream":"yes"}"#, "stream"),
            (r#"{"stream":1}"#, "stream"),
            (r#"{"tools":1}"#, "tools"),
            (r#"{"tools":[1]}"#, "tools[0]"),
            (r#"{"temperature":1e400}"#, "temperature"),
            (r#"{"stop":[1]}"#, "stop[0]"),
            (r#"{"messages":[{"content":"\ud800"}]}"#, "messages[0].content"),
            (r#"{"metadata":{"a":1e400}}"#, "metadata"),
        ] {
            assert_eq!(error_of::<ChatRequest<'_>>(body).path, path, "{body}");
        }
        let deep = format!(r#"{{"tools":[{{"function":{{"parameters":{}}}}}]}}"#, nested(128));
        let error = error_of::<ChatRequest<'_>>(&deep);
        assert_eq!(error.path, "tools[0].function.parameters");
        assert!(error.message.contains("limit of 128 levels"));
    }
}

mod objects {
    use super::*;

    #[test]
    fn unknown_names_are_collected_in_order() {
        let body = r#"{"z":1,"name":"a","y":{"deep":[1]},"inner":{"value":1,"x":2}}"#;
        let small: Small<'_> = read_text(body).unwrap();
        assert_eq!(small.unknown, ["z", "y"]);
        assert_eq!(small.inner.unwrap().unknown, ["x"]);
    }

    #[test]
    fn null_counts_as_absent_known_or_not() {
        let small: Small<'_> = read_text(r#"{"name":null,"count":null,"later":null}"#).unwrap();
        assert!(small.name.is_none() && small.count.is_none() && small.unknown.is_empty());
    }

    #[test]
    fn a_known_name_that_occurs_twice_is_refused() {
        let error = error_of::<Small<'_>>(r#"{"count":1,"count":1}"#);
        assert!(error.message.contains("duplicate field `count`"), "{error:?}");
    }

    #[test]
    fn unknown_values_are_checked_too() {
        assert!(read_text::<Small<'_>>(r#"{"x":"\ud800"}"#).is_err());
        assert!(read_text::<Small<'_>>(&format!(r#"{{"x":{}}}"#, nested(128))).is_err());
    }

    #[test]
    fn a_number_of_the_wrong_kind_is_refused() {
        for body in [r#"{"count":-1}"#, r#"{"count":1.5}"#, r#"{"count":"1"}"#] {
            assert_eq!(error_of::<Small<'_>>(body).path, "count", "{body}");
        }
        let long = format!(r#"{{"count":{}}}"#, "1".repeat(5000));
        assert_eq!(error_of::<Small<'_>>(&long).path, "count");
    }
}

mod raw_str {
    use super::*;

    fn decoded(text: &str) -> String {
        serde_json::from_str::<RawStr<'_>>(text).unwrap().to_text()
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        let string: RawStr<'_> = serde_json::from_str("\"caf\u{e9}\"").unwrap();
        let mut scratch = String::from("untouched");
        assert_eq!(string.decode(&mut scratch), "caf\u{e9}");
        assert_eq!(scratch, "untouched");
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(
            decoded(r#""a\"b\\c\/\n\t\r\u0041\ud83d\ude00\u2028""#),
            "a\"b\\c/\n\t\rA\u{1f600}\u{2028}"
        );
        assert_eq!(decoded("\"\""), "");
    }

    #[test]
    fn a_lone_surrogate_becomes_one_replacement_character() {
        assert_eq!(decoded(r#""a\ud800b""#), "a\u{fffd}b");
        assert_eq!(decoded(r#""\udc00\ud83d\ude00\ud83d""#), "\u{fffd}\u{1f600}\u{fffd}");
    }

    #[test]
    fn only_strings_are_read() {
        for text in ["1", "null", "[]", "{\"a\":\"b\"}"] {
            assert!(serde_json::from_str::<RawStr<'_>>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn emptiness_is_seen_without_decoding() {
        assert!(serde_json::from_str::<RawStr<'_>>("\"\"").unwrap().is_empty());
        assert!(!serde_json::from_str::<RawStr<'_>>("\"\\n\"").unwrap().is_empty());
    }
}

proptest! {
    #[test]
    fn members_of_any_object_come_out_as_they_went_in(
        names in prop::collection::btree_set("[a-z]{1,4}", 0..8),
        values in prop::collection::vec(
            prop_oneof![
                Just("1.0"), Just("1E+2"), Just("-0"), Just("\"\\u00e9\\/\""), Just("[ 1 , 2 ]"),
                Just("{\"b\":1, \"a\":2}"), Just("null"), Just("98765432109876543210"),
                Just("\"\u{e9}\""), Just("true"),
            ],
            8,
        ),
    ) {
        let members = names.iter().zip(&values);
        let text: Vec<String> = members.map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let text = format!("{{{}}}", text.join(","));
        let read: RawObject<'_> = read_text(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }

    #[test]
    fn any_string_is_decoded_as_serde_json_does(text in any::<String>()) {
        let string = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(serde_json::from_str::<RawStr<'_>>(&string).unwrap().to_text(), text);
    }

    #[test]
    fn any_escapes_are_decoded_as_utf_16_is(
        pieces in prop::collection::vec(
            prop_oneof![
                "[a-z\u{e9}\u{1f600}]{0,9}".prop_map(|text| (text.encode_utf16().collect(), text)),
                any::<u16>().prop_map(|unit| (vec![unit], format!("\\u{unit:04x}"))),
                (0xD800_u16..0xE000).prop_map(|unit| (vec![unit], format!("\\u{unit:04X}"))),
                prop::sample::select(vec![
                    ("\n", r"\n"), ("\r", r"\r"), ("\t", r"\t"), ("\u{8}", r"\b"), ("\u{c}", r"\f"),
                    ("/", r"\/"), ("\"", r#"\""#), ("\\", r"\\"),
                ])
                .prop_map(|(text, escape)| (text.encode_utf16().collect(), escape.to_owned())),
            ],
            0..12,
        ),
    ) {
        let units: Vec<u16> = pieces.iter().flat_map(|(units, _): &(Vec<u16>, String)| units).copied().collect();
        let text: String = pieces.iter().map(|(_, text)| text.as_str()).collect();
        let json = format!("\"{text}\"");
        let string = serde_json::from_str::<RawStr<'_>>(&json).unwrap();
        prop_assert_eq!(string.to_text(), String::from_utf16_lossy(&units));
        let readable = serde_json::from_str::<String>(&json).is_ok();
        prop_assert_eq!(string.raw(), readable.then_some(text.as_str()));
    }
}
