//! Tests of strings that are passed on.

use proptest::prelude::*;

use super::RawString;

fn read(json: &str) -> RawString<'_> {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_string_is_written_as_it_was_read() {
    for json in [r#""""#, r#""a""#, r#""\u00e9\/\ud83d\ude00\u0000\n\"\\é""#] {
        assert_eq!(serde_json::to_string(&read(json)).unwrap(), json);
        assert_eq!(read(json).text(), serde_json::from_str::<String>(json).unwrap());
    }
}

#[test]
fn strings_that_not_every_parser_accepts_are_refused() {
    for json in [r#""\ud800""#, r#""\udc00""#, r#""\x""#, "5", "null", "[]", "{}", "\"a\nb\""] {
        assert!(serde_json::from_str::<RawString<'_>>(json).is_err(), "{json}");
    }
}

#[test]
fn the_beginning_is_found_after_white_space_and_in_escapes() {
    for json in [r#""<think>a""#, r#"" \n\t<think>""#, r#""\u003cthink\u003e""#] {
        assert!(read(json).trimmed_starts_with("<think>"), "{json}");
    }
    for json in [r#""""#, r#""\n""#, r#""<thin""#, r#""a<think>""#, r#""\\u003cthink>""#] {
        assert!(!read(json).trimmed_starts_with("<think>"), "{json}");
    }
    assert!(RawString::from(" <think>").trimmed_starts_with("<think>"));
    assert!(!RawString::from("\\u003cthink>").trimmed_starts_with("<think>"));
}

#[test]
fn emptiness_is_seen_without_decoding() {
    assert!(read("\"\"").is_empty() && RawString::from("").is_empty());
    assert!(!read(r#""\n""#).is_empty() && !RawString::from("a").is_empty());
}

proptest! {
    #[test]
    fn any_texts_are_concatenated(texts in prop::collection::vec("[ -~\\n\u{e9}]{0,6}", 0..4)) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let concatenated = RawString::concat(&texts);
        prop_assert_eq!(concatenated.text(), texts.concat());
        let written = serde_json::to_string(&concatenated).unwrap();
        prop_assert_eq!(written, serde_json::to_string(&texts.concat()).unwrap());
    }

    #[test]
    fn any_text_is_read_and_begins_as_it_does(text in any::<String>(), start in "[ <\\na]{0,2}") {
        let json = serde_json::to_string(&text).unwrap();
        let read = read(&json);
        prop_assert_eq!(read.text(), text.as_str());
        prop_assert_eq!(read.trimmed_starts_with(&start), text.trim_start().starts_with(&start));
    }
}
