//! Tools on offer, the choice among them, and web search.

use serde_json::{Value, json};

use super::{hi, refused};

fn function(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

fn tools(tools: &Value) -> Value {
    hi(&json!({"tools": tools})).body["tools"].clone()
}

#[test]
fn functions_go_out_flat_with_their_schema_as_it_was() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","description":"d","strict":true,"parameters":{"type":"object","properties":{"b":{"minimum":1E0},"a":{}},"additionalProperties":false}}}]}"#;
    let settled =
        crate::tests::support::settled::<crate::Chat>(body, &crate::Policy::default()).unwrap();
    let expected = r#""tools":[{"type":"function","name":"f","description":"d","strict":true,"parameters":{"type":"object","properties":{"b":{"minimum":1E0},"a":{}},"additionalProperties":false}}]"#;
    assert!(settled.text.contains(expected), "{}", settled.text);
}

#[test]
fn strict_is_always_said() {
    let given = |strict: Value| {
        let mut tool = function("f");
        tool["function"]["strict"] = strict;
        tools(&json!([tool]))[0]["strict"].clone()
    };
    assert_eq!(
        (given(json!(true)), given(json!(false)), given(json!(null))),
        (json!(true), json!(false), json!(false))
    );
    assert_eq!(tools(&json!([function("f")]))[0]["strict"], false);
}

#[test]
fn empty_properties_are_supplied() {
    let parameters = |given: &Value| {
        let mut tool = function("f");
        tool["function"]["parameters"] = given.clone();
        tools(&json!([tool]))[0]["parameters"].clone()
    };
    let empty = json!({"type": "object", "properties": {}});
    assert_eq!(tools(&json!([function("f")]))[0]["parameters"], empty);
    assert_eq!(parameters(&json!(null)), empty);
    assert_eq!(parameters(&json!({})), empty);
    assert_eq!(parameters(&json!({"type": "object"})), empty);
    let more = json!({"type": "object", "additionalProperties": false});
    assert_eq!(
        parameters(&more),
        json!({"type": "object", "additionalProperties": false, "properties": {}})
    );
    for kept in [json!({"type": "object", "properties": {"a": {}}}), json!({"type": "string"})] {
        assert_eq!(parameters(&kept), kept);
    }
    assert_eq!(parameters(&json!([])), empty, "an empty object in PHP");
    assert_eq!(
        parameters(&json!({"properties": {"a": {}}})),
        json!({"properties": {"a": {}}, "type": "object"})
    );
}

#[test]
fn the_flat_form_and_freeform_tools_are_understood() {
    let flat = json!({"type": "function", "name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}, "strict": true});
    assert_eq!(tools(&json!([flat])), json!([flat]));
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    assert_eq!(
        tools(&json!([{"name": "f", "input_schema": schema}])),
        json!([{"type": "function", "name": "f", "strict": false, "parameters": schema}])
    );
    let custom = json!({"type": "custom", "custom": {"name": "p", "description": "d", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}}}});
    let expected = json!([{"type": "custom", "name": "p", "description": "d", "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"}}]);
    assert_eq!(tools(&json!([custom])), expected);
    assert_eq!(tools(&expected), expected);
    let text = json!({"type": "custom", "custom": {"name": "p", "format": {"type": "text"}}});
    assert_eq!(
        tools(&json!([text])),
        json!([{"type": "custom", "name": "p", "format": {"type": "text"}}])
    );
    assert_eq!(tools(&json!([{"function": {"name": "f"}}]))[0]["name"], "f");
}

#[test]
fn long_and_strange_tool_names_are_fitted_and_mapped_back() {
    let (long, other, dotted) = ("n".repeat(65), format!("{}m", "n".repeat(64)), "files.read/all");
    let choice = json!({"type": "function", "function": {"name": long}});
    let history = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": long, "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]);
    let more = json!({"tools": [function(&long), function(&other), function(dotted)], "tool_choice": choice});
    let settled = super::with(&history, &more);
    let names: Vec<&str> =
        (0..3).map(|at| settled.body["tools"][at]["name"].as_str().unwrap()).collect();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    assert!(names.iter().all(|name| name.len() <= 64 && name.chars().all(fits)), "{names:?}");
    assert_ne!(names[0], names[1]);
    assert!(names[2].starts_with("files_read_all_"));
    assert_eq!(settled.body["tool_choice"], json!({"type": "function", "name": names[0]}));
    assert_eq!(settled.body["input"][1]["name"], names[0]);
    let originals = names.map_to(&settled.shape.shortened);
    assert_eq!(originals, [long, other, dotted.to_owned()]);
    let fits = "n".repeat(64);
    assert_eq!(tools(&json!([function(&fits)]))[0]["name"], fits);
}

/// Looks short names up.
trait MapTo {
    fn map_to(&self, shortened: &[crate::tool_names::ShortenedName]) -> Vec<String>;
}

impl MapTo for Vec<&str> {
    fn map_to(&self, shortened: &[crate::tool_names::ShortenedName]) -> Vec<String> {
        self.iter().map(|name| crate::tool_names::original(shortened, name).to_owned()).collect()
    }
}

#[test]
fn every_form_of_a_choice_is_understood() {
    let custom = json!({"type": "custom", "custom": {"name": "p"}});
    let offered = json!([function("f"), function("g"), custom]);
    let allowed = |tools: Value| json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": tools}});
    for (given, sent) in [
        (json!("auto"), json!("auto")),
        (json!("none"), json!("none")),
        (json!("required"), json!("required")),
        (json!("any"), json!("required")),
        (function("f"), json!({"type": "function", "name": "f"})),
        (json!({"type": "function", "name": "g"}), json!({"type": "function", "name": "g"})),
        (json!({"function": {"name": "g"}}), json!({"type": "function", "name": "g"})),
        (custom.clone(), json!({"type": "custom", "name": "p"})),
    ] {
        let settled = hi(&json!({"tools": offered, "tool_choice": given}));
        assert_eq!(settled.body["tool_choice"], sent, "{given}");
        assert!(settled.notices.is_empty());
    }
    let flat = json!({"type": "allowed_tools", "tools": [{"type": "function", "name": "g"}]});
    for (given, word, left) in [
        (allowed(json!([function("f"), custom])), "required", vec!["f", "p"]),
        (flat, "auto", vec!["g"]),
    ] {
        let settled = hi(&json!({"tools": offered, "tool_choice": given}));
        assert_eq!(settled.body["tool_choice"], word, "{given}");
        let tools = settled.body["tools"].as_array().unwrap().iter();
        let names: Vec<&str> = tools.map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, left);
        assert_eq!(settled.noted(), [("tool_choice", "emulated")]);
    }
    assert!(hi(&json!({"tools": offered, "tool_choice": null})).body.get("tool_choice").is_none());
}

#[test]
fn a_forced_search_is_left_to_the_backend_and_said() {
    let settled =
        hi(&json!({"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}}));
    assert_eq!(settled.body["tool_choice"], "auto");
    assert_eq!(settled.noted(), [("tool_choice", "clamped")]);
}

#[test]
fn a_choice_without_tools_is_left_out_and_said_where_it_asked_for_something() {
    for (choice, noted) in [("required", true), ("auto", false), ("none", false)] {
        let settled = hi(&json!({"tool_choice": choice, "parallel_tool_calls": false}));
        assert!(
            settled.body.get("tool_choice").is_none()
                && settled.body.get("parallel_tool_calls").is_none()
        );
        assert_eq!(settled.notes("tool_choice", "ignored"), noted, "{choice}");
    }
    assert!(hi(&json!({"tools": []})).body.get("tools").is_none());
}

#[test]
fn a_choice_of_a_tool_that_is_not_offered_is_refused() {
    for (choice, param) in [
        (function("h"), "tool_choice"),
        (json!({"type": "custom", "custom": {"name": "f"}}), "tool_choice"),
        (
            json!({"type": "allowed_tools", "allowed_tools": {"tools": [function("f"), function("h")]}}),
            "tool_choice.allowed_tools.tools[1]",
        ),
        (json!({"type": "function"}), "tool_choice"),
        (json!({"type": "function", "function": {"name": 5}}), "tool_choice.function.name"),
        (json!("sometimes"), "tool_choice"),
        (json!(5), "tool_choice"),
        (json!([]), "tool_choice"),
    ] {
        let failure = refused(&json!({"tools": [function("f")], "tool_choice": choice}));
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(param)), "{choice}");
    }
    assert_eq!(
        refused(&json!({"tool_choice": function("f")})).param.as_deref(),
        Some("tool_choice")
    );
}

#[test]
fn parallel_calls_are_passed_on() {
    for parallel in [true, false] {
        let settled = hi(&json!({"tools": [function("f")], "parallel_tool_calls": parallel}));
        assert_eq!(settled.body["parallel_tool_calls"], parallel);
    }
    assert!(hi(&json!({"tools": [function("f")]})).body.get("parallel_tool_calls").is_none());
}

#[test]
fn the_old_functions_become_tools_one_at_a_time() {
    let functions = json!([{"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}]);
    let settled = hi(&json!({"functions": functions, "function_call": {"name": "f"}}));
    assert_eq!(settled.body["tools"][0]["name"], "f");
    assert_eq!(settled.body["tool_choice"], json!({"type": "function", "name": "f"}));
    assert_eq!(settled.body["parallel_tool_calls"], false);
    assert!(settled.shape.own.legacy_functions && settled.notices.is_empty());
    assert_eq!(
        hi(&json!({"functions": functions, "function_call": "none"})).body["tool_choice"],
        "none"
    );
    let both = hi(&json!({"functions": functions, "tools": [function("g")]}));
    assert_eq!(both.body["tools"].as_array().unwrap().len(), 2);
    assert!(!both.shape.own.legacy_functions);
}

#[test]
fn web_search_is_asked_for_in_three_ways() {
    let place = json!({"country": "NO", "city": "Oslo"});
    let mut lifted = place.clone();
    lifted["type"] = "approximate".into();
    let options = json!({"search_context_size": "high", "user_location": {"type": "approximate", "approximate": place}, "filters": {"allowed_domains": ["example.org"]}});
    let expected = json!([{"type": "web_search", "search_context_size": "high", "user_location": lifted, "filters": {"allowed_domains": ["example.org"]}}]);
    assert_eq!(hi(&json!({"web_search_options": options})).body["tools"], expected);
    assert_eq!(
        hi(&json!({"web_search_options": {"user_location": lifted}})).body["tools"][0]["user_location"],
        lifted
    );
    assert_eq!(
        hi(&json!({"web_search_options": {}})).body["tools"],
        json!([{"type": "web_search"}])
    );
    for kind in ["web_search", "web_search_preview"] {
        let tool = json!({"type": kind, "search_context_size": "low"});
        let sent = json!([{"type": "web_search", "search_context_size": "low"}]);
        assert_eq!(hi(&json!({"tools": [tool]})).body["tools"], sent);
        assert_eq!(hi(&json!({"responses_tools": [tool]})).body["tools"], sent);
    }
}

#[test]
fn the_hosted_tools_of_chatmock_s_own_member_pass_as_they_are() {
    let tool = json!({"type": "web_search", "external_web_access": true, "brand_new": 1});
    assert_eq!(hi(&json!({"responses_tools": [tool]})).body["tools"], json!([tool]));
    let off = json!({"responses_tools": [tool], "responses_tool_choice": "none"});
    assert!(hi(&off).body.get("tools").is_none());
    for (tools, param) in [
        (json!([{"type": "code_interpreter"}]), "responses_tools[0].type"),
        (json!([{"type": "web_search"}, {}]), "responses_tools[1].type"),
        (json!([5]), "responses_tools[0]"),
    ] {
        assert_eq!(
            refused(&json!({"responses_tools": tools})).param.as_deref(),
            Some(param),
            "{tools}"
        );
    }
    let unsupported = refused(&json!({"responses_tools": [{"type": "code_interpreter"}]}));
    assert_eq!(unsupported.code.as_deref(), Some("RESPONSES_TOOL_UNSUPPORTED"));
    assert_eq!(
        refused(&json!({"responses_tool_choice": "force"})).param.as_deref(),
        Some("responses_tool_choice")
    );
}

#[test]
fn tools_that_cannot_be_meant_are_refused() {
    for (tools, param) in [
        (json!([{"type": "function"}]), "tools[0].name"),
        (json!([{"type": "function", "function": {}}]), "tools[0].function.name"),
        (
            json!([function("f"), {"type": "function", "function": {"name": ""}}]),
            "tools[1].function.name",
        ),
        (json!([{"type": "custom", "custom": {}}]), "tools[0].custom.name"),
        (json!([{"type": "code_interpreter"}]), "tools[0].type"),
        (
            json!([{"type": "function", "function": {"name": "f", "parameters": [1]}}]),
            "tools[0].function.parameters",
        ),
        (
            json!([{"type": "function", "function": {"name": "f", "parameters": "x"}}]),
            "tools[0].function.parameters",
        ),
        (
            json!([{"type": "custom", "custom": {"name": "p", "format": {"type": "odd"}}}]),
            "tools[0].custom.format.type",
        ),
        (
            json!([{"type": "custom", "custom": {"name": "p", "format": {"type": 5}}}]),
            "tools[0].custom.format.type",
        ),
        (
            json!([{"type": "custom", "custom": {"name": "p", "format": {"type": "grammar"}}}]),
            "tools[0].custom.format",
        ),
        (json!(1), "tools"),
        (json!([1]), "tools[0]"),
    ] {
        let failure = refused(&json!({"tools": tools}));
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(param)), "{tools}");
    }
}

#[test]
fn unknown_members_of_tools_and_choices_are_reported() {
    let settled = hi(&json!({
        "tools": [
            {"type": "function", "x1": 1, "function": {"name": "f", "x2": 1}},
            {"type": "custom", "custom": {"name": "p", "x3": 1, "format": {"type": "grammar", "x4": 1, "grammar": {"syntax": "lark", "definition": "d", "x5": 1}}}},
        ],
        "tool_choice": {"type": "allowed_tools", "x6": 1, "allowed_tools": {"x7": 1, "tools": [{"type": "function", "x8": 1, "function": {"name": "f", "x9": 1}}]}},
        "web_search_options": {"x0": 1},
    }));
    let mut fields: Vec<&str> = settled.noted().into_iter().map(|(field, _)| field).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "tool_choice",
            "tool_choice.allowed_tools.tools[0].function.x9",
            "tool_choice.allowed_tools.tools[0].x8",
            "tool_choice.allowed_tools.x7",
            "tool_choice.x6",
            "tools[0].function.x2",
            "tools[0].x1",
            "tools[1].custom.format.grammar.x5",
            "tools[1].custom.format.x4",
            "tools[1].custom.x3",
            "web_search_options.x0",
        ]
    );
}
