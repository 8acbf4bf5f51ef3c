//! Chat requests: options, thinking, formats, tools, and what asks nothing.

use serde_json::{Value, json};

use super::super::{OllamaChat, model_name};
use super::{hi, plain, refused, said, with};
use crate::end::Finish;
use crate::policy::Policy;
use crate::reasoning_style::ReasoningStyle;
use crate::stop::StopCriteria;
use crate::tests::support::settled;

#[test]
fn a_plain_request_is_streamed_and_asks_for_nothing_more() {
    let settled = hi(&json!({}));
    let expected = json!({"input": [said("user", "hi")], "model": "gpt-6-sol", "instructions": ""});
    assert_eq!(settled.body, expected);
    assert!(settled.stream && settled.choices == 1 && settled.notices.is_empty());
    assert_eq!(settled.immediate_finish, None);
    assert!(!hi(&json!({"stream": false})).stream);
    assert!(hi(&json!({"stream": null})).stream);
}

#[test]
fn the_tag_latest_is_accepted_and_echoed_and_never_added() {
    let settled = hi(&json!({"model": "gpt-6-sol:latest"}));
    assert_eq!(settled.body["model"], "gpt-6-sol");
    assert_eq!(settled.shape.model, "gpt-6-sol:latest");
    assert_eq!(hi(&json!({})).shape.model, "gpt-6-sol");
    // An effort may stand before the tag; another tag is part of the name.
    let effort = hi(&json!({"model": "gpt-6-sol:high:latest"}));
    assert_eq!(
        (&effort.body["model"], &effort.body["reasoning"]["effort"]),
        (&json!("gpt-6-sol"), &json!("high"))
    );
    assert_eq!(model_name("gpt-6-sol:8b"), "gpt-6-sol:8b");
    assert_eq!(model_name("latest"), "latest");
}

#[test]
fn a_request_without_messages_asks_nothing_and_is_answered_at_once() {
    for (more, finish) in [
        (json!({}), Finish::Loaded),
        (json!({"messages": []}), Finish::Loaded),
        (json!({"messages": null, "keep_alive": "5m"}), Finish::Loaded),
        (json!({"keep_alive": -1}), Finish::Loaded),
        (json!({"keep_alive": 0}), Finish::Unloaded),
        (json!({"keep_alive": "0"}), Finish::Unloaded),
        (json!({"keep_alive": "0s"}), Finish::Unloaded),
    ] {
        let settled = plain::<OllamaChat>(&super::extended(json!({"model": "m"}), &more)).unwrap();
        assert_eq!(settled.immediate_finish, Some(finish), "{more}");
        assert!(settled.notices.is_empty());
    }
    let kept = hi(&json!({"keep_alive": 0}));
    assert_eq!((kept.immediate_finish, kept.notices.len()), (None, 0));
}

#[test]
fn thinking_is_shown_hidden_or_measured() {
    for (think, effort) in [
        (json!(true), Value::Null),
        (json!(null), Value::Null),
        (json!("low"), json!("low")),
        (json!("medium"), json!("medium")),
        (json!("high"), json!("high")),
        (json!("max"), json!("max")),
    ] {
        let body = json!({"model": "gpt-6-sol", "messages": [{"role": "user", "content": "hi"}], "think": think});
        let settled = settled::<OllamaChat>(&body.to_string(), &Policy::default()).unwrap();
        assert_eq!(settled.body["reasoning"]["effort"], effort, "{think}");
        assert_eq!(settled.body["reasoning"]["summary"], "auto", "{think}");
        assert_eq!(settled.shape.reasoning, ReasoningStyle::ReasoningContent);
        assert!(settled.notices.is_empty(), "{think}");
    }
}

#[test]
fn no_thinking_asks_for_the_least_effort_and_no_summary() {
    let body = r#"{"model":"gpt-6-sol","messages":[{"role":"user","content":"hi"}],"think":false}"#;
    let settled = settled::<OllamaChat>(body, &Policy::default()).unwrap();
    // The model's least is `low`, and the notice names the member that the client sent.
    assert_eq!(settled.body["reasoning"], json!({"effort": "low"}));
    assert_eq!(settled.noted(), [("think", "clamped")]);
    assert_eq!(settled.shape.reasoning, ReasoningStyle::None);
}

#[test]
fn a_wording_of_reasoning_for_other_apis_does_not_reach_this_one() {
    for (style, expected) in [
        (ReasoningStyle::ThinkTags, ReasoningStyle::ReasoningContent),
        (ReasoningStyle::O3, ReasoningStyle::ReasoningContent),
        (ReasoningStyle::None, ReasoningStyle::None),
    ] {
        let policy = Policy { reasoning_style: style, ..Policy::default() };
        let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
        assert_eq!(settled::<OllamaChat>(body, &policy).unwrap().shape.reasoning, expected);
    }
}

#[test]
fn think_takes_nothing_else() {
    for think in [json!("bogus"), json!(""), json!(5), json!([]), json!({})] {
        let failure = refused(&json!({"think": think}));
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some("think")), "{think}");
        assert!(failure.message.starts_with("think must be true, false"), "{}", failure.message);
    }
}

#[test]
fn the_format_json_adds_the_word_where_it_is_missing() {
    let settled = hi(&json!({"format": "json"}));
    assert_eq!(settled.body["text"], json!({"format": {"type": "json_object"}}));
    assert_eq!(
        settled.body["input"],
        json!([said("user", "hi"), said("developer", "Answer in JSON.")])
    );
    assert_eq!(settled.noted(), [("format", "emulated")]);
    assert!(settled.shape.json);
}

#[test]
fn the_word_json_is_not_added_where_it_stands() {
    for messages in [
        json!([{"role": "user", "content": "hi, in Json"}]),
        json!([{"role": "system", "content": "Speak json."}, {"role": "user", "content": "hi"}]),
    ] {
        let settled = with(&messages, &json!({"format": "json"}));
        assert!(settled.notices.is_empty(), "{messages}");
        let input = settled.body["input"].to_string();
        assert!(!input.contains("Answer in JSON.") && input.to_lowercase().contains("json"));
    }
}

#[test]
fn a_format_may_be_a_schema_or_nothing() {
    let settled =
        hi(&json!({"format": {"type": "object", "properties": {"a": {"type": "string"}}}}));
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false, "required": ["a"]});
    let format =
        json!({"type": "json_schema", "name": "response", "strict": true, "schema": schema});
    assert_eq!(settled.body["text"]["format"], format);
    assert!(settled.shape.json && settled.notices.is_empty());
    let loose = hi(&json!({"format": {"type": "object"}}));
    assert_eq!(loose.body["text"]["format"]["strict"], false);
    for none in [json!(""), json!(null)] {
        let settled = hi(&json!({"format": none}));
        assert!(settled.body.get("text").is_none() && !settled.shape.json, "{none}");
    }
    for odd in [json!("xml"), json!(5), json!([]), json!(true)] {
        let failure = refused(&json!({"format": odd}));
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some("format")), "{odd}");
    }
}

#[test]
fn options_that_can_be_kept_are_and_the_others_are_named() {
    let options = json!({"num_predict": 9, "stop": ["a", "b"], "temperature": 0, "num_ctx": 4096, "seed": null});
    let settled = hi(&json!({"options": options}));
    let stop =
        StopCriteria { sequences: vec!["a".to_owned(), "b".to_owned()], max_tokens: Some(9) };
    assert_eq!(settled.shape.stop, stop);
    assert_eq!(
        settled.noted(),
        [
            ("options.num_ctx", "ignored"),
            ("options.stop", "emulated"),
            ("options.temperature", "ignored"),
            ("options.num_predict", "emulated"),
        ]
    );
    assert_eq!(hi(&json!({"options": {"stop": "END"}})).shape.stop.sequences, ["END"]);
}

#[test]
fn num_predict_bounds_only_above_zero() {
    for (num_predict, cap) in [
        (json!(1), Some(1)),
        (json!(128.0), Some(128)),
        (json!(2.9), Some(2)),
        (json!(1e300), Some(u64::MAX)),
        (json!(0), None),
        (json!(0.5), None),
        (json!(-1), None),
        (json!(-2), None),
        (json!(null), None),
    ] {
        let settled = hi(&json!({"options": {"num_predict": num_predict}}));
        assert_eq!(settled.shape.stop.max_tokens, cap, "{num_predict}");
        assert_eq!(settled.notes("options.num_predict", "emulated"), cap.is_some());
    }
}

#[test]
fn what_has_no_effect_is_named_and_refused_where_the_policy_is_strict() {
    let settled = hi(&json!({"logprobs": true, "top_logprobs": 3, "template": "x"}));
    assert_eq!(
        settled.noted(),
        [("template", "ignored"), ("logprobs", "ignored"), ("top_logprobs", "ignored")]
    );
    assert!(hi(&json!({"logprobs": false, "top_logprobs": 0})).notices.is_empty());
    let strict = Policy { strict: true, ..Policy::default() };
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"options":{"top_k":5}}"#;
    let failure = crate::tests::support::settled::<OllamaChat>(body, &strict).unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("options.top_k"));
}

#[test]
fn tools_go_out_as_in_chat_completions() {
    let tool = json!({"type": "function", "function": {
        "name": "weather", "description": "d", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }});
    let settled =
        hi(&json!({"tools": [tool, {"type": "function", "function": {"name": "no arguments"}}]}));
    let tools = settled.body["tools"].as_array().unwrap();
    assert_eq!(
        tools[0],
        json!({"type": "function", "name": "weather", "description": "d", "strict": false, "parameters": tool["function"]["parameters"]})
    );
    assert_eq!(tools[1]["parameters"], json!({"type": "object", "properties": {}}));
    assert!(tools[1]["name"].as_str().unwrap().starts_with("no_arguments_"));
    assert!(settled.body.get("tool_choice").is_none());
    assert!(hi(&json!({"tools": []})).body.get("tools").is_none());
    for (tools, param) in [
        (json!(1), "tools"),
        (json!([1]), "tools[0]"),
        (json!([{"type": "function"}]), "tools[0].name"),
        (json!([{"type": "function", "function": {}}]), "tools[0].function.name"),
        (json!([{"type": "robot", "name": "r"}]), "tools[0].type"),
    ] {
        let failure = refused(&json!({"tools": tools}));
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(param)), "{tools}");
    }
}
