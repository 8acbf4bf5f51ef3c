//! System text, people's messages, images and files.

use serde_json::{Value, json};

use super::{input, said, with};

#[test]
fn the_leading_system_messages_become_instructions() {
    let messages = json!([
        {"role": "system", "content": "One."},
        {"role": "developer", "content": [{"type": "text", "text": "Two"}, {"type": "text", "text": "three."}]},
        {"role": "user", "content": "hi"},
    ]);
    let settled = with(&messages, &json!({}));
    assert_eq!(settled.body["instructions"], "One.\n\nTwo\nthree.");
    assert_eq!(settled.body["input"], json!([said("user", "hi")]));
    assert!(settled.notices.is_empty());
}

#[test]
fn empty_system_text_adds_nothing() {
    let system = |text: &str| json!({"role": "system", "content": text});
    let messages = json!([system(""), system("a"), system(""), {"role": "user", "content": "hi"}]);
    assert_eq!(with(&messages, &json!({})).body["instructions"], "a");
}

#[test]
fn later_system_messages_stay_in_place_as_the_developer_s() {
    let messages = json!([
        {"role": "user", "content": "a"},
        {"role": "system", "content": "b"},
        {"role": "user", "content": "c"},
        {"role": "developer", "content": "d"},
    ]);
    let settled = with(&messages, &json!({}));
    let expected = json!([
        said("user", "a"),
        said("developer", "b"),
        said("user", "c"),
        said("developer", "d")
    ]);
    assert_eq!(settled.body["input"], expected);
    assert_eq!(settled.body["instructions"], "");
}

#[test]
fn in_json_mode_system_text_that_says_json_stays_in_the_input() {
    let messages = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "system", "content": "Answer as JSON."},
        {"role": "user", "content": "hi"},
    ]);
    let settled = with(&messages, &json!({"response_format": {"type": "json_object"}}));
    assert_eq!(settled.body["instructions"], "Be brief.");
    assert_eq!(
        settled.body["input"],
        json!([said("developer", "Answer as JSON."), said("user", "hi")])
    );
    let schema = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}});
    assert_eq!(with(&messages, &schema).body["instructions"], "Be brief.\n\nAnswer as JSON.");
}

#[test]
fn a_system_message_with_an_image_goes_whole_into_the_input() {
    let part = json!({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}});
    let messages = json!([
        {"role": "system", "content": [{"type": "text", "text": "See:"}, part]},
        {"role": "user", "content": "hi"},
    ]);
    let settled = with(&messages, &json!({}));
    assert_eq!(settled.body["input"][0]["role"], "developer");
    assert_eq!(settled.body["input"][0]["content"][1]["type"], "input_image");
    assert_eq!(settled.body["instructions"], "");
}

#[test]
fn text_parts_keep_their_order_and_their_letters() {
    let content = json!([{"type": "text", "text": "a\u{0}\u{2028}"}, {"type": "input_text", "text": "\u{1f600}"}]);
    let parts = json!([{"type": "input_text", "text": "a\u{0}\u{2028}"}, {"type": "input_text", "text": "\u{1f600}"}]);
    let item = json!([{"type": "message", "role": "user", "content": parts}]);
    assert_eq!(input(&json!([{"role": "user", "content": content}])), item);
    assert_eq!(input(&json!([{"role": "user", "content": ""}])), json!([said("user", "")]));
}

fn part(part: &Value) -> Value {
    let input = input(&json!([{"role": "user", "content": [part]}]));
    input[0]["content"][0].clone()
}

#[test]
fn images_keep_their_detail() {
    for detail in ["auto", "low", "high", "original"] {
        let image = json!({"type": "image_url", "image_url": {"url": "https://example.org/a", "detail": detail}});
        let expected =
            json!({"type": "input_image", "image_url": "https://example.org/a", "detail": detail});
        assert_eq!(part(&image), expected);
    }
}

#[test]
fn images_are_understood_in_every_form() {
    let expected = json!({"type": "input_image", "image_url": "https://example.org/a"});
    for image in [
        json!({"type": "image_url", "image_url": {"url": "https://example.org/a"}}),
        json!({"type": "image_url", "image_url": "https://example.org/a"}),
        json!({"type": "input_image", "image_url": "https://example.org/a"}),
    ] {
        assert_eq!(part(&image), expected);
    }
    let detailed =
        json!({"type": "input_image", "image_url": "https://example.org/a", "detail": "low"});
    assert_eq!(part(&detailed), detailed);
    let file = json!({"type": "input_image", "file_id": "file_1"});
    assert_eq!(part(&file), file);
}

#[test]
fn image_data_is_repaired_on_its_way() {
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/jpg;base64,_9j_4AA"}});
    assert_eq!(part(&image)["image_url"], "data:image/jpeg;base64,/9j/4AA=");
    let bare = json!({"type": "image_url", "image_url": {"url": "iVBORw0KGgo"}});
    assert_eq!(part(&bare)["image_url"], "data:image/png;base64,iVBORw0KGgo=");
}

#[test]
fn files_go_as_input_files_with_their_name() {
    let file = json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "JVBERi0x"}});
    let expected = json!({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0x"});
    assert_eq!(part(&file), expected);
    let flat = json!({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0x"});
    assert_eq!(part(&flat), flat);
    let by_id = json!({"type": "file", "file": {"file_id": "file_1"}});
    assert_eq!(part(&by_id), json!({"type": "input_file", "file_id": "file_1"}));
}

#[test]
fn audio_is_left_out_and_reported() {
    let audio = json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}});
    let messages = json!([{"role": "user", "content": [{"type": "text", "text": "hear"}, audio]}]);
    let settled = with(&messages, &json!({}));
    assert_eq!(settled.body["input"], json!([said("user", "hear")]));
    assert_eq!(settled.noted(), [("messages[0].content[1].input_audio", "ignored")]);
}

#[test]
fn a_speaker_s_name_is_reported() {
    let settled = with(&json!([{"role": "user", "name": "Ada", "content": "hi"}]), &json!({}));
    assert_eq!(settled.noted(), [("messages[0].name", "ignored")]);
}

#[test]
fn unknown_members_are_reported_at_every_level() {
    let messages = json!([
        {"role": "user", "x1": 1, "content": [
            {"type": "text", "text": "a", "x2": 1},
            {"type": "image_url", "image_url": {"url": "https://example.org", "x3": 1}},
            {"type": "file", "file": {"file_id": "f", "x4": 1}},
        ]},
        {"role": "assistant", "tool_calls": [
            {"id": "a", "x5": 1, "function": {"name": "f", "arguments": "{}", "x6": 1}},
            {"id": "b", "type": "custom", "custom": {"name": "g", "input": "", "x7": 1}},
        ]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "2"},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "", "x8": 1}},
        {"role": "function", "name": "f", "content": "3"},
    ]);
    let settled = with(&messages, &json!({}));
    let mut fields: Vec<&str> = settled.noted().into_iter().map(|(field, _)| field).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "messages[0].content[0].x2",
            "messages[0].content[1].image_url.x3",
            "messages[0].content[2].file.x4",
            "messages[0].x1",
            "messages[1].tool_calls[0].function.x6",
            "messages[1].tool_calls[0].x5",
            "messages[1].tool_calls[1].custom.x7",
            "messages[4].function_call.x8",
        ]
    );
    assert!(settled.notices.iter().all(|notice| notice.kind.as_str() == "ignored"));
}
