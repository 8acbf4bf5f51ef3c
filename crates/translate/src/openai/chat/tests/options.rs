//! Formats, effort, stop criteria and the members that have no effect.

use serde_json::{Value, json};

use super::{hi, refused};

#[test]
fn a_plain_request_asks_for_nothing_more() {
    let settled = hi(&json!({}));
    let expected = json!({
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "model": "gpt-6-sol", "instructions": "",
    });
    assert_eq!(settled.body, expected);
    assert!(!settled.stream && settled.choices == 1 && settled.notices.is_empty());
    assert!(
        !settled.shape.own.stream_usage
            && !settled.shape.json
            && !settled.shape.own.legacy_functions
    );
}

#[test]
fn response_formats_become_text_formats() {
    let schema = json!({"type": "object", "properties": {"b": {}, "a": {}}});
    let format = |given: Value| {
        let settled = hi(&json!({"response_format": given}));
        (settled.body["text"].clone(), settled.shape.json)
    };
    assert_eq!(format(json!({"type": "text"})), (Value::Null, false));
    assert_eq!(
        format(json!({"type": "json_object"})),
        (json!({"format": {"type": "json_object"}}), true)
    );
    let exact = json!({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": false});
    let named = json!({"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": exact, "strict": true}});
    let sent = json!({"format": {"type": "json_schema", "name": "n", "description": "d", "strict": true, "schema": exact}});
    assert_eq!(format(named), (sent, true));
    let loose = json!({"type": "json_schema", "json_schema": {"schema": schema, "strict": false}});
    let sent = json!({"format": {"type": "json_schema", "name": "response", "strict": false, "schema": schema}});
    assert_eq!(format(loose), (sent, true));
    // Where strictness is not spoken of, a schema is completed to what it demands.
    let completed = json!({"type": "object", "properties": {"b": {}, "a": {}}, "required": ["a", "b"], "additionalProperties": false});
    let sent = json!({"format": {"type": "json_schema", "name": "response", "strict": true, "schema": completed}});
    for bare in [
        json!({"type": "json_schema", "json_schema": {"schema": schema}}),
        json!({"type": "json_schema", "schema": schema}),
        json!({"type": "json_object", "schema": schema}),
    ] {
        assert_eq!(format(bare), (sent.clone(), true));
    }
}

#[test]
fn a_schema_goes_out_byte_for_byte() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"z":1E2, "a":"\u00e9"}}}}"#;
    let settled =
        crate::tests::support::settled::<crate::Chat>(body, &crate::Policy::default()).unwrap();
    assert!(settled.text.contains(r#""schema":{"z":1E2, "a":"\u00e9"}"#), "{}", settled.text);
}

#[test]
fn verbosity_stands_beside_the_format() {
    assert_eq!(hi(&json!({"verbosity": "low"})).body["text"], json!({"verbosity": "low"}));
    let both = hi(&json!({"verbosity": "high", "response_format": {"type": "json_object"}}));
    assert_eq!(both.body["text"], json!({"format": {"type": "json_object"}, "verbosity": "high"}));
}

#[test]
fn effort_is_read_from_both_places_and_the_flat_one_wins() {
    let reasoning = |more: Value| hi(&more).body["reasoning"].clone();
    assert_eq!(reasoning(json!({"reasoning_effort": "low"})), json!({"effort": "low"}));
    assert_eq!(
        reasoning(json!({"reasoning": {"effort": "low", "summary": "detailed"}})),
        json!({"effort": "low", "summary": "detailed"})
    );
    assert_eq!(
        reasoning(json!({"reasoning": {"generate_summary": "concise"}})),
        json!({"summary": "concise"})
    );
    assert_eq!(
        reasoning(json!({"reasoning_effort": "high", "reasoning": {"effort": "low"}}))["effort"],
        "high"
    );
}

#[test]
fn the_cache_key_is_passed_on() {
    assert_eq!(hi(&json!({"prompt_cache_key": "k\u{e9}y"})).body["prompt_cache_key"], "k\u{e9}y");
}

#[test]
fn a_stream_s_options_are_read() {
    let settled = hi(
        &json!({"stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false}}),
    );
    assert!(settled.stream && settled.shape.own.stream_usage && settled.notices.is_empty());
    let padded = hi(&json!({"stream_options": {"include_obfuscation": true, "x": 1}}));
    assert_eq!(
        padded.noted(),
        [("stream_options.include_obfuscation", "ignored"), ("stream_options.x", "ignored")]
    );
}

#[test]
fn stop_sequences_and_caps_are_kept_here_and_said() {
    let settled =
        hi(&json!({"stop": ["a", "b\n"], "max_completion_tokens": 9, "max_tokens": 5, "n": 2}));
    assert_eq!(
        (settled.shape.stop.sequences.as_slice(), settled.shape.stop.max_tokens),
        (&["a".to_owned(), "b\n".to_owned()][..], Some(9))
    );
    assert_eq!(settled.choices, 2);
    assert_eq!(
        settled.noted(),
        [("n", "emulated"), ("stop", "emulated"), ("max_completion_tokens", "emulated")]
    );
    let settled = hi(&json!({"stop": "a", "max_tokens": 5}));
    assert_eq!(
        (settled.shape.stop.sequences.as_slice(), settled.shape.stop.max_tokens),
        (&["a".to_owned()][..], Some(5))
    );
    assert_eq!(settled.noted(), [("stop", "emulated"), ("max_tokens", "emulated")]);
    let nothing = hi(&json!({"stop": null, "max_tokens": null, "n": 1}));
    assert!(
        nothing.notices.is_empty() && nothing.shape.stop == crate::stop::StopCriteria::default()
    );
    assert!(hi(&json!({"stop": []})).notices.is_empty());
}

#[test]
fn members_without_effect_are_reported_by_name() {
    for (name, value) in [
        ("temperature", json!(0.2)),
        ("top_p", json!(0.5)),
        ("presence_penalty", json!(1)),
        ("frequency_penalty", json!(-0.5)),
        ("seed", json!(7)),
        ("logit_bias", json!({"50256": -100})),
        ("logprobs", json!(true)),
        ("top_logprobs", json!(2)),
        ("user", json!("u")),
        ("safety_identifier", json!("u")),
        ("metadata", json!({"a": "b"})),
        ("prompt_cache_retention", json!("24h")),
        ("modalities", json!(["text", "audio"])),
        ("audio", json!({"voice": "alloy", "format": "wav"})),
        ("prediction", json!({"type": "content", "content": "x"})),
        ("top_k", json!(5)),
        ("made_up", json!({"deep": [1]})),
    ] {
        let settled = hi(&json!({name: value}));
        assert_eq!(settled.noted(), [(name, "ignored")]);
        assert!(settled.body.get(name).is_none());
    }
}

#[test]
fn what_is_stored_is_stored_here_with_its_labels() {
    let settled = hi(&json!({"store": true, "metadata": {"a": "b"}}));
    assert!(settled.notices.is_empty() && settled.shape.store);
    assert!(settled.body.get("store").is_none() && settled.body.get("metadata").is_none());
    assert!(!hi(&json!({"store": false})).shape.store);
}

#[test]
fn a_member_that_asks_for_the_default_is_not_reported() {
    let defaults = json!({
        "temperature": 1, "top_p": 1.0, "presence_penalty": 0, "frequency_penalty": 0, "seed": null,
        "logit_bias": {}, "logprobs": false, "top_logprobs": 0, "store": false, "user": null,
        "modalities": ["text"], "audio": null, "made_up": null, "n": 1, "service_tier": "auto",
    });
    assert!(hi(&defaults).notices.is_empty());
}

#[test]
fn unknown_options_are_reported() {
    let settled = hi(&json!({
        "reasoning": {"x1": 1},
        "response_format": {"type": "json_schema", "x2": 1, "json_schema": {"name": "n", "schema": {}, "x3": 1}},
    }));
    let expected = [
        ("reasoning.x1", "ignored"),
        ("response_format.x2", "ignored"),
        ("response_format.json_schema.x3", "ignored"),
    ];
    assert_eq!(settled.noted(), expected);
}

#[test]
fn options_that_cannot_be_meant_are_refused() {
    for (more, param) in [
        (json!({"response_format": {"type": "xml"}}), "response_format.type"),
        (json!({"response_format": {}}), "response_format.type"),
        (json!({"response_format": "json"}), "response_format"),
        (json!({"response_format": {"type": "json_schema"}}), "response_format.json_schema.schema"),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"schema": []}}}),
            "response_format.json_schema.schema",
        ),
        (json!({"stop": ["a", ""]}), "stop[1]"),
        (json!({"stop": [1]}), "stop[0]"),
        (json!({"stop": 1}), "stop"),
        (json!({"n": 0}), "n"),
        (json!({"n": 1000}), "n"),
        (json!({"n": "2"}), "n"),
        (json!({"max_tokens": -1}), "max_tokens"),
        (json!({"max_tokens": 1.5}), "max_tokens"),
        (json!({"temperature": "hot"}), "temperature"),
        (
            json!({"web_search_options": {"user_location": "Oslo"}}),
            "web_search_options.user_location",
        ),
    ] {
        let failure = refused(&more);
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(param)), "{more}");
    }
    assert_eq!(refused(&json!({"n": 1000})).code.as_deref(), Some("unsupported_value"));
}
