//! Members of chat completions beside `input`: honoured where this API has the same under another name.

use serde_json::{Value, json};

use crate::Responses;
use crate::openai::ResponsesShape;
use crate::policy::Policy;
use crate::tests::support::{Settled, settled};

fn sent(more: &Value) -> Settled<ResponsesShape> {
    let mut body = json!({"model": "gpt-6-sol", "input": "json"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settled::<Responses>(&body.to_string(), &Policy::default())
        .unwrap_or_else(|failure| panic!("{body}: {failure:?}"))
}

#[test]
fn a_format_is_taken_from_where_chat_completions_have_it() {
    let settled = sent(&json!({"response_format": {"type": "json_object"}, "verbosity": "low"}));
    assert_eq!(
        settled.body["text"],
        json!({"format": {"type": "json_object"}, "verbosity": "low"})
    );
    assert!(settled.shape.json && settled.notices.is_empty());
    assert!(settled.body.get("response_format").is_none());
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
    let format = &sent(&json!({"response_format": format})).body["text"]["format"];
    assert_eq!((&format["name"], &format["strict"]), (&json!("n"), &json!(true)));
    let both = json!({
        "text": {"format": {"type": "text"}, "verbosity": "high"},
        "response_format": {"type": "json_object"}, "verbosity": "low",
    });
    let settled = sent(&both);
    assert_eq!(settled.body["text"], both["text"]);
    assert_eq!(settled.noted(), [("verbosity", "ignored"), ("response_format", "ignored")]);
}

#[test]
fn an_effort_is_taken_from_where_chat_completions_have_it() {
    let reasoning = |more| sent(&more).body["reasoning"].clone();
    assert_eq!(reasoning(json!({"reasoning_effort": "high"})), json!({"effort": "high"}));
    let kept = json!({"reasoning_effort": "high", "reasoning": {"summary": "auto"}});
    assert_eq!(reasoning(kept), json!({"summary": "auto", "effort": "high"}));
    let own = json!({"reasoning_effort": "high", "reasoning": {"effort": "low"}});
    assert_eq!(reasoning(own), json!({"effort": "low"}));
}

#[test]
fn a_cap_is_taken_from_where_chat_completions_have_it() {
    for name in ["max_output_tokens", "max_completion_tokens", "max_tokens"] {
        let settled = sent(&json!({name: 64}));
        assert_eq!(settled.shape.stop.max_tokens, Some(64));
        assert_eq!(settled.noted(), [(name, "emulated")]);
        let echoed = &settled.shape.own.echoed_params;
        assert!(echoed.iter().any(|(name, _)| *name == "max_output_tokens"));
        assert!(settled.body.get(name).is_none());
    }
}

#[test]
fn what_is_null_is_absent() {
    let nulls = [
        "messages",
        "tools",
        "tool_choice",
        "text",
        "reasoning",
        "include",
        "metadata",
        "user",
        "stream",
        "store",
        "instructions",
        "max_output_tokens",
        "stream_options",
        "seed",
        "response_format",
        "verbosity",
        "reasoning_effort",
        "functions",
        "previous_response_id",
        "conversation",
        "prompt",
        "service_tier",
        "prompt_cache_key",
        "temperature",
    ];
    let more: serde_json::Map<String, Value> =
        nulls.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    let settled = sent(&Value::Object(more));
    let plain = sent(&json!({}));
    assert_eq!((&settled.text, settled.notices.len()), (&plain.text, 0));
}

#[test]
fn the_older_name_of_a_summary_is_understood() {
    let reasoning = |value: Value| sent(&json!({"reasoning": value})).body["reasoning"].clone();
    let auto = json!({"effort": "low", "summary": "auto"});
    assert_eq!(reasoning(json!({"effort": "low", "generate_summary": "auto"})), auto);
    let both = json!({"effort": "low", "generate_summary": "detailed", "summary": "auto"});
    assert_eq!(reasoning(both), auto);
}

#[test]
fn words_and_values_that_cannot_be_meant_are_refused_with_their_path() {
    for (more, path) in [
        (json!({"reasoning": {"summary": "long"}}), "reasoning.summary"),
        (json!({"text": {"verbosity": "loud"}}), "text.verbosity"),
        (json!({"text": {"verbosity": 1}}), "text.verbosity"),
        (json!({"verbosity": "loud"}), "verbosity"),
        (json!({"text": {"format": {"name": "n"}}}), "text.format.type"),
        (json!({"text": {"format": {"type": "json_schema", "name": "n"}}}), "text.format.schema"),
        (json!({"text": {"format": {"type": "json_schema", "schema": "s"}}}), "text.format.schema"),
        (
            json!({"stream_options": {"include_obfuscation": "no"}}),
            "stream_options.include_obfuscation",
        ),
        (json!({"parallel_tool_calls": "yes"}), "parallel_tool_calls"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"top_p": []}), "top_p"),
        (json!({"seed": 1.5}), "seed"),
        (json!({"n": "2"}), "n"),
        (json!({"top_logprobs": "all"}), "top_logprobs"),
        (json!({"max_tool_calls": {}}), "max_tool_calls"),
        (json!({"user": 7}), "user"),
        (json!({"safety_identifier": 7}), "safety_identifier"),
        (json!({"truncation": true}), "truncation"),
        (json!({"prompt_cache_retention": 7}), "prompt_cache_retention"),
        (json!({"generate": "no"}), "generate"),
    ] {
        let mut body = json!({"model": "gpt-6-sol", "input": "json"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let failure = settled::<Responses>(&body.to_string(), &Policy::default()).unwrap_err();
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(path)), "{more}");
    }
}
