//! Tools and the choice among them.

use serde_json::{Value, json};

use super::{hi, refused, with};

fn tool(name: &str) -> Value {
    json!({"name": name, "input_schema": {"type": "object", "properties": {}}})
}

fn deferred(name: &str) -> Value {
    json!({"name": name, "input_schema": {"type": "object", "properties": {}}, "defer_loading": true})
}

/// The names of the tools that go out.
fn names(body: &Value) -> Vec<&str> {
    let tools = body["tools"].as_array().into_iter().flatten();
    tools.map(|tool| tool["name"].as_str().or_else(|| tool["type"].as_str()).unwrap()).collect()
}

#[test]
fn a_tool_keeps_its_schema_and_is_strict_only_where_it_can_be() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    let strict = |schema: &Value, strict: &Value| {
        let tool =
            json!({"name": "f", "description": "d", "input_schema": schema, "strict": strict});
        let settled = hi(&json!({"tools": [tool]}));
        let reported = settled.notes("tools[0].strict", "ignored");
        (settled.body["tools"][0].clone(), reported)
    };
    let expected = |strict: bool| json!({"type": "function", "name": "f", "description": "d", "strict": strict, "parameters": schema});
    assert_eq!(strict(&schema, &json!(true)), (expected(true), false));
    assert_eq!(strict(&schema, &json!(null)), (expected(false), false));
    let (tool, reported) = strict(&json!({"type": "object"}), &json!(true));
    assert_eq!((tool["strict"].clone(), reported), (json!(false), true));
}

#[test]
fn a_long_name_goes_out_shortened() {
    let name = format!("mcp__server__{}", "x".repeat(67));
    let settled = hi(&json!({"tools": [tool(&name)]}));
    let short = settled.body["tools"][0]["name"].as_str().unwrap();
    assert!(short.len() <= 64);
    assert_eq!(crate::tool_names::original(&settled.shape.shortened, short), name);
}

#[test]
fn tools_that_clients_run_are_functions_with_known_arguments() {
    let tools = json!([
        {"type": "bash_20250124", "name": "bash"},
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 9},
        {"type": "memory_20250818", "name": "memory"},
    ]);
    let settled = hi(&json!({"tools": tools}));
    assert_eq!(names(&settled.body), ["bash", "str_replace_based_edit_tool", "memory"]);
    assert!(settled.body["tools"][0]["parameters"]["properties"]["command"].is_object());
    assert_eq!(settled.noted(), [("tools[1].max_characters", "ignored")]);
}

#[test]
fn other_tools_of_the_service_are_left_out_and_named() {
    let kinds = ["web_fetch_20250910", "code_execution_20250825", "computer_20251124", "brand_new"];
    let tools: Vec<Value> = kinds.iter().map(|kind| json!({"type": kind, "name": "x"})).collect();
    let settled = hi(&json!({"tools": tools, "tool_choice": {"type": "any"}}));
    assert!(settled.body.get("tools").is_none() && settled.body.get("tool_choice").is_none());
    for index in 0..kinds.len() {
        assert!(settled.notes(&format!("tools[{index}]"), "ignored"));
    }
    assert!(settled.notes("tool_choice", "ignored"));
}

#[test]
fn a_web_search_goes_to_the_backend() {
    let search = |more: Value| {
        let mut search =
            json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 8});
        search.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        hi(&json!({"tools": [search]}))
    };
    let plain = search(json!({}));
    assert_eq!((&plain.body["tools"], plain.noted()), (&json!([{"type": "web_search"}]), vec![]));
    let place = json!({"type": "approximate", "country": "NO"});
    let wishes = search(json!({
        "allowed_domains": ["e.org"], "blocked_domains": ["x.org"], "user_location": place, "max_uses": 3,
    }));
    let expected = json!([{"type": "web_search", "user_location": place, "filters": {"allowed_domains": ["e.org"]}}]);
    assert_eq!(wishes.body["tools"], expected);
    let noted = [("tools[0].blocked_domains", "ignored"), ("tools[0].max_uses", "ignored")];
    assert_eq!(wishes.noted(), noted);
}

#[test]
fn deferred_tools_follow_the_others_once_they_were_found() {
    let tools = json!([deferred("A"), tool("B"), deferred("C"), tool("ToolSearch"), deferred("D")]);
    let found = |names: &[&str]| {
        let found: Vec<Value> =
            names.iter().map(|name| json!({"type": "tool_reference", "tool_name": name})).collect();
        let messages = json!([
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "ToolSearch", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": found}]},
        ]);
        with(&messages, &json!({"tools": tools})).body
    };
    assert_eq!(names(&found(&[])), ["B", "ToolSearch"]);
    assert_eq!(names(&found(&["D"])), ["B", "ToolSearch", "D"]);
    let more = found(&["D", "A", "D", "nothing"]);
    assert_eq!(names(&more), ["B", "ToolSearch", "D", "A"]);
    let output = more["input"][1]["output"].as_str().unwrap();
    assert!(output.starts_with("Tool D is loaded."), "{output}");
    assert_eq!(names(&hi(&json!({"tools": tools})).body), ["B", "ToolSearch"]);
}

#[test]
fn all_deferred_tools_are_offered_where_the_service_was_to_search_for_them() {
    let search =
        json!({"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"});
    let settled = hi(&json!({"tools": [deferred("A"), search, tool("B")]}));
    assert_eq!(names(&settled.body), ["B", "A"]);
    assert!(settled.notes("tools[1]", "emulated"));
}

#[test]
fn a_system_message_and_a_search_of_the_service_change_what_is_offered() {
    let change = |kind: &str, name: &str| json!({"type": kind, "tool": {"type": "tool_reference", "name": name}});
    let found = json!({"type": "tool_search_tool_result", "tool_use_id": "srvtoolu_1",
        "content": {"type": "tool_search_tool_search_result", "tool_references": [{"type": "tool_reference", "tool_name": "C"}]}});
    let messages = json!([
        {"role": "user", "content": "hi"},
        {"role": "system", "content": [change("tool_addition", "A"), change("tool_addition", "B")]},
        {"role": "assistant", "content": [found]},
        {"role": "system", "content": [change("tool_removal", "A")]},
    ]);
    let tools = json!([deferred("A"), deferred("B"), deferred("C")]);
    assert_eq!(names(&with(&messages, &json!({"tools": tools})).body), ["B", "C"]);
}

#[test]
fn every_form_of_the_choice_is_lowered() {
    let choice = |choice: Value| {
        let body = hi(&json!({"tools": [tool("f")], "tool_choice": choice})).body;
        (body["tool_choice"].clone(), body["parallel_tool_calls"].clone())
    };
    let null = Value::Null;
    assert_eq!(choice(json!({"type": "auto"})), (json!("auto"), null.clone()));
    assert_eq!(choice(json!({"type": "none"})), (json!("none"), null.clone()));
    let one = json!({"type": "any", "disable_parallel_tool_use": true});
    assert_eq!(choice(one), (json!("required"), json!(false)));
    let named = json!({"type": "function", "name": "f"});
    assert_eq!(choice(json!({"type": "tool", "name": "f"})), (named, null.clone()));
    assert_eq!(choice(json!({"type": "brand_new"})), (null.clone(), null));
}

#[test]
fn a_search_cannot_be_forced_and_a_tool_that_is_not_offered_is_refused() {
    let search = json!({"type": "web_search_20260318", "name": "web_search"});
    let choice = |name: &str| json!({"tools": [search, tool("f"), deferred("g")], "tool_choice": {"type": "tool", "name": name}});
    let settled = hi(&choice("web_search"));
    assert_eq!(settled.body["tool_choice"], "auto");
    assert!(settled.notes("tool_choice", "clamped"));
    for name in ["g", "nothing", ""] {
        assert_eq!(refused(&choice(name)).param.as_deref(), Some("tool_choice.name"), "{name}");
    }
}

#[test]
fn a_choice_without_tools_is_dropped() {
    for (tools, kind, reported) in [(json!([]), "auto", false), (json!(null), "any", true)] {
        let settled = hi(&json!({"tools": tools, "tool_choice": {"type": kind}}));
        assert!(settled.body.get("tools").is_none() && settled.body.get("tool_choice").is_none());
        assert_eq!(settled.notes("tool_choice", "ignored"), reported);
    }
}

#[test]
fn two_hundred_tools_keep_their_order() {
    let tools: Vec<Value> = (0..200).map(|index| tool(&format!("t{index}"))).collect();
    let settled = hi(&json!({"tools": tools}));
    assert_eq!(names(&settled.body).len(), 200);
    assert_eq!(names(&settled.body)[199], "t199");
}

#[test]
fn members_of_tools_that_ask_nothing_are_silent_and_others_are_named() {
    let mut tool = tool("f");
    tool["cache_control"] = json!({"type": "ephemeral", "ttl": "1h"});
    tool["eager_input_streaming"] = json!(true);
    assert_eq!(hi(&json!({"tools": [tool]})).noted(), []);
    tool["input_examples"] = json!([{}]);
    tool["allowed_callers"] = json!(["direct"]);
    let settled = hi(&json!({"tools": [tool]}));
    let noted = [("tools[0].input_examples", "ignored"), ("tools[0].allowed_callers", "ignored")];
    assert_eq!(settled.noted(), noted);
}
