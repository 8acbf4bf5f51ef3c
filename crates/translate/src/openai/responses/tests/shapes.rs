//! Items, parts, tools and choices in the shape of chat completions, wherever they stand.

use serde_json::{Value, json};

use crate::openai::ResponsesShape;
use crate::openai::chat::ChatShape;
use crate::policy::Policy;
use crate::tests::support::{Settled, settled};
use crate::{Chat, Responses};

fn sent(body: &Value) -> Settled<ResponsesShape> {
    settled::<Responses>(&body.to_string(), &Policy::default())
        .unwrap_or_else(|failure| panic!("{body}: {failure:?}"))
}

fn on_chat(body: &Value) -> Settled<ChatShape> {
    settled::<Chat>(&body.to_string(), &Policy::default())
        .unwrap_or_else(|failure| panic!("{body}: {failure:?}"))
}

fn input(items: &Value) -> Value {
    let body = json!({"model": "m", "input": items});
    let lowered = sent(&body).body["input"].clone();
    assert_eq!(on_chat(&body).body["input"], lowered);
    lowered
}

#[test]
fn parts_of_chat_completions_become_those_of_responses() {
    let png = "data:image/png;base64,iVBORw0KGgo=";
    let items = input(&json!([{"role": "user", "content": [
        {"type": "text", "text": "see", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": png, "detail": "low"}},
        {"type": "input_image", "image_url": {"url": png}},
        {"type": "input_image", "image_url": png, "detail": null},
        {"type": "file", "file": {"filename": "a.txt", "file_data": "YWJj"}},
        {"type": "output_text", "text": "o", "annotations": []},
        "bare",
    ]}]));
    let image = json!({"type": "input_image", "image_url": png});
    let content = json!([
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": png, "detail": "low"},
        image,
        image,
        {"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,YWJj"},
        {"type": "input_text", "text": "o"},
        {"type": "input_text", "text": "bare"},
    ]);
    assert_eq!(items, json!([{"role": "user", "content": content}]));
}

#[test]
fn the_text_of_each_author_has_its_own_kind() {
    for kind in ["text", "input_text", "output_text"] {
        let items = input(&json!([
            {"role": "assistant", "content": [{"type": kind, "text": "a"}]},
            {"role": "developer", "content": [{"type": kind, "text": "b"}]},
            {"role": "system", "content": [{"type": kind, "text": "c"}]},
        ]));
        assert_eq!(items[0]["content"], json!([{"type": "output_text", "text": "a"}]));
        for at in [1, 2] {
            assert_eq!(items[at]["role"], "developer");
            assert_eq!(items[at]["content"][0]["type"], "input_text");
        }
    }
}

#[test]
fn messages_of_chat_completions_become_items() {
    let items = input(&json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c5", "type": "function", "function": {"name": "read", "arguments": "{}"}},
            {"id": "c6", "type": "function", "function": {"name": "read", "arguments": {"a": 1}}},
        ]},
        {"role": "tool", "tool_call_id": "c5", "content": "x"},
        {"role": "tool", "tool_call_id": "c6", "content": [{"type": "text", "text": "y"}]},
        {"role": "assistant", "content": "said", "name": "bob", "refusal": null, "tool_calls": null},
    ]));
    assert_eq!(
        items,
        json!([
            {"role": "user", "content": "go"},
            {"type": "function_call", "call_id": "c5", "name": "read", "arguments": "{}"},
            {"type": "function_call", "call_id": "c6", "name": "read", "arguments": "{\"a\":1}"},
            {"type": "function_call_output", "call_id": "c5", "output": "x"},
            {"type": "function_call_output", "call_id": "c6", "output": [{"type": "input_text", "text": "y"}]},
            {"role": "assistant", "content": "said"},
        ])
    );
}

#[test]
fn the_old_form_of_calls_and_calls_among_the_items_are_understood() {
    let items = input(&json!([
        {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "r"},
        {"id": "c", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        {"type": "function_call_output", "tool_call_id": "c", "output": {"a": [1]}},
        {"name": "h", "arguments": {"x": 1}, "call_id": "d"},
        {"call_id": "d", "output": null},
        {"type": "input_text", "text": "alone"},
    ]));
    assert_eq!(items[0]["call_id"], items[1]["call_id"]);
    assert_eq!((&items[2]["name"], &items[2]["call_id"]), (&json!("g"), &json!("c")));
    assert_eq!(items[3]["output"], r#"{"a":[1]}"#);
    assert_eq!((&items[4]["arguments"], &items[5]["output"]), (&json!("{\"x\":1}"), &json!("")));
    assert_eq!(items[6]["content"], json!([{"type": "input_text", "text": "alone"}]));
}

#[test]
fn what_is_null_in_an_item_is_absent_and_foreign_members_are_named() {
    let body = json!({"model": "m", "input": [
        {"type": "message", "role": "assistant", "id": null, "status": null, "phase": null, "content": [
            {"type": "output_text", "text": "a", "annotations": [], "logprobs": null},
        ]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": null, "encrypted_content": "g", "status": null},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "namespace": null, "created_by": "x"},
        {"type": "function_call_output", "call_id": "c", "output": "x", "name": "f"},
    ]});
    let settled = sent(&body);
    assert_eq!(
        settled.body["input"],
        json!([
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": []}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "g"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "x"},
        ])
    );
    assert_eq!(settled.noted(), [("input[2].created_by", "ignored"), ("input[3].name", "ignored")]);
}

#[test]
fn pictures_of_the_model_and_sound_are_not_sent_back() {
    let settled = sent(&json!({"model": "m", "input": [
        {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]},
        {"role": "user", "content": [{"type": "text", "text": "b"}, {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]},
    ]}));
    assert_eq!(settled.body["input"][0]["content"].as_array().unwrap().len(), 1);
    assert_eq!(settled.body["input"][1]["content"].as_array().unwrap().len(), 1);
    assert!(settled.notes("input[0].content[1]", "changed"), "{:?}", settled.notices);
    assert!(settled.notes("input[1].content[1].input_audio", "ignored"), "{:?}", settled.notices);
}

#[test]
fn tools_and_choices_of_chat_completions_become_flat() {
    let parameters = json!({"type": "object", "properties": {}});
    let nested =
        json!({"type": "function", "function": {"name": "read", "parameters": parameters}});
    let flat =
        json!({"type": "function", "name": "read", "strict": false, "parameters": parameters});
    for choice in [
        json!({"type": "function", "function": {"name": "read"}}),
        json!({"type": "function", "name": "read"}),
        json!({"type": "tool", "name": "read"}),
        json!({"name": "read"}),
    ] {
        let body = json!({"model": "m", "input": "hi", "tools": [nested], "tool_choice": choice});
        for body in [sent(&body).body, on_chat(&body).body] {
            assert_eq!(body["tools"], json!([flat]));
            assert_eq!(body["tool_choice"], json!({"type": "function", "name": "read"}));
        }
    }
    let custom = json!({"type": "custom", "custom": {"name": "patch", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}}});
    let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
        {"type": "function", "function": {"name": "read"}}, {"type": "custom", "custom": {"name": "patch"}},
    ]}});
    let body =
        json!({"model": "m", "input": "hi", "tools": [nested, custom], "tool_choice": allowed});
    let body = sent(&body).body;
    assert_eq!(
        body["tools"][1]["format"],
        json!({"type": "grammar", "syntax": "lark", "definition": "x"})
    );
    assert_eq!(body["tools"].as_array().unwrap().len(), 2);
    assert_eq!(body["tool_choice"], "required");
}

#[test]
fn a_choice_by_a_word_is_one_of_the_apis_words() {
    let choice = |choice: Value| {
        let tools = json!([{"type": "function", "name": "f"}]);
        json!({"model": "m", "input": "hi", "tools": tools, "tool_choice": choice})
    };
    for (given, sent_word) in [
        (json!("any"), "required"),
        (json!({"type": "auto"}), "auto"),
        (json!({"type": "any"}), "required"),
        (json!("none"), "none"),
    ] {
        assert_eq!(sent(&choice(given)).body["tool_choice"], sent_word);
    }
    for wrong in [json!("f"), json!({"type": "function", "name": "g"}), json!({"type": "function"})]
    {
        let failure = settled::<Responses>(&choice(wrong.clone()).to_string(), &Policy::default())
            .unwrap_err();
        assert_eq!(
            (failure.status(), failure.param.as_deref()),
            (400, Some("tool_choice")),
            "{wrong}"
        );
    }
}

#[test]
fn tools_are_mended_as_in_chat_completions() {
    let empty = json!({"type": "object", "properties": {}});
    for parameters in
        [json!({"type": "object"}), json!({}), json!(null), json!({"properties": null})]
    {
        let tool =
            json!({"type": "function", "name": "f", "parameters": parameters, "cache_control": {}});
        let settled = sent(&json!({"model": "m", "input": "hi", "tools": [tool]}));
        let lowered = &settled.body["tools"][0];
        assert_eq!((&lowered["parameters"], &lowered["strict"]), (&empty, &json!(false)));
        assert!(lowered.get("cache_control").is_none());
        assert!(settled.notes("tools[0].cache_control", "ignored"));
    }
    let a = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let tool =
        |parameters: &Value| json!({"type": "function", "name": "f", "parameters": parameters});
    let inside = json!({"type": "namespace", "name": "n", "description": "d", "tools": [tool(&json!({"properties": a["properties"]}))]});
    let settled = sent(&json!({"model": "m", "input": "hi", "tools": [tool(&a), inside]}));
    assert_eq!(settled.body["tools"][0]["parameters"], a);
    assert_eq!(settled.body["tools"][1]["tools"][0]["parameters"], a);
}

#[test]
fn the_schema_of_a_tool_of_the_messages_api_is_its_own() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let tool = json!({"name": "f", "description": "d", "input_schema": schema});
    let settled = sent(&json!({"model": "m", "input": "hi", "tools": [tool]}));
    let lowered = &settled.body["tools"][0];
    assert_eq!((&lowered["type"], &lowered["parameters"]), (&json!("function"), &schema));
    assert!(
        settled.notes("tools", "changed") && !settled.notes("tools[0].input_schema", "ignored")
    );
}

#[test]
fn functions_in_the_old_form_are_offered() {
    let body = json!({"model": "m", "input": "hi", "functions": [{"name": "f"}], "function_call": {"name": "f"}});
    let settled = sent(&body);
    assert_eq!(settled.body["tools"][0]["name"], "f");
    assert_eq!(settled.body["tool_choice"], json!({"type": "function", "name": "f"}));
    assert!(settled.body.get("functions").is_none() && settled.body.get("function_call").is_none());
}

#[test]
fn pictures_that_the_backend_refuses_are_named_or_told_of() {
    let svg = "data:image/svg+xml;base64,PHN2Zy8+";
    for part in [
        json!({"type": "input_image", "image_url": svg}),
        json!({"type": "image_url", "image_url": {"url": svg}}),
    ] {
        let now = json!({"model": "m", "input": [{"role": "user", "content": [part]}]});
        let failure = settled::<Responses>(&now.to_string(), &Policy::default()).unwrap_err();
        let path = "input[0].content[0].image_url";
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(path)));
        let before = sent(&json!({"model": "m", "input": [
            {"role": "user", "content": [part]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": [part]},
            {"role": "user", "content": "go on"},
        ]}));
        for text in [&before.body["input"][0]["content"][0], &before.body["input"][2]["output"][0]]
        {
            assert_eq!(text["type"], "input_text");
        }
        assert_eq!(before.notices.iter().filter(|n| n.field.ends_with("image_url")).count(), 2);
    }
}

#[test]
fn tools_in_an_item_are_mended_as_those_of_the_request() {
    let said = r#"{"type":"message","role":"user","content":"hi"}"#;
    let plain = r#"{"type":"function","name":"f","strict":false,"parameters":{"type":"object" ,"properties":{}}}"#;
    let item = |tools: &str| {
        format!(
            r#"{{"type":"additional_tools","id":"at_1" ,"role":"developer","tools":[{tools}]}}"#
        )
    };
    let body = |tools: &str| {
        format!(r#"{{"model":"m","input":[{},{said}],"instructions":"i"}}"#, item(tools))
    };
    let kept = body(&format!(r#"{plain},{{"type":"namespace","name":"n","tools":[{plain}]}}"#));
    let read = |body: &str| settled::<Responses>(body, &Policy::default());
    assert_eq!(read(&kept).unwrap().text, kept);
    let nested = r#"{"type":"function","function":{"name":"a.b"}}"#;
    let settled = read(&body(&format!(r#"{plain},{nested}"#))).unwrap();
    let tools = &settled.body["input"][0]["tools"];
    assert!(tools[1]["name"].as_str().unwrap().starts_with("a_b_"), "{tools}");
    assert_eq!(tools[1]["parameters"], json!({"type": "object", "properties": {}}));
    assert_eq!(settled.shape.shortened[0].original, "a.b");
    assert_eq!(settled.noted(), [("input[0].tools", "changed")]);
    let wrong = body(r#"{"type":"function"}"#);
    let failure = read(&wrong).unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("input[0].tools[0].name"));
}
