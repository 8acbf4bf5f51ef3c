//! Lines of a stream and whole replies, to the letter.

use serde_json::{Value, json};

use super::super::{OllamaChat, OllamaGenerate};
use crate::end::Finish;
use crate::reasoning_style::ReasoningStyle;
use crate::shape::Shape;
use crate::stop::StopCriteria;
use crate::tests::support::{
    added, arguments, call, citation, completed, created, done, event, immediate_finish,
    incomplete, lines, message, reasoning, refusal, shape, stream, text, whole,
};
use crate::tool_names::ShortenedName;

const TIME: &str = "2026-11-22T09:12:14Z";

/// The messages of a stream's lines before the last.
fn messages(events: &[String]) -> Vec<Value> {
    let mut lines = lines(&stream::<OllamaChat>(&shape(), events));
    let last = lines.pop().unwrap();
    assert_eq!(
        (&last["done"], &last["message"]),
        (&json!(true), &json!({"role": "assistant", "content": ""}))
    );
    lines.into_iter().map(|line| line["message"].clone()).collect()
}

fn calls(events: &[String]) -> Value {
    whole::<OllamaChat>(&shape(), events).unwrap()["message"]["tool_calls"].clone()
}

#[test]
fn a_chat_stream_is_written_to_the_letter() {
    let events = [created(), text(0, "H\u{e9} \"q\"\n"), text(0, ""), completed()];
    let head = format!(r#"{{"model":"gpt-6-sol","created_at":"{TIME}","message":"#);
    let expected = [
        format!(r#"{head}{{"role":"assistant","content":"Hé \"q\"\n"}},"done":false}}"#),
        format!(
            r#"{head}{{"role":"assistant","content":""}},"done":true,"done_reason":"stop","total_duration":1,"load_duration":1,"prompt_eval_count":100,"prompt_eval_duration":1,"eval_count":20,"eval_duration":1}}"#
        ),
        String::new(),
    ];
    assert_eq!(stream::<OllamaChat>(&shape(), &events), expected.join("\n"));
}

#[test]
fn a_generate_stream_has_response_where_chat_has_a_message() {
    let events = [created(), reasoning(0, 0, "hm"), text(1, "Hi"), completed()];
    let head = format!(r#"{{"model":"gpt-6-sol","created_at":"{TIME}","response":"#);
    let expected = [
        format!(r#"{head}"","thinking":"hm","done":false}}"#),
        format!(r#"{head}"Hi","done":false}}"#),
        format!(
            r#"{head}"","done":true,"done_reason":"stop","total_duration":1,"load_duration":1,"prompt_eval_count":100,"prompt_eval_duration":1,"eval_count":20,"eval_duration":1}}"#
        ),
        String::new(),
    ];
    assert_eq!(stream::<OllamaGenerate>(&shape(), &events), expected.join("\n"));
}

#[test]
fn whole_replies_hold_everything_at_once() {
    let events = [created(), reasoning(0, 0, "hm"), text(1, "Hi"), completed()];
    let figures = json!({
        "done": true, "done_reason": "stop", "total_duration": 1, "load_duration": 1,
        "prompt_eval_count": 100, "prompt_eval_duration": 1, "eval_count": 20, "eval_duration": 1,
    });
    let chat = json!({
        "model": "gpt-6-sol", "created_at": TIME,
        "message": {"role": "assistant", "content": "Hi", "thinking": "hm"},
    });
    assert_eq!(whole::<OllamaChat>(&shape(), &events).unwrap(), super::extended(chat, &figures));
    let generate =
        json!({"model": "gpt-6-sol", "created_at": TIME, "response": "Hi", "thinking": "hm"});
    let generate = super::extended(generate, &figures);
    assert_eq!(whole::<OllamaGenerate>(&shape(), &events).unwrap(), generate);
}

#[test]
fn the_content_is_there_also_where_it_is_empty() {
    let reply = whole::<OllamaChat>(&shape(), &[created(), completed()]).unwrap();
    assert_eq!(reply["message"], json!({"role": "assistant", "content": ""}));
    assert_eq!(messages(&[created(), completed()]), Vec::<Value>::new());
}

#[test]
fn thinking_has_its_own_lines_with_empty_content() {
    let events = [created(), reasoning(0, 0, "a"), reasoning(0, 1, "b"), text(1, "c"), completed()];
    let thinking = |text: &str| json!({"role": "assistant", "content": "", "thinking": text});
    assert_eq!(
        messages(&events),
        [
            thinking("a"),
            thinking("\n\n"),
            thinking("b"),
            json!({"role": "assistant", "content": "c"})
        ]
    );
    let hidden = Shape { reasoning: ReasoningStyle::None, ..shape() };
    let reply = whole::<OllamaChat>(&hidden, &events).unwrap();
    assert_eq!(reply["message"], json!({"role": "assistant", "content": "c"}));
}

#[test]
fn a_call_is_one_line_once_it_is_complete_with_arguments_as_an_object() {
    let events = [
        created(),
        added(0, &call("a", "f", "")),
        added(1, &call("b", "g", "")),
        arguments(1, "{\"y\":"),
        arguments(0, "{\"x\":1E2, "),
        arguments(1, "2}"),
        done(1, &call("b", "g", "{\"y\":2}")),
        arguments(0, "\"z\":\"\\u00e9\"}"),
        done(0, &call("a", "f", "{\"x\":1E2, \"z\":\"\\u00e9\"}")),
        completed(),
    ];
    let stream = stream::<OllamaChat>(&shape(), &events);
    let expected = [
        r#""tool_calls":[{"id":"b","function":{"index":0,"name":"g","arguments":{"y":2}}}]}"#,
        // What the model wrote is kept to the byte.
        r#""tool_calls":[{"id":"a","function":{"index":1,"name":"f","arguments":{"x":1E2, "z":"\u00e9"}}}]}"#,
    ];
    let got: Vec<&str> = stream.lines().collect();
    assert_eq!(got.len(), 3);
    for (line, expected) in got.iter().zip(expected) {
        assert!(line.contains(expected), "{line}");
        assert!(line.contains(r#""content":"","#), "{line}");
    }
    let order = calls(&events);
    assert_eq!((&order[0]["id"], &order[1]["id"]), (&json!("b"), &json!("a")));
}

#[test]
fn a_call_ends_with_its_response_where_its_own_end_is_missing() {
    let mut events = vec![created(), added(0, &call("a", "f", "")), arguments(0, "{\"x\":1}")];
    events.push(completed());
    let expected =
        json!([{"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}}]);
    assert_eq!(messages(&events)[0]["tool_calls"], expected);
    assert_eq!(calls(&events), expected);
}

#[test]
fn an_answer_to_a_prompt_has_no_line_for_a_call() {
    let events = [created(), done(0, &call("a", "f", "{}")), completed()];
    assert_eq!(lines(&stream::<OllamaGenerate>(&shape(), &events)).len(), 1);
}

#[test]
fn a_call_that_was_broken_off_is_not_given() {
    let events = [
        created(),
        added(0, &call("a", "f", "")),
        arguments(0, "{\"x\":"),
        incomplete("max_output_tokens"),
    ];
    assert_eq!(messages(&events), Vec::<Value>::new());
    let reply = whole::<OllamaChat>(&shape(), &events).unwrap();
    assert_eq!(
        (&reply["message"]["tool_calls"], &reply["done_reason"]),
        (&Value::Null, &json!("length"))
    );
}

#[test]
fn arguments_are_an_object_whatever_the_model_wrote() {
    let custom = |input: &str| json!({"type": "custom_tool_call", "call_id": "a", "name": "f", "input": input});
    for (item, expected) in [
        (call("a", "f", ""), json!({})),
        (call("a", "f", " \n"), json!({})),
        (call("a", "f", "{}"), json!({})),
        (call("a", "f", " {\"x\":1} "), json!({"x": 1})),
        (call("a", "f", "{\"x\":"), json!({"input": "{\"x\":"})),
        (call("a", "f", "[1]"), json!({"input": "[1]"})),
        (call("a", "f", "null"), json!({"input": "null"})),
        (call("a", "f", "5"), json!({"input": "5"})),
        (custom("*** Begin Patch\n"), json!({"input": "*** Begin Patch\n"})),
        (custom("{\"x\":1}"), json!({"x": 1})),
    ] {
        let events = [created(), done(0, &item), completed()];
        let arguments = calls(&events)[0]["function"]["arguments"].clone();
        assert_eq!(arguments, expected, "{item}");
        assert_eq!(messages(&events)[0]["tool_calls"], calls(&events));
    }
}

#[test]
fn names_and_ids_come_back_as_the_client_has_them() {
    let shortened = |short: &str, original: &str| ShortenedName {
        short: short.to_owned(),
        original: original.to_owned(),
    };
    let shortened = vec![shortened("f_1", "a long name"), shortened("call_1", "a long id")];
    let shape = Shape { shortened, ..shape() };
    let events = [created(), done(0, &call("call_1", "f_1", "{}")), completed()];
    let reply = whole::<OllamaChat>(&shape, &events).unwrap();
    let call = &reply["message"]["tool_calls"][0];
    assert_eq!(
        (&call["id"], &call["function"]["name"]),
        (&json!("a long id"), &json!("a long name"))
    );
}

#[test]
fn refusals_and_images_are_text_and_citations_and_searches_nothing() {
    let image = json!({"type": "image_generation_call", "result": "iVBO", "output_format": "webp"});
    let events = [
        created(),
        text(0, "See"),
        citation(0, 0, 3),
        done(1, &json!({"type": "web_search_call", "id": "ws"})),
        done(2, &image),
        refusal(3, "No."),
        completed(),
    ];
    let text = "See\n\n![image](data:image/webp;base64,iVBO)\nNo.";
    let reply = whole::<OllamaChat>(&shape(), &events).unwrap();
    assert_eq!(reply["message"], json!({"role": "assistant", "content": text}));
    let said: String =
        messages(&events).iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert_eq!(said, text);
    assert_eq!(whole::<OllamaGenerate>(&shape(), &events).unwrap()["response"], text);
}

#[test]
fn every_end_has_its_word() {
    let call_events = vec![created(), done(0, &call("a", "f", "{}")), completed()];
    for (events, reason) in [
        (vec![created(), text(0, "Hi"), completed()], "stop"),
        (call_events, "stop"),
        (vec![created(), text(0, "Hi"), incomplete("max_output_tokens")], "length"),
        (vec![created(), text(0, "Hi"), incomplete("content_filter")], "content_filter"),
    ] {
        let last = lines(&stream::<OllamaChat>(&shape(), &events)).pop().unwrap();
        assert_eq!((&last["done_reason"], &last["done"]), (&json!(reason), &json!(true)));
        assert_eq!(whole::<OllamaGenerate>(&shape(), &events).unwrap()["done_reason"], reason);
    }
}

#[test]
fn loading_and_unloading_say_so_and_claim_no_figures() {
    for (finish, reason) in [(Finish::Loaded, "load"), (Finish::Unloaded, "unload")] {
        let (stream, whole) = immediate_finish::<OllamaChat>(&shape(), finish);
        let expected = json!({
            "model": "gpt-6-sol", "created_at": TIME, "message": {"role": "assistant", "content": ""},
            "done": true, "done_reason": reason,
        });
        assert_eq!((lines(&stream), &whole), (vec![expected.clone()], &expected));
        let (stream, whole) = immediate_finish::<OllamaGenerate>(&shape(), finish);
        let expected = json!({
            "model": "gpt-6-sol", "created_at": TIME, "response": "", "done": true, "done_reason": reason,
        });
        assert_eq!((lines(&stream), &whole), (vec![expected.clone()], &expected));
    }
}

#[test]
fn nothing_follows_the_last_line() {
    let stop = StopCriteria { sequences: vec!["END".to_owned()], max_tokens: None };
    let shape = Shape { stop, ..shape() };
    for events in [
        vec![created(), text(0, "one END two"), text(0, "late"), completed()],
        vec![
            created(),
            text(0, "one "),
            completed(),
            text(0, "late"),
            event("keepalive", &json!({})),
        ],
    ] {
        let lines = lines(&stream::<OllamaChat>(&shape, &events));
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"]["content"], "one ");
        assert_eq!(lines[1]["done"], true);
    }
}

#[test]
fn text_between_calls_is_part_of_the_answer_unless_it_is_hidden() {
    let events = [
        created(),
        done(0, &message(Some("commentary"), "Looking.")),
        done(1, &message(None, "Found.")),
        completed(),
    ];
    let hiding = Shape { hide_commentary: true, ..shape() };
    for (shape, text) in [(shape(), "Looking.\n\nFound."), (hiding, "Found.")] {
        assert_eq!(whole::<OllamaChat>(&shape, &events).unwrap()["message"]["content"], text);
    }
}
