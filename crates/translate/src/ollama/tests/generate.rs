//! Requests of a single prompt.

use serde_json::json;

use super::super::OllamaGenerate;
use super::{asked, extended, plain, said};
use crate::end::Finish;
use crate::format::FILL_IN;

const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";

#[test]
fn a_prompt_is_a_person_s_message_and_streamed() {
    let settled = asked("hi", &json!({}));
    let expected = json!({"input": [said("user", "hi")], "model": "gpt-6-sol", "instructions": ""});
    assert_eq!(settled.body, expected);
    assert!(settled.stream && settled.notices.is_empty() && settled.immediate_finish.is_none());
    assert!(!asked("hi", &json!({"stream": false})).stream);
    assert_eq!(asked("hi", &json!({"model": "gpt-6-sol:latest"})).shape.model, "gpt-6-sol:latest");
}

#[test]
fn a_system_text_becomes_instructions() {
    let settled = asked("hi", &json!({"system": "Be kind."}));
    assert_eq!(settled.body["instructions"], "Be kind.");
    assert_eq!(asked("hi", &json!({"system": ""})).body["instructions"], "");
}

#[test]
fn images_go_with_the_prompt() {
    let settled = asked("see", &json!({"images": [PNG]}));
    let parts = settled.body["input"][0]["content"].as_array().unwrap();
    assert_eq!(parts[0]["text"], "see");
    assert_eq!(parts[1]["image_url"], format!("data:image/png;base64,{PNG}"));
    let alone = asked("", &json!({"images": [PNG]}));
    assert_eq!(
        (alone.immediate_finish, &alone.body["input"][0]["content"][0]["type"]),
        (None, &json!("input_image"))
    );
}

#[test]
fn an_empty_prompt_loads_or_unloads() {
    for (more, finish) in [
        (json!({}), Finish::Loaded),
        (json!({"prompt": ""}), Finish::Loaded),
        (json!({"prompt": null, "suffix": "", "images": []}), Finish::Loaded),
        (json!({"keep_alive": "10m"}), Finish::Loaded),
        (json!({"keep_alive": 0}), Finish::Unloaded),
        (json!({"keep_alive": "0m"}), Finish::Unloaded),
    ] {
        let body = extended(json!({"model": "m"}), &more);
        assert_eq!(
            plain::<OllamaGenerate>(&body).unwrap().immediate_finish,
            Some(finish),
            "{more}"
        );
    }
}

#[test]
fn a_suffix_asks_to_fill_the_place_between() {
    let settled = asked("def f():", &json!({"suffix": "return 1", "system": "Python."}));
    assert_eq!(settled.body["instructions"], format!("Python.\n\n{FILL_IN}"));
    let text = "<prefix>def f():</prefix>\n<suffix>return 1</suffix>";
    assert_eq!(settled.body["input"], json!([said("user", text)]));
    assert_eq!(settled.noted(), [("suffix", "emulated")]);
    assert_eq!(asked("", &json!({"suffix": "end"})).immediate_finish, None);
}

#[test]
fn what_a_model_file_or_a_tokenizer_would_serve_is_named() {
    let settled =
        asked("hi", &json!({"template": "{{ .Prompt }}", "context": [1, 2], "raw": true}));
    assert_eq!(
        settled.noted(),
        [("template", "ignored"), ("context", "ignored"), ("raw", "ignored")]
    );
    let silent = json!({"template": "", "context": [], "raw": false, "keep_alive": "5m"});
    assert!(asked("hi", &silent).notices.is_empty());
    assert!(asked("hi", &json!({"context": null, "template": null})).notices.is_empty());
}

#[test]
fn thinking_formats_options_and_probabilities_are_those_of_chat() {
    let more = json!({
        "think": "high", "format": "json", "options": {"num_predict": 5, "top_k": 3},
        "logprobs": true, "top_logprobs": 2,
    });
    let settled = asked("hi", &more);
    assert_eq!(settled.body["reasoning"], json!({"effort": "high"}));
    assert_eq!(settled.body["text"], json!({"format": {"type": "json_object"}}));
    assert_eq!(settled.body["input"][1], said("developer", "Answer in JSON."));
    assert_eq!(settled.shape.stop.max_tokens, Some(5));
    for (field, kind) in [
        ("format", "emulated"),
        ("options.num_predict", "emulated"),
        ("options.top_k", "ignored"),
        ("logprobs", "ignored"),
        ("top_logprobs", "ignored"),
    ] {
        assert!(settled.notes(field, kind), "{field}");
    }
}
