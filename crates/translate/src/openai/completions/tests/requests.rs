//! Prompts, and the members beside them.

use serde_json::{Value, json};

use crate::Completions;
use crate::failure::Failure;
use crate::format::FILL_IN;
use crate::openai::completions::CompletionsShape;
use crate::policy::Policy;
use crate::reasoning_style::ReasoningStyle;
use crate::stop::StopCriteria;
use crate::tests::support::{Settled, error, settled};

fn ask(more: &Value) -> Result<Settled<CompletionsShape>, Failure> {
    let mut body = json!({"model": "gpt-6-sol"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settled::<Completions>(&body.to_string(), &Policy::default())
}

fn asked(more: &Value) -> Settled<CompletionsShape> {
    ask(more).unwrap_or_else(|failure| panic!("{more}: {failure:?}"))
}

fn input(text: &str) -> Value {
    json!([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}])
}

#[test]
fn a_prompt_is_a_person_s_message_and_no_summary_is_asked_for() {
    let settled = asked(&json!({"prompt": "Once \"upon\""}));
    let expected =
        json!({"input": input("Once \"upon\""), "model": "gpt-6-sol", "instructions": ""});
    assert_eq!(settled.body, expected);
    assert!(!settled.stream && settled.choices == 1 && settled.notices.is_empty());
    assert_eq!(settled.shape.reasoning, ReasoningStyle::None);
    assert_eq!(settled.shape.stop, StopCriteria::default());
}

#[test]
fn a_request_without_a_prompt_continues_the_empty_one() {
    for more in [json!({}), json!({"prompt": null}), json!({"prompt": ""}), json!({"prompt": [""]})]
    {
        assert_eq!(asked(&more).body["input"], input(""), "{more}");
    }
}

#[test]
fn each_prompt_of_a_list_is_asked_by_itself() {
    let settled = asked(&json!({"prompt": ["a", "b", "c"], "n": 2}));
    assert_eq!(settled.body["input"], input("a"));
    assert_eq!(settled.more_inputs, [input("b"), input("c")]);
    assert_eq!((settled.choices, settled.shape.own.choices_per_prompt), (2, 2));
    assert_eq!(settled.noted(), [("n", "emulated")]);
    assert!(asked(&json!({"prompt": vec!["a"; 8]})).more_inputs.len() == 7);
}

#[test]
fn prompts_that_cannot_be_read_are_refused() {
    for (prompt, code) in [
        (json!([1, 2]), Some("unsupported_value")),
        (json!([[1, 2], [3]]), Some("unsupported_value")),
        (json!(["a", 1]), Some("unsupported_value")),
        (json!([]), None),
        (json!(vec!["a"; 9]), None),
        (json!(5), None),
        (json!({}), None),
        (json!([{}]), None),
        (json!([null]), None),
        (json!([true]), None),
    ] {
        let failure = ask(&json!({"prompt": prompt})).unwrap_err();
        assert_eq!((failure.status(), failure.code.as_deref()), (400, code), "{prompt}");
        assert!(failure.param.as_deref().unwrap().starts_with("prompt"), "{prompt}: {failure:?}");
    }
}

#[test]
fn answers_are_one_to_eight_for_each_prompt() {
    assert_eq!(asked(&json!({"n": 8})).choices, 8);
    assert_eq!(asked(&json!({"n": null})).choices, 1);
    for n in [0, 9, 1000] {
        let failure = ask(&json!({"n": n})).unwrap_err();
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some("n")), "{n}");
    }
}

#[test]
fn echo_keeps_every_prompt_as_it_was_asked() {
    let settled = asked(&json!({"prompt": ["caf\u{e9}", "b"], "suffix": "s", "echo": true}));
    assert_eq!(settled.shape.own.echo, ["caf\u{e9}", "b"]);
    assert!(asked(&json!({"prompt": "a", "echo": false})).shape.own.echo.is_empty());
}

#[test]
fn a_suffix_asks_to_fill_the_place_between() {
    let settled = asked(&json!({"prompt": ["a", "b"], "suffix": "z"}));
    assert_eq!(settled.body["instructions"], FILL_IN);
    assert_eq!(settled.body["input"], input("<prefix>a</prefix>\n<suffix>z</suffix>"));
    assert_eq!(settled.more_inputs, [input("<prefix>b</prefix>\n<suffix>z</suffix>")]);
    assert_eq!(settled.noted(), [("suffix", "emulated")]);
    let none = asked(&json!({"prompt": "a", "suffix": ""}));
    assert_eq!((&none.body["input"], none.notices.len()), (&input("a"), 0));
}

#[test]
fn streams_and_bounds_are_those_of_chat() {
    let settled = asked(&json!({
        "prompt": "a", "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": true},
        "stop": ["x", "y"], "max_tokens": 5,
    }));
    assert!(settled.stream && settled.shape.own.stream_usage);
    let stop =
        StopCriteria { sequences: vec!["x".to_owned(), "y".to_owned()], max_tokens: Some(5) };
    assert_eq!(settled.shape.stop, stop);
    assert_eq!(
        settled.noted(),
        [
            ("stream_options.include_obfuscation", "ignored"),
            ("stop", "emulated"),
            ("max_tokens", "emulated"),
        ]
    );
    assert_eq!(asked(&json!({"stop": "x"})).shape.stop.sequences, ["x"]);
    let failure = ask(&json!({"stop": [""]})).unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("stop[0]"));
}

#[test]
fn what_has_no_effect_is_named_unless_it_asks_for_the_default() {
    let settled = asked(&json!({
        "temperature": 0, "top_p": 0.5, "presence_penalty": 1, "frequency_penalty": 1, "seed": 7,
        "logit_bias": {"50256": -100}, "best_of": 3, "logprobs": 2, "user": "u", "unheard_of": 1,
    }));
    let fields: Vec<&str> = settled.notices.iter().map(|notice| &*notice.field).collect();
    assert_eq!(
        fields,
        [
            "presence_penalty",
            "frequency_penalty",
            "seed",
            "logit_bias",
            "best_of",
            "logprobs",
            "unheard_of",
            "temperature",
            "top_p",
            "user",
        ]
    );
    assert!(settled.notices.iter().all(|notice| notice.kind.as_str() == "ignored"));
    let defaults = asked(&json!({
        "temperature": 1, "top_p": 1.0, "presence_penalty": 0, "frequency_penalty": 0.0,
        "logit_bias": {}, "best_of": 1, "logprobs": null, "seed": null,
    }));
    assert!(defaults.notices.is_empty());
}

#[test]
fn failures_are_worded_as_in_chat_completions() {
    for (body, param) in [
        ("{}", json!("model")),
        (r#"{"model":"m","prompt":"\ud800"}"#, json!("prompt")),
        (r#"{"model":"m","stream":"yes"}"#, json!("stream")),
        (r#"{"model":"m","max_tokens":-1}"#, json!("max_tokens")),
        (r#"{"model":"m","model":"n"}"#, Value::Null),
        ("{", Value::Null),
    ] {
        let failure = settled::<Completions>(body, &Policy::default()).unwrap_err();
        let error = error::<Completions>(&failure)["error"].clone();
        assert_eq!((failure.status(), &error["param"]), (400, &param), "{body}");
        assert_eq!(error["type"], "invalid_request_error");
    }
}

#[test]
fn a_cap_of_no_tokens_is_refused() {
    let failure = ask(&json!({"prompt": "a", "max_tokens": 0})).unwrap_err();
    assert_eq!((failure.status(), failure.param.as_deref()), (400, Some("max_tokens")));
}

#[test]
fn choices_times_prompts_are_bounded() {
    let prompts = |count: usize| vec!["a"; count];
    assert!(ask(&json!({"prompt": prompts(4), "n": 4})).is_ok());
    let failure = ask(&json!({"prompt": prompts(8), "n": 8})).unwrap_err();
    assert_eq!((failure.status(), failure.param.as_deref()), (400, Some("n")));
    assert!(failure.message.contains("64 calls"), "{}", failure.message);
}
