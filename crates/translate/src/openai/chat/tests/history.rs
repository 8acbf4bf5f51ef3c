//! What the assistant said before: text, reasoning, calls and their results.

use serde_json::{Value, json};

use super::{input, plain, said, with};

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn item(id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments})
}

fn output(id: &str, text: &str) -> Value {
    json!({"type": "function_call_output", "call_id": id, "output": text})
}

fn result(id: &str, text: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": text})
}

#[test]
fn text_comes_before_the_calls_of_the_same_message() {
    let messages = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Looking.", "tool_calls": [call("a", "f", "{\"x\": 1}"), call("b", "g", "")]},
        result("b", "2"),
        result("a", "1"),
    ]);
    let expected = json!([
        said("user", "hi"),
        said("assistant", "Looking."),
        item("a", "f", "{\"x\": 1}"),
        item("b", "g", "{}"),
        output("b", "2"),
        output("a", "1"),
    ]);
    assert_eq!(input(&messages), expected);
}

#[test]
fn items_of_the_responses_api_among_messages_are_calls_and_results() {
    let custom =
        json!({"type": "custom_tool_call", "call_id": "b", "name": "sh", "input": "ls", "id": "x"});
    let listed = json!({"type": "custom_tool_call_output", "call_id": "b", "output": "a.txt"});
    let messages = json!([
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "f", "arguments": ""},
        {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "1"}]},
        custom,
        listed,
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "on"}]},
    ]);
    let settled = with(&messages, &json!({}));
    let parts = json!([{"type": "input_text", "text": "1"}]);
    let expected = json!([
        said("user", "hi"),
        item("a", "f", "{}"),
        {"type": "function_call_output", "call_id": "a", "output": parts},
        {"type": "custom_tool_call", "call_id": "b", "name": "sh", "input": "ls"},
        listed,
        said("user", "on"),
    ]);
    assert_eq!(settled.body["input"], expected);
    assert_eq!(settled.noted(), [("messages[1]", "ignored")]);
}

#[test]
fn an_assistant_without_text_leaves_no_empty_message() {
    for content in [json!(null), json!(""), json!([]), json!([{"type": "text", "text": ""}])] {
        let messages = json!([{"role": "assistant", "content": content, "tool_calls": [call("a", "f", "{}")]}, result("a", "1")]);
        assert_eq!(input(&messages), json!([item("a", "f", "{}"), output("a", "1")]));
    }
}

#[test]
fn refusals_go_back_as_refusals() {
    let expected = json!([{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}]);
    assert_eq!(input(&json!([{"role": "assistant", "content": null, "refusal": "No."}])), expected);
    let part = json!([{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}]);
    assert_eq!(input(&part), expected);
}

#[test]
fn a_leading_think_block_is_not_sent_back() {
    for (text, left) in [
        ("<think>secret</think>\n\nFour.", "Four."),
        ("\n <think>a\nb</think>Four.", "Four."),
        ("<think>never closed", "<think>never closed"),
        ("Use <think>x</think> tags", "Use <think>x</think> tags"),
        ("caf\u{e9} \"q\"\n", "caf\u{e9} \"q\"\n"),
    ] {
        assert_eq!(
            input(&json!([{"role": "assistant", "content": text}])),
            json!([said("assistant", left)]),
            "{text}"
        );
        let parts = json!([{"role": "assistant", "content": [{"type": "text", "text": text}]}]);
        assert_eq!(input(&parts), json!([said("assistant", left)]));
        assert_eq!(input(&json!([{"role": "user", "content": text}])), json!([said("user", text)]));
    }
}

#[test]
fn a_message_that_was_only_thinking_leaves_nothing() {
    let messages = json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "<think>x</think>\n\n"}]);
    assert_eq!(input(&messages), json!([said("user", "hi")]));
}

#[test]
fn reasoning_members_are_not_sent_back_and_said() {
    for member in [
        json!({"reasoning_content": "secret"}),
        json!({"reasoning": {"content": [{"type": "text", "text": "secret"}]}}),
        json!({"reasoning": "secret"}),
        json!({"reasoning_summary": "secret"}),
    ] {
        let mut message = json!({"role": "assistant", "content": "Four."});
        message.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
        let settled = with(&json!([message]), &json!({}));
        assert_eq!(settled.body["input"], json!([said("assistant", "Four.")]));
        assert_eq!(settled.noted(), [("messages[0].reasoning", "changed")]);
    }
}

/// A picture that the backend refuses.
fn drawing() -> Value {
    json!({"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,PHN2Zy8+"}})
}

#[test]
fn a_picture_that_the_backend_refuses_is_refused_with_its_place() {
    for url in [
        "data:image/svg+xml;base64,PHN2Zy8+",
        "data:image/heic;base64,AAAAGGZ0eXBoZWlj",
        "data:text/plain;base64,aGk=",
    ] {
        let content = json!([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": url}}]);
        for before in
            [vec![], vec![said("user", "hi"), json!({"role": "assistant", "content": "yes"})]]
        {
            let mut messages = before;
            messages.retain(|message| message.get("type").is_none());
            messages.push(json!({"role": "user", "content": content}));
            let at = messages.len() - 1;
            let failure = plain(&json!({"model": "m", "messages": messages})).unwrap_err();
            let place = format!("messages[{at}].content[1].image_url");
            assert_eq!(failure.param.as_deref(), Some(&*place), "{url}");
            assert!(failure.message.contains("PNG, JPEG, GIF and WebP"), "{}", failure.message);
        }
    }
}

#[test]
fn in_older_turns_and_results_of_tools_a_text_stands_in_its_place() {
    let gone =
        json!({"type": "input_text", "text": "[There was a picture here that cannot be shown.]"});
    let older = json!([
        {"role": "user", "content": [{"type": "text", "text": "look"}, drawing()]},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "go on"},
    ]);
    let settled = with(&older, &json!({}));
    assert_eq!(settled.body["input"][0]["content"][1], gone);
    assert_eq!(settled.noted(), [("messages[0].content[1].image_url", "ignored")]);
    let tool = json!([
        {"role": "user", "content": "look"},
        {"role": "assistant", "tool_calls": [call("a", "view", "{}")]},
        {"role": "tool", "tool_call_id": "a", "content": [drawing()]},
    ]);
    let settled = with(&tool, &json!({}));
    assert_eq!(settled.body["input"][2]["output"], json!([gone]));
    assert_eq!(settled.noted(), [("messages[2].content[0].image_url", "ignored")]);
    let strict = crate::Policy { strict: true, ..crate::Policy::default() };
    let body = json!({"model": "m", "messages": older}).to_string();
    let failure = crate::tests::support::settled::<crate::Chat>(&body, &strict).unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("messages[0].content[1].image_url"));
}

#[test]
fn results_may_be_parts_with_images() {
    let content = json!([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "https://example.org/a", "detail": "low"}}]);
    let messages = json!([{"role": "assistant", "tool_calls": [call("a", "f", "{}")]}, {"role": "tool", "tool_call_id": "a", "content": content}]);
    let parts = json!([{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "https://example.org/a", "detail": "low"}]);
    assert_eq!(
        input(&messages)[1],
        json!({"type": "function_call_output", "call_id": "a", "output": parts})
    );
}

#[test]
fn arguments_go_byte_for_byte_and_a_bare_object_as_it_stands() {
    let messages = |arguments: &str| {
        format!(
            r#"{{"model":"m","messages":[{{"role":"assistant","tool_calls":[{{"id":"a","function":{{"name":"f","arguments":{arguments}}}}}]}},{{"role":"tool","tool_call_id":"a","content":"1"}}]}}"#
        )
    };
    let policy = crate::Policy::default();
    for (given, sent) in [
        (r#""{ \"x\" : 1E2 }""#, "{ \"x\" : 1E2 }"),
        (r#""not json""#, "not json"),
        (r#"{"x": 1E2}"#, r#"{"x": 1E2}"#),
        ("null", "{}"),
        (r#""""#, "{}"),
        (r#"" \n""#, "{}"),
    ] {
        let settled =
            crate::tests::support::settled::<crate::Chat>(&messages(given), &policy).unwrap();
        assert_eq!(settled.body["input"][0]["arguments"], sent, "{given}");
    }
}

#[test]
fn a_call_without_a_result_is_left_out_and_said() {
    let messages = json!([{"role": "assistant", "content": "Hm.", "tool_calls": [call("a", "f", "{}"), call("b", "g", "{}")]}, result("b", "2")]);
    let settled = with(&messages, &json!({}));
    assert_eq!(
        settled.body["input"],
        json!([said("assistant", "Hm."), item("b", "g", "{}"), output("b", "2")])
    );
    assert_eq!(settled.noted(), [("messages", "changed")]);
}

#[test]
fn a_result_without_its_call_is_told_by_the_person() {
    let settled =
        with(&json!([result("gone", "42"), {"role": "user", "content": "hi"}]), &json!({}));
    let first = &settled.body["input"][0];
    assert_eq!((first["type"].as_str(), first["role"].as_str()), (Some("message"), Some("user")));
    assert!(first["content"][0]["text"].as_str().unwrap().contains("gone"));
    assert_eq!(first["content"][1], json!({"type": "input_text", "text": "42"}));
    assert_eq!(settled.noted(), [("messages", "changed")]);
}

#[test]
fn a_result_before_its_call_pairs_with_nothing() {
    let messages =
        json!([result("a", "1"), {"role": "assistant", "tool_calls": [call("a", "f", "{}")]}]);
    let settled = with(&messages, &json!({}));
    assert_eq!(settled.body["input"].as_array().unwrap().len(), 1);
    assert_eq!(settled.body["input"][0]["type"], "message");
}

#[test]
fn an_id_that_is_used_again_each_turn_pairs_within_its_turn() {
    let turn = |text: &str| {
        [json!({"role": "assistant", "tool_calls": [call("a", "f", text)]}), result("a", text)]
    };
    let mut messages: Vec<Value> = [turn("1"), turn("2")].concat();
    messages.push(json!({"role": "assistant", "tool_calls": [call("a", "f", "3")]}));
    let settled = with(&json!(messages), &json!({}));
    let own = settled.body["input"][2]["call_id"].as_str().unwrap();
    assert!(own.starts_with("call_") && own.len() == 45, "{own}");
    let expected =
        json!([item("a", "f", "1"), output("a", "1"), item(own, "f", "2"), output(own, "2")]);
    assert_eq!(settled.body["input"], expected);
    assert_eq!(settled.noted(), [("messages", "changed"); 2]);
    // The same again, longer, begins with the same bytes.
    messages.push(result("a", "3"));
    let longer = with(&json!(messages), &json!({})).body["input"].clone();
    assert_eq!(longer.as_array().unwrap()[..4], *expected.as_array().unwrap());
    assert_eq!(longer[4]["call_id"], longer[5]["call_id"]);
}

#[test]
fn a_second_result_of_a_call_is_told_by_the_person() {
    let messages = json!([{"role": "assistant", "tool_calls": [call("a", "f", "{}")]}, result("a", "1"), result("a", "2")]);
    let input = input(&messages);
    assert_eq!((&input[1], input[2]["type"].as_str()), (&output("a", "1"), Some("message")));
}

#[test]
fn long_call_ids_are_shortened_the_same_way_in_call_and_result() {
    let (long, other) = ("c".repeat(69), format!("{}d", "c".repeat(68)));
    let messages = json!([
        {"role": "assistant", "tool_calls": [call(&long, "f", "{}"), call(&other, "f", "{}")]},
        result(&other, "2"),
        result(&long, "1"),
    ]);
    let settled = with(&messages, &json!({}));
    let ids: Vec<&str> =
        (0..4).map(|at| settled.body["input"][at]["call_id"].as_str().unwrap()).collect();
    assert!(ids.iter().all(|id| id.len() <= 64 && id.starts_with("call_")));
    assert_eq!((ids[0], ids[1]), (ids[3], ids[2]));
    assert_ne!(ids[0], ids[1]);
    let back = settled.shape.shortened.iter().find(|shortened| shortened.short == ids[0]).unwrap();
    assert_eq!(back.original, long);
    let again = with(&messages, &json!({}));
    assert_eq!(again.body["input"], settled.body["input"]);
    let fits = "c".repeat(64);
    let messages =
        json!([{"role": "assistant", "tool_calls": [call(&fits, "f", "{}")]}, result(&fits, "1")]);
    assert_eq!(input(&messages)[0]["call_id"], fits);
}

#[test]
fn freeform_calls_and_results_keep_their_kind() {
    let messages = json!([
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}]},
        result("a", "done"),
    ]);
    let expected = json!([
        {"type": "custom_tool_call", "call_id": "a", "name": "patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "a", "output": "done"},
    ]);
    assert_eq!(input(&messages), expected);
}

#[test]
fn the_old_form_of_calls_is_paired_by_name() {
    let legacy = |arguments: &str| json!({"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": arguments}});
    let answer = |text: &str| json!({"role": "function", "name": "f", "content": text});
    let messages = json!([legacy("1"), answer("one"), legacy("2"), answer("two"), {"role": "function", "name": "g", "content": "?"}]);
    let input = input(&messages);
    let pairs = [(0, 1, "1", "one"), (2, 3, "2", "two")];
    for (call, result, arguments, text) in pairs {
        assert_eq!(input[call]["arguments"], arguments);
        assert_eq!(input[result], output(input[call]["call_id"].as_str().unwrap(), text));
    }
    assert_ne!(input[0]["call_id"], input[2]["call_id"]);
    assert_eq!(
        (input[4]["type"].as_str(), input[4]["role"].as_str()),
        (Some("message"), Some("user"))
    );
}

#[test]
fn reasoning_details_of_ours_go_back_before_text_and_calls() {
    let said_so = |details: &Value| {
        let messages = json!([
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "Looking.", "reasoning_content": "Hmm.", "reasoning_details": details,
             "tool_calls": [call("a", "f", "{}")]},
            result("a", "1"),
        ]);
        with(&messages, &json!({}))
    };
    let ours = json!({"type": "reasoning.encrypted", "data": "cmr1.-.rs_1.gAAA", "index": 0});
    let settled = said_so(&json!([{"type": "reasoning.summary", "summary": "Hmm."}, ours]));
    let reasoning =
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"});
    let expected = json!([
        said("user", "hi"),
        reasoning,
        said("assistant", "Looking."),
        item("a", "f", "{}"),
        output("a", "1"),
    ]);
    assert_eq!(settled.body["input"], expected);
    assert!(settled.noted().is_empty(), "{:?}", settled.noted());
    for foreign in [
        json!([{"type": "reasoning.encrypted", "data": "EqQBCgIYAhIM", "format": "anthropic-claude-v1"}]),
        json!([{"type": "reasoning.encrypted", "data": "cmr1.someone.rs_1.gAAA"}]),
        json!([{"type": "reasoning.encrypted", "data": 7}, "text", null]),
        json!("text"),
        json!({}),
        json!([]),
    ] {
        let settled = said_so(&foreign);
        assert_eq!(settled.body["input"][1], said("assistant", "Looking."), "{foreign}");
        assert_eq!(settled.noted(), [("messages[1].reasoning", "changed")], "{foreign}");
    }
}
