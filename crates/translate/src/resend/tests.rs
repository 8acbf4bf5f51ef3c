//! Tests of what a conversation needs before it is sent again.

use std::collections::BTreeMap;

use chatmock_protocol::json::RawValue;
use serde_json::{Value, json};

use super::{fill_named, named_items};
use crate::openai::ResponsesShape;
use crate::tests::support::{Settled, settled};
use crate::{Backend, Dialect, Draft, Policy, ReasoningSeal, Responses};

fn sent(items: &Value) -> Settled<ResponsesShape> {
    let body = json!({"model": "m", "instructions": "i", "input": items}).to_string();
    settled::<Responses>(&body, &Policy::default())
        .unwrap_or_else(|failure| panic!("{body}: {failure:?}"))
}

fn input(items: &Value) -> Value {
    sent(items).body["input"].clone()
}

fn call(call_id: &str) -> Value {
    json!({"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"})
}

fn output(call_id: &str, text: &str) -> Value {
    json!({"type": "function_call_output", "call_id": call_id, "output": text})
}

fn extended(mut item: Value, name: &str, value: Value) -> Value {
    item[name] = value;
    item
}

#[test]
fn ids_that_the_backend_would_refuse_are_left_out() {
    let long = format!("msg_{}", "a".repeat(61));
    let text = json!([{"type": "output_text", "text": "t"}]);
    let said = json!({"type": "message", "role": "assistant", "content": text});
    let custom = json!({"type": "custom_tool_call", "call_id": "c2", "name": "f", "input": "x"});
    let result = json!({"type": "custom_tool_call_output", "call_id": "c2", "output": "x"});
    let thought = json!({"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"});
    let search = json!({"type": "web_search_call", "status": "completed"});
    for (item, wrong, right) in [
        (said.clone(), "resp_chatcmpl-1_msg", "msg_1"),
        (said.clone(), &*long, "msg_01a2"),
        (said, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "msg_2"),
        (thought, "item_1", "rs_1"),
        (search, "item_1", "ws_1"),
        (json!({"type": "image_generation_call", "result": "x"}), "x", "ig_1"),
        (json!({"type": "local_shell_call", "status": "completed"}), "item_1", "lsh_1"),
        (json!({"type": "compaction", "encrypted_content": "gAAA"}), "rs_1", "cmp_1"),
        (json!({"type": "brand_new"}), &*"b".repeat(65), "anything"),
    ] {
        let settled = sent(&json!([extended(item.clone(), "id", wrong.into())]));
        assert_eq!(settled.body["input"], json!([item]), "{wrong}");
        assert_eq!(settled.noted(), [("input", "changed")]);
        let kept = json!([extended(item, "id", right.into())]);
        let settled = sent(&kept);
        assert_eq!((&settled.body["input"], settled.notices.len()), (&kept, 0), "{right}");
    }
    for (call, result, ids) in [
        (call("c2"), output("c2", "x"), [("item_legacy", "call_U7"), ("fc_1", "fco_1")]),
        (custom, result, [("fc_1", "fc_1"), ("ctc_1", "ctco_1")]),
    ] {
        let pair = |(first, second): (&str, &str)| {
            json!([
                extended(call.clone(), "id", first.into()),
                extended(result.clone(), "id", second.into()),
            ])
        };
        assert_eq!(input(&pair(ids[0])), json!([call, result]));
        assert_eq!(input(&pair(ids[1])), pair(ids[1]));
    }
}

#[test]
fn calls_and_results_are_paired_over_the_whole_conversation() {
    let user = json!({"role": "user", "content": "a"});
    let two = json!([user, call("t:0"), output("t:0", "r1"), call("t:0"), output("t:0", "r2")]);
    let settled = sent(&two);
    let items = &settled.body["input"];
    assert_eq!((&items[1], &items[2]), (&call("t:0"), &output("t:0", "r1")));
    let own = items[3]["call_id"].as_str().unwrap();
    assert!(own != "t:0" && own.len() <= 64, "{own}");
    assert_eq!((&items[3], &items[4]), (&call(own), &output(own, "r2")));
    assert_eq!(settled.noted(), [("input", "changed")]);
    // In chat completions the same call has the same id.
    let chat = json!({"model": "m", "messages": [
        {"role": "assistant", "tool_calls": [{"id": "t:0", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "t:0", "content": "r1"},
        {"role": "assistant", "tool_calls": [{"id": "t:0", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "t:0", "content": "r2"},
    ]});
    let chat = settled_chat(&chat);
    assert_eq!(chat["input"][3]["call_id"], own);
}

fn settled_chat(body: &Value) -> Value {
    settled::<crate::Chat>(&body.to_string(), &Policy::default()).unwrap().body
}

#[test]
fn what_has_no_pair_is_left_out_or_told() {
    let settled = sent(&json!([call("a"), output("b", "x"), {"role": "user", "content": "go"}]));
    let items = settled.body["input"].as_array().unwrap().clone();
    assert_eq!((items.len(), &items[0]["role"]), (2, &json!("user")));
    assert!(items[0]["content"][0]["text"].as_str().unwrap().contains("call b"));
    assert_eq!(items[0]["content"][1], json!({"type": "input_text", "text": "x"}));
    assert_eq!(settled.noted(), [("input", "changed"); 2]);
    let parts = json!([{"type": "input_text", "text": "p"}]);
    let reported = input(&json!([extended(output("b", ""), "output", parts.clone())]));
    assert_eq!(reported[0]["content"][1], parts[0]);
    // A call that its client ran in a shell is answered as a function is.
    let shell = json!([{"type": "local_shell_call", "call_id": "s"}, output("s", "x")]);
    assert_eq!(input(&shell), shell);
}

#[test]
fn a_result_has_the_kind_of_its_call() {
    let custom = json!({"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"});
    let items = input(&json!([custom, output("c", "r")]));
    assert_eq!(items[1]["type"], "custom_tool_call_output");
}

#[test]
fn names_are_those_of_the_tools_that_went_out() {
    let tools = json!([{"type": "function", "name": "mcp.files/read"}]);
    let body = json!({"model": "m", "tools": tools, "input": [
        extended(call("a"), "name", "mcp.files/read".into()), output("a", "x"),
    ]});
    let body = settled::<Responses>(&body.to_string(), &Policy::default()).unwrap().body;
    assert_eq!(body["input"][0]["name"], body["tools"][0]["name"]);
    assert_ne!(body["tools"][0]["name"], "mcp.files/read");
}

#[test]
fn reasoning_that_nobody_can_read_is_left_out() {
    let bare = json!({"type": "reasoning", "id": "rs_1", "summary": []});
    for content in [json!(null), json!("")] {
        let items = json!([extended(bare.clone(), "encrypted_content", content), {"role": "user", "content": "a"}]);
        let settled = sent(&items);
        assert_eq!(settled.body["input"], json!([{"role": "user", "content": "a"}]));
        assert_eq!(settled.noted(), [("input", "changed")]);
    }
    // Another server may read the text of it, or keep it.
    let said = extended(bare.clone(), "content", json!([{"type": "reasoning_text", "text": "a"}]));
    for (accepted_params, item, kept) in
        [(&[][..], &said, true), (&[], &bare, false), (&["store"], &bare, true)]
    {
        let open = Backend { closed: false, accepted_params, ..Backend::default() };
        let policy = Policy { backend: open, ..Policy::default() };
        let body = json!({"model": "m", "input": [item]}).to_string();
        let sent = settled::<Responses>(&body, &policy).unwrap();
        assert_eq!(sent.body["input"] == json!([item]), kept, "{item}");
    }
}

#[test]
fn items_that_come_twice_are_sent_once() {
    let thought =
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "g"});
    let call = extended(call("a"), "id", "fc_1".into());
    let said = |text: &str| json!({"type": "message", "role": "assistant", "id": "msg_1", "content": text});
    let items = json!([thought, call, thought, call, output("a", "x"), said("one"), said("two")]);
    let settled = sent(&items);
    let mut second = said("two");
    second.as_object_mut().unwrap().remove("id");
    assert_eq!(
        settled.body["input"],
        json!([thought, call, output("a", "x"), said("one"), second])
    );
}

#[test]
fn marks_that_the_backend_refuses_are_taken_off_parts() {
    let part = |more: &Value| {
        let mut part = json!({"type": "input_text", "text": "a"});
        part.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([{"role": "user", "content": [part]}])
    };
    let settled = sent(&part(&json!({"prompt_cache_breakpoint": {"type": "x"}})));
    assert_eq!(settled.body["input"], part(&json!({})));
    assert_eq!(settled.noted(), [("input.prompt_cache_breakpoint", "ignored")]);
}

#[test]
fn a_hosted_tool_cannot_be_forced() {
    let body = json!({"model": "m", "input": "hi", "tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}});
    let settled = settled::<Responses>(&body.to_string(), &Policy::default()).unwrap();
    assert_eq!(settled.body["tool_choice"], "auto");
    assert_eq!(settled.noted(), [("tool_choice", "clamped")]);
}

fn drafted(body: &str) -> Draft<'_> {
    let read = Responses::read(body.as_bytes()).unwrap();
    Responses::draft(read, &ReasoningSeal::default()).unwrap().draft
}

fn kept(items: &[Value]) -> BTreeMap<String, Box<RawValue>> {
    let raw = |item: &Value| RawValue::from_string(item.to_string()).unwrap();
    items.iter().map(|item| (item["id"].as_str().unwrap().to_owned(), raw(item))).collect()
}

#[test]
fn named_items_are_filled_in_from_what_is_kept() {
    let thought =
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "g"});
    let said = json!({"type": "message", "id": "msg_1", "role": "assistant", "content": []});
    let body = r#"{"model":"m","input":[{"role":"user", "content":"a"},{"type":"item_reference","id":"rs_1"},{"id":"msg_1"},{"type":"reasoning","id":"rs_2","summary":[]}]}"#;
    let mut draft = drafted(body);
    assert_eq!(named_items(&draft), ["rs_1", "msg_1", "rs_2"]);
    fill_named(&mut draft, &kept(&[thought.clone(), said.clone()])).unwrap();
    let input: Value = serde_json::from_str(draft.request.get("input").unwrap().get()).unwrap();
    let left = json!({"type": "reasoning", "id": "rs_2", "summary": []});
    assert_eq!(input, json!([{"role": "user", "content": "a"}, thought, said, left]));
    assert!(
        draft.request.get("input").unwrap().get().contains(r#"{"role":"user", "content":"a"}"#)
    );
}

#[test]
fn a_reference_to_nothing_names_its_place() {
    let body = r#"{"model":"m","input":[{"role":"user","content":"a"},{"type":"item_reference","id":"msg_9"}]}"#;
    let failure = fill_named(&mut drafted(body), &kept(&[])).unwrap_err();
    assert_eq!((failure.status(), failure.param.as_deref()), (404, Some("input[1].id")));
    assert!(failure.message.starts_with("Item with id 'msg_9' not found"), "{}", failure.message);
}
