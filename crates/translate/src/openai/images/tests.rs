//! Pictures: what is asked of the tool, and what becomes of its answer.

use serde_json::{Value, json};

use super::*;
use crate::policy::Policy;
use crate::tests::support::{completed, created, done, event, settled, stream, whole};

const PNG: &str = "data:image/png;base64,iVBORw0KGgo=";

fn generation(body: &Value) -> Result<crate::tests::support::Settled<ImagesShape>, Failure> {
    settled::<ImageGeneration>(&body.to_string(), &Policy::default())
}

fn edit(body: &Value) -> Result<crate::tests::support::Settled<ImagesShape>, Failure> {
    settled::<ImageEdit>(&body.to_string(), &Policy::default())
}

fn picture() -> Value {
    json!({"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBO",
        "revised_prompt": "a grey cat", "output_format": "png", "size": "1024x1024", "quality": "low",
        "background": "opaque"})
}

#[test]
fn a_picture_is_a_turn_with_the_image_tool() {
    let body = json!({"model": "gpt-image-2", "prompt": "a cat", "n": 2, "size": "1536x1024",
        "quality": "high", "background": "transparent", "output_format": "webp", "output_compression": 80,
        "moderation": "low", "stream": true, "partial_images": 2, "user": "ada"});
    let settled = generation(&body).unwrap();
    let tool = json!({"type": "image_generation", "model": "gpt-image-2", "size": "1536x1024",
        "quality": "high", "background": "transparent", "output_format": "webp",
        "output_compression": 80, "moderation": "low", "partial_images": 2});
    assert_eq!(settled.body["tools"], json!([tool]));
    assert_eq!(
        (&settled.body["tool_choice"], &settled.body["parallel_tool_calls"]),
        (&json!("required"), &json!(false))
    );
    assert!(settled.body["instructions"].as_str().unwrap().contains("image tool"));
    let input = json!([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a cat"}]}]);
    assert_eq!(settled.body["input"], input);
    assert_eq!((settled.choices, settled.stream, settled.shape.store), (2, true, false));
    assert_eq!(settled.noted(), [("n", "emulated"), ("user", "ignored")]);
    assert_eq!(settled.shape.model, "gpt-image-2");
    assert!(
        settled.body["model"].as_str().unwrap().starts_with("gpt-"),
        "{}",
        settled.body["model"]
    );
    assert_ne!(settled.body["model"], "gpt-image-2");
}

#[test]
fn a_model_of_the_list_uses_the_tool_itself_and_none_named_is_any() {
    let settled = generation(&json!({"model": "gpt-5.5", "prompt": "a cat"})).unwrap();
    assert_eq!(settled.body["model"], "gpt-5.5");
    let tool = json!({"type": "image_generation", "output_format": "png"});
    assert_eq!(settled.body["tools"], json!([tool]));
    for model in [json!(null), json!("chatgpt-image-latest"), json!("dall-e-3")] {
        let settled = generation(&json!({"model": model, "prompt": "a cat"})).unwrap();
        let slug = settled.body["model"].as_str().unwrap();
        assert!(crate::Catalog::builtin().find(slug).is_some(), "{slug}");
        assert_eq!(settled.notes("model", "changed"), model == "dall-e-3");
    }
    let search = Policy { web_search: true, ..Policy::default() };
    let settled = self::settled::<ImageGeneration>(r#"{"prompt":"a cat"}"#, &search).unwrap();
    assert_eq!(settled.body["tools"].as_array().unwrap().len(), 1);
}

#[test]
fn words_of_older_models_become_those_of_today_and_addresses_are_never_given() {
    let body = json!({"prompt": "a cat", "size": "1792x1024", "quality": "hd", "style": "vivid",
        "response_format": "url", "partial_images": 1, "x": 1});
    let settled = generation(&body).unwrap();
    let tool = &settled.body["tools"][0];
    assert_eq!((&tool["size"], &tool["quality"]), (&json!("1536x1024"), &json!("high")));
    assert_eq!(tool.get("partial_images"), None);
    let expected = [
        ("size", "changed"),
        ("quality", "changed"),
        ("response_format", "ignored"),
        ("style", "ignored"),
        ("partial_images", "ignored"),
        ("x", "ignored"),
    ];
    assert_eq!(settled.noted(), expected);
    let strict = Policy { strict: true, ..Policy::default() };
    let failure = self::settled::<ImageGeneration>(&body.to_string(), &strict).unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("response_format"));
    assert!(
        generation(&json!({"prompt": "a", "response_format": "b64_json"}))
            .unwrap()
            .noted()
            .is_empty()
    );
}

#[test]
fn an_edit_gives_the_pictures_and_the_mask() {
    let body = json!({"prompt": "a hat", "images": [{"image_url": PNG}, {"image_url": "https://example.org/a.png"}],
        "mask": {"image_url": PNG}, "input_fidelity": "high"});
    let settled = edit(&body).unwrap();
    let content = settled.body["input"][0]["content"].as_array().unwrap();
    assert_eq!(content.len(), 3);
    assert_eq!(content[1], json!({"type": "input_image", "image_url": PNG}));
    let tool = &settled.body["tools"][0];
    assert_eq!(
        (&tool["input_fidelity"], &tool["input_image_mask"]["image_url"]),
        (&json!("high"), &json!(PNG))
    );
    let settled = generation(&body).unwrap();
    assert_eq!(
        settled.noted(),
        [("images", "ignored"), ("mask", "ignored"), ("input_fidelity", "ignored")]
    );
    assert_eq!(settled.body["input"][0]["content"].as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_meant_is_refused_at_its_member() {
    for (member, value) in [
        ("prompt", json!(" ")),
        ("prompt", json!("x".repeat(32_001))),
        ("n", json!(0)),
        ("n", json!(11)),
        ("size", json!("huge")),
        ("size", json!("1x1")),
        ("quality", json!("best")),
        ("background", json!("red")),
        ("output_format", json!("gif")),
        ("output_compression", json!(101)),
        ("output_compression", json!(50)),
        ("moderation", json!("none")),
        ("partial_images", json!(4)),
        ("stream", json!("yes")),
    ] {
        let mut body = json!({"prompt": "a cat"});
        body[member] = value;
        let failure = generation(&body).unwrap_err();
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(member)), "{failure}");
    }
    let both = json!({"prompt": "a", "background": "transparent", "output_format": "jpeg"});
    assert_eq!(generation(&both).unwrap_err().param.as_deref(), Some("background"));
    for (body, param) in [
        (json!({"prompt": "a"}), "image"),
        (json!({"prompt": "a", "image": "x"}), "image"),
        (json!({"prompt": "a", "images": [{"file_id": "file_1"}]}), "images[0]"),
        (
            json!({"prompt": "a", "images": [{"image_url": "data:image/bmp;base64,Qk0="}]}),
            "images[0].image_url",
        ),
        (json!({"prompt": "a", "images": [{"image_url": PNG}], "mask": {}}), "mask"),
        (
            json!({"prompt": "a", "images": [{"image_url": PNG}], "input_fidelity": "full"}),
            "input_fidelity",
        ),
    ] {
        assert_eq!(edit(&body).unwrap_err().param.as_deref(), Some(param), "{body}");
    }
}

#[test]
fn a_whole_reply_holds_the_picture_its_look_and_the_counts() {
    let settled = generation(&json!({"prompt": "a cat"})).unwrap();
    let reply =
        whole::<ImageGeneration>(&settled.shape, &[created(), done(0, &picture()), completed()])
            .unwrap();
    assert_eq!(reply["data"], json!([{"b64_json": "iVBO", "revised_prompt": "a grey cat"}]));
    for (member, value) in [
        ("size", "1024x1024"),
        ("quality", "low"),
        ("background", "opaque"),
        ("output_format", "png"),
    ] {
        assert_eq!(reply[member], value);
    }
    assert!(reply["usage"]["total_tokens"].is_u64() && reply["created"].is_u64(), "{reply}");
    let usage = reply["usage"].as_object().unwrap();
    assert!(!usage.contains_key("input_tokens_details"), "it is not known: {reply}");
    // The backend also gives items in its last event alone, and the counts of the tool apart.
    let counts = json!({"input_tokens": 9, "output_tokens": 272, "total_tokens": 281,
        "input_tokens_details": {"text_tokens": 5, "image_tokens": 4}});
    let last = event(
        "response.completed",
        &json!({"response": {"id": "resp_1", "output": [picture()],
        "tool_usage": {"image_gen": counts}}}),
    );
    let reply = whole::<ImageGeneration>(&settled.shape, &[created(), last]).unwrap();
    assert_eq!((&reply["data"][0]["b64_json"], &reply["usage"]), (&json!("iVBO"), &counts));
}

#[test]
fn a_stream_gives_unfinished_pictures_and_then_the_finished_one() {
    let body = json!({"prompt": "a cat", "images": [{"image_url": PNG}], "stream": true, "partial_images": 1});
    let settled = edit(&body).unwrap();
    let partial = event(
        "response.image_generation_call.partial_image",
        &json!({"item_id": "ig_1", "output_index": 0, "partial_image_index": 0, "partial_image_b64": "iVB"}),
    );
    let text = stream::<ImageEdit>(
        &settled.shape,
        &[created(), partial, done(0, &picture()), completed()],
    );
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["image_edit.partial_image", "image_edit.completed"]);
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(
        (&events[0]["b64_json"], &events[0]["partial_image_index"]),
        (&json!("iVB"), &json!(0))
    );
    assert_eq!((&events[0]["size"], &events[1]["size"]), (&json!("auto"), &json!("1024x1024")));
    assert_eq!(
        (&events[1]["type"], &events[1]["b64_json"]),
        (&json!("image_edit.completed"), &json!("iVBO"))
    );
    assert!(events[1]["usage"]["total_tokens"].is_u64() && events[0].get("usage").is_none());
}

#[test]
fn an_answer_without_a_picture_says_what_the_model_said() {
    let settled = generation(&json!({"prompt": "a cat"})).unwrap();
    let words = event(
        "response.output_text.delta",
        &json!({"output_index": 0, "content_index": 0, "delta": "I won't \u{2014} draw that."}),
    );
    let failure =
        whole::<ImageGeneration>(&settled.shape, &[created(), words, completed()]).unwrap_err();
    assert_eq!((failure.status(), failure.code.as_deref()), (400, Some("image_not_made")));
    assert!(failure.message.ends_with("I won't \u{2014} draw that."), "{failure}");
    let failure = whole::<ImageGeneration>(&settled.shape, &[created(), completed()]).unwrap_err();
    assert!(failure.message.contains("no picture"), "{failure}");
}
