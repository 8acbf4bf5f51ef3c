//! Reasoning, formats, ends, and members that have no effect.

use serde_json::{Value, json};

use super::{Messages, ShownThinking, body, hi, plain, refused};
use crate::end::Finish;
use crate::policy::Policy;
use crate::tests::support::settled;

#[test]
fn the_members_of_claude_code_are_silent_also_where_the_policy_is_strict() {
    let body = body(
        &json!([{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}]),
        &json!({
            "stream": true,
            "metadata": {"user_id": "{\"device_id\":\"d\",\"account_uuid\":\"\",\"session_id\":\"s1\"}"},
            "thinking": {"type": "adaptive", "display": "omitted"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "output_config": {"effort": "high"},
            "safeguards": [{"type": "dangerous_tool_use"}],
            "diagnostics": {}, "cache_control": {"type": "ephemeral"}, "service_tier": "auto",
            "temperature": 1, "top_p": 1.0, "speed": "standard", "tools": [], "mcp_servers": [],
        }),
    );
    let policy = Policy { strict: true, ..Policy::default() };
    let settled = settled::<Messages>(&body.to_string(), &policy).unwrap();
    assert_eq!(settled.noted(), []);
    assert_eq!(settled.body["reasoning"], json!({"effort": "high"}));
    assert!(settled.stream && settled.shape.own.thinking == ShownThinking::Sealed);
}

#[test]
fn what_has_no_effect_is_named_and_refused_where_the_policy_is_strict() {
    for (name, value) in [
        ("temperature", json!(0.5)),
        ("top_p", json!(0.9)),
        ("top_k", json!(5)),
        ("container", json!("c")),
        ("user_profile_id", json!("u")),
        ("inference_geo", json!("eu")),
        ("tags", json!({})),
        ("fallbacks", json!([])),
        ("fallback_credit_token", json!("t")),
        ("billing_policy", json!({})),
        ("betas", json!(["b"])),
        ("brand_new", json!(1)),
    ] {
        assert_eq!(hi(&json!({name: value})).noted(), [(name, "ignored")]);
        let body = body(&json!([{"role": "user", "content": "hi"}]), &json!({name: value}));
        let policy = Policy { strict: true, ..Policy::default() };
        let failure = settled::<Messages>(&body.to_string(), &policy).unwrap_err();
        assert_eq!(failure.param.as_deref(), Some(name));
    }
}

#[test]
fn parts_of_a_conversation_that_were_to_be_left_out_are_named() {
    let edits = json!([
        {"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns", "value": 1}},
        {"type": "clear_tool_uses_20250919"}, {"type": "compact_20260112"},
    ]);
    let settled = hi(&json!({"context_management": {"edits": edits}}));
    let noted: Vec<_> = settled.noted().into_iter().map(|(field, _)| field).collect();
    let path = |index: usize| format!("context_management.edits[{index}]");
    assert_eq!(noted, [path(0), path(1), path(2)]);
}

#[test]
fn what_would_be_another_question_is_refused() {
    let servers = json!([{"type": "url", "url": "https://e.org", "name": "m"}]);
    let failure = refused(&json!({"mcp_servers": servers}));
    assert_eq!((failure.status(), failure.param.as_deref()), (400, Some("mcp_servers")));
    let failure = refused(&json!({"compaction": {"type": "summarize"}}));
    assert_eq!(failure.code.as_deref(), Some("not_supported"));
}

#[test]
fn a_thread_is_refused_in_the_words_that_clients_act_on() {
    let failure = refused(&json!({"thread": {"type": "create"}}));
    let words = (failure.status(), failure.code.as_deref());
    assert_eq!(words, (400, Some("thread_unsupported_request")));
    let more = json!({"type": "continue", "previous_message_id": "msg_1"});
    let failure = refused(&json!({"thread": more}));
    assert_eq!((failure.status(), failure.code.as_deref()), (404, Some("thread_not_found")));
}

/// The effort that goes out, and what is noted.
fn effort(more: &Value) -> (Value, Vec<(String, &'static str)>) {
    let settled = hi(more);
    let noted = settled.notices.iter().map(|n| (n.field.to_string(), n.kind.as_str())).collect();
    (settled.body["reasoning"]["effort"].clone(), noted)
}

#[test]
fn the_effort_is_the_first_that_something_says() {
    let none = Vec::new();
    let config = json!({"effort": "low"});
    assert_eq!(effort(&json!({"output_config": config})), (json!("low"), none.clone()));
    let system = json!([
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "a", "output_config": {"effort": "medium"}},
        {"role": "system", "content": "b", "output_config": {"effort": "xhigh"}},
        {"role": "system", "content": "c"},
    ]);
    let both = json!({"output_config": config, "messages": system});
    assert_eq!(effort(&both), (json!("xhigh"), none.clone()));
    let off = json!({"output_config": config, "thinking": {"type": "disabled"}});
    assert_eq!(effort(&off), (json!("low"), none));
    for kind in ["disabled", "between_tools"] {
        let least = effort(&json!({"thinking": {"type": kind}}));
        assert_eq!(least.0, "low");
        assert_eq!(least.1, [("thinking".to_owned(), "clamped")]);
    }
    let unknown = effort(&json!({"output_config": {"effort": "enormous"}}));
    assert_eq!(unknown, (Value::Null, vec![("output_config.effort".to_owned(), "ignored")]));
}

#[test]
fn a_budget_becomes_an_effort() {
    for (budget_tokens, expected) in
        [(1024, "low"), (4096, "medium"), (16_384, "high"), (32_768, "xhigh"), (0, "low")]
    {
        let thinking = json!({"type": "enabled", "budget_tokens": budget_tokens});
        let (effort, noted) = effort(&json!({"thinking": thinking}));
        assert_eq!(effort, expected, "{budget_tokens}");
        assert_eq!(noted[0], ("thinking.budget_tokens".to_owned(), "changed"));
    }
}

#[test]
fn reasoning_is_shown_as_it_is_asked_for() {
    for (thinking, shown, summary) in [
        (json!(null), ShownThinking::None, Value::Null),
        (json!({"type": "disabled"}), ShownThinking::None, Value::Null),
        (json!({"type": "brand_new"}), ShownThinking::None, Value::Null),
        (json!({"type": "adaptive"}), ShownThinking::Text, json!("auto")),
        (json!({"type": "enabled", "display": "summarized"}), ShownThinking::Text, json!("auto")),
        (json!({"type": "adaptive", "display": "updates"}), ShownThinking::Text, json!("auto")),
        (json!({"type": "adaptive", "display": "omitted"}), ShownThinking::Sealed, Value::Null),
    ] {
        let settled = hi(&json!({"thinking": thinking}));
        assert_eq!(settled.shape.own.thinking, shown, "{thinking}");
        assert_eq!(settled.body["reasoning"]["summary"], summary, "{thinking}");
    }
}

#[test]
fn the_format_of_the_answer_is_read_from_both_places() {
    let schema = |name: &str| json!({"type": "json_schema", "schema": {"type": "object", "properties": {name: {}}}});
    let sent = |more: &Value| hi(more).body["text"]["format"]["schema"]["required"][0].clone();
    let (newer, older) = (json!({"format": schema("new")}), schema("old"));
    assert_eq!(sent(&json!({"output_config": newer, "output_format": older})), "new");
    assert_eq!(sent(&json!({"output_format": older})), "old");
    let settled =
        hi(&json!({"output_format": {"type": "json_schema", "schema": {"type": "object"}}}));
    assert_eq!(settled.body["text"]["format"]["strict"], false);
    assert!(settled.notes("output_format.schema", "changed") && settled.shape.json);
    let failure = refused(&json!({"output_config": {"format": {"type": "json_schema"}}}));
    assert_eq!(failure.param.as_deref(), Some("output_config.format.schema"));
    assert!(hi(&json!({"output_format": {"type": "xml"}})).notes("output_format.type", "ignored"));
}

#[test]
fn stop_sequences_and_the_cap_are_kept_here() {
    let settled = hi(&json!({"stop_sequences": ["END", " \n", ""]}));
    assert_eq!(settled.shape.stop.sequences, ["END"]);
    assert_eq!(settled.shape.stop.max_tokens, Some(32_000));
    let noted = [("stop_sequences[2]", "ignored"), ("stop_sequences", "emulated")];
    assert_eq!(settled.noted(), noted);
}

#[test]
fn a_cap_is_demanded_and_one_of_nothing_is_answered_at_once() {
    let failure = plain(&json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}));
    assert_eq!(failure.unwrap_err().param.as_deref(), Some("max_tokens"));
    assert_eq!(hi(&json!({"max_tokens": 0})).immediate_finish, Some(Finish::Length));
    assert_eq!(refused(&json!({"max_tokens": -1})).param.as_deref(), Some("max_tokens"));
    assert_eq!(refused(&json!({"model": ""})).param.as_deref(), Some("model"));
}

#[test]
fn the_fast_mode_is_a_tier() {
    let settled = hi(&json!({"speed": "fast"}));
    assert_eq!(settled.body["service_tier"], "priority");
    assert!(settled.shape.own.fast);
    assert!(hi(&json!({"speed": "warp"})).notes("speed", "ignored"));
}

#[test]
fn a_session_is_read_from_the_metadata_and_never_sent() {
    use crate::{Dialect, ReasoningSeal};
    let session = |metadata: Value| {
        let body =
            body(&json!([{"role": "user", "content": "hi"}]), &json!({"metadata": metadata}));
        let body = body.to_string();
        let read = Messages::read(body.as_bytes()).unwrap();
        let draft = Messages::draft(read, &ReasoningSeal::default()).unwrap().draft;
        assert!(!serde_json::to_string(&draft.request).unwrap().contains("u1"));
        draft.session
    };
    assert_eq!(session(json!({"user_id": "{\"session_id\":\"u1\"}"})).as_deref(), Some("u1"));
    for other in [json!({"user_id": "u1"}), json!({}), json!(5), json!({"user_id": 5})] {
        assert_eq!(session(other), None);
    }
}
