//! Tests of settling: what policy and catalogue make of a draft.

use std::sync::Arc;

use chatmock_protocol::codex::models::read_list;
use chatmock_protocol::effort::Effort;
use serde_json::{Value, json};

use crate::catalog::{Catalog, CatalogSource};
use crate::failure::{Failure, FailureKind};
use crate::openai::chat::ChatShape;
use crate::openai::responses::ResponsesShape;
use crate::policy::{Instructions, Policy};
use crate::reasoning_style::ReasoningStyle;
use crate::tests::support::{CREATED, Settled, settled, settled_by};
use crate::{Chat, Responses};

/// A chat request of one message, with more members.
fn body(more: &Value) -> String {
    let mut body = json!({"model": "gpt-6-sol", "messages": [{"role": "user", "content": "hi"}]});
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    body.to_string()
}

fn chat_by(more: &Value, policy: &Policy) -> Settled<ChatShape> {
    settled::<Chat>(&body(more), policy).unwrap()
}

fn chat(more: &Value) -> Settled<ChatShape> {
    chat_by(more, &Policy::default())
}

fn refused(more: &Value, policy: &Policy) -> Failure {
    settled::<Chat>(&body(more), policy).unwrap_err()
}

fn responses_by(more: &Value, policy: &Policy) -> Settled<ResponsesShape> {
    let mut body = json!({"model": "gpt-6-sol", "input": []});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settled::<Responses>(&body.to_string(), policy).unwrap()
}

fn live() -> Catalog {
    let list = br#"{"models":[{"slug":"gpt-6-sol","service_tiers":[{"id":"flex"}]},{"slug":"plain","service_tiers":[]},{"slug":"open"}]}"#;
    Catalog::new(read_list(list).unwrap(), CatalogSource::Live, 0)
}

#[test]
fn the_client_s_name_is_echoed_and_the_slug_goes_out() {
    let settled = chat(&json!({"model": "gpt-6-sol:high"}));
    assert_eq!((settled.shape.model.as_str(), settled.shape.created), ("gpt-6-sol:high", CREATED));
    assert_eq!(settled.body["model"], "gpt-6-sol");
    assert_eq!(settled.body["reasoning"], json!({"effort": "high", "summary": "auto"}));
}

#[test]
fn an_unknown_model_is_refused_with_near_names_only_by_a_real_list() {
    let body = body(&json!({"model": "gpt-6-soll"}));
    let failure = settled_by::<Chat>(&body, &Policy::default(), &live()).unwrap_err();
    assert_eq!((failure.kind, failure.status()), (FailureKind::NotFound, 404));
    assert_eq!(
        (failure.code.as_deref(), failure.param.as_deref()),
        (Some("model_not_found"), Some("model"))
    );
    assert!(failure.message.contains("near names are gpt-6-sol"), "{}", failure.message);
    assert!(settled::<Chat>(&body, &Policy::default()).is_ok());
}

#[test]
fn the_debug_model_takes_the_place_of_every_other() {
    let policy = Policy { debug_model: Some("gpt-5.5-low".to_owned()), ..Policy::default() };
    let settled = chat_by(&json!({"model": "no-such"}), &policy);
    assert_eq!(settled.body["model"], "gpt-5.5");
    assert_eq!(settled.body["reasoning"]["effort"], "low");
    assert_eq!(settled.shape.model, "no-such");
    assert!(settled.notes("model", "changed"));
}

#[test]
fn effort_is_the_request_s_then_the_name_s_then_the_default() {
    let policy = Policy { effort: Some(Effort::Medium), ..Policy::default() };
    let effort = |more: Value| chat_by(&more, &policy).body["reasoning"]["effort"].clone();
    assert_eq!(effort(json!({})), "medium");
    assert_eq!(effort(json!({"model": "gpt-6-sol-low"})), "low");
    assert_eq!(effort(json!({"model": "gpt-6-sol-low", "reasoning_effort": "high"})), "high");
    assert_eq!(effort(json!({"reasoning": {"effort": "xhigh"}})), "xhigh");
    assert_eq!(effort(json!({"reasoning_effort": " HIGH "})), "high");
    assert!(chat(&json!({})).body["reasoning"].get("effort").is_none());
}

#[test]
fn an_effort_that_the_model_lacks_is_clamped_and_said() {
    let settled = chat(&json!({"model": "gpt-5.5", "reasoning_effort": "max"}));
    assert_eq!(settled.body["reasoning"]["effort"], "xhigh");
    assert!(settled.notes("reasoning_effort", "clamped"));
    let settled = chat(&json!({"reasoning_effort": "minimal"}));
    assert_eq!(settled.body["reasoning"]["effort"], "low");
    assert!(chat(&json!({"reasoning_effort": "high"})).notices.is_empty());
}

#[test]
fn ultra_never_goes_over_the_wire() {
    for (more, field) in [
        (json!({"reasoning_effort": "ultra"}), "reasoning_effort"),
        (json!({"model": "gpt-6-sol-ultra"}), "model"),
    ] {
        let settled = chat(&more);
        assert_eq!(settled.body["reasoning"]["effort"], "xhigh");
        assert_eq!(settled.noted(), [(field, "clamped")]);
    }
}

#[test]
fn an_unknown_effort_is_refused_by_name() {
    let failure = refused(&json!({"reasoning_effort": "huge"}), &Policy::default());
    assert_eq!((failure.status(), failure.param.as_deref()), (400, Some("reasoning_effort")));
    assert!(failure.message.contains("\"huge\"") && failure.message.contains("xhigh"));
    let body = r#"{"model":"gpt-6-sol","input":[],"reasoning":{"effort":"huge"}}"#;
    let failure = settled::<Responses>(body, &Policy::default()).unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("reasoning.effort"));
}

#[test]
fn a_configured_number_as_effort_passes() {
    let settled = responses_by(&json!({"reasoning": {"effort": 128}}), &Policy::default());
    assert_eq!(settled.body["reasoning"], json!({"effort": 128}));
}

#[test]
fn chat_asks_for_a_summary_where_reasoning_is_shown() {
    assert_eq!(chat(&json!({})).body["reasoning"], json!({"summary": "auto"}));
    let detailed = json!({"reasoning": {"summary": "detailed"}});
    assert_eq!(chat(&detailed).body["reasoning"], json!({"summary": "detailed"}));
    let hidden = Policy { reasoning_style: ReasoningStyle::None, ..Policy::default() };
    assert!(chat_by(&json!({}), &hidden).body.get("reasoning").is_none());
    let concise = Policy { summary: Some("concise".to_owned()), ..Policy::default() };
    assert_eq!(chat_by(&json!({}), &concise).body["reasoning"], json!({"summary": "concise"}));
    let none = Policy { summary: Some("none".to_owned()), ..Policy::default() };
    assert!(chat_by(&json!({}), &none).body.get("reasoning").is_none());
}

#[test]
fn a_summary_of_none_is_left_out_and_leaves_no_empty_object() {
    let settled = chat(&json!({"reasoning": {"summary": "none"}}));
    assert!(settled.body.get("reasoning").is_none());
    let settled = responses_by(&json!({"reasoning": {"summary": "none"}}), &Policy::default());
    assert!(settled.body.get("reasoning").is_none());
    let settled = chat(&json!({"reasoning": {"summary": "none", "effort": "low"}}));
    assert_eq!(settled.body["reasoning"], json!({"effort": "low"}));
}

#[test]
fn the_one_model_that_refuses_a_summary_gets_none() {
    let settled = chat(&json!({"model": "gpt-5.3-codex-spark", "reasoning": {"summary": "auto"}}));
    assert!(settled.body.get("reasoning").is_none());
    assert!(settled.notes("reasoning.summary", "ignored"));
    let settled = chat(&json!({"model": "gpt-5.3-codex-spark", "reasoning_effort": "low"}));
    assert_eq!(settled.body["reasoning"], json!({"effort": "low"}));
}

#[test]
fn the_responses_dialect_gets_no_summary_unasked() {
    assert!(responses_by(&json!({}), &Policy::default()).body.get("reasoning").is_none());
    let policy =
        Policy { summary: Some("auto".to_owned()), effort: Some(Effort::Low), ..Policy::default() };
    let settled = responses_by(&json!({"reasoning": {"new": 1E2}}), &policy);
    assert_eq!(
        settled.body["reasoning"],
        json!({"new": 100.0, "effort": "low", "summary": "auto"})
    );
}

#[test]
fn tiers_are_sent_clamped_or_ignored() {
    let tier = |model: &str, word: &str| {
        let body = body(&json!({"model": model, "service_tier": word}));
        settled_by::<Chat>(&body, &Policy::default(), &live()).unwrap()
    };
    for (model, word, sent, noted) in [
        ("gpt-6-sol", "flex", Some("flex"), None),
        ("gpt-6-sol", "priority", None, Some("clamped")),
        ("open", "priority", Some("priority"), None),
        ("open", "fast", Some("priority"), None),
        ("plain", "flex", None, Some("clamped")),
        ("plain", "auto", None, None),
        ("plain", "default", None, None),
        ("open", "turbo", None, Some("ignored")),
    ] {
        let settled = tier(model, word);
        assert_eq!(
            settled.body.get("service_tier").and_then(Value::as_str),
            sent,
            "{model} {word}"
        );
        assert_eq!(settled.notices.first().map(|n| n.kind.as_str()), noted, "{model} {word}");
    }
}

#[test]
fn fast_mode_asks_for_priority_where_offered_and_nothing_else_is_said() {
    let policy = Policy { fast: true, ..Policy::default() };
    let tier = |model: &str, more: Value| {
        let mut more = more;
        more["model"] = model.into();
        let settled = settled_by::<Chat>(&body(&more), &policy, &live()).unwrap();
        assert!(settled.notices.is_empty());
        settled.body.get("service_tier").cloned()
    };
    assert_eq!(tier("open", json!({})), Some("priority".into()));
    assert_eq!(tier("plain", json!({})), None);
    assert_eq!(tier("open", json!({"service_tier": "default"})), None);
}

#[test]
fn without_system_text_instructions_are_the_empty_string() {
    assert_eq!(chat(&json!({})).body["instructions"], "");
    assert_eq!(
        responses_by(&json!({"instructions": null}), &Policy::default()).body["instructions"],
        ""
    );
}

#[test]
fn default_instructions_are_used_only_where_the_request_has_none() {
    let text = |text: &str| Arc::<str>::from(text);
    let builtin = Instructions::Builtin { base: text("base"), codex: text("codex") };
    let policy = Policy { instructions: builtin, ..Policy::default() };
    let of = |more: Value| chat_by(&more, &policy).body["instructions"].clone();
    assert_eq!(of(json!({})), "base");
    assert_eq!(of(json!({"model": "gpt-5.3-codex-spark"})), "codex");
    let own = json!({"messages": [{"role": "system", "content": "mine"}, {"role": "user", "content": "a"}]});
    assert_eq!(of(own), "mine");
    let policy = Policy { instructions: Instructions::Text(text("file")), ..Policy::default() };
    assert_eq!(chat_by(&json!({}), &policy).body["instructions"], "file");
    assert_eq!(responses_by(&json!({"instructions": ""}), &policy).body["instructions"], "");
}

#[test]
fn a_web_search_is_offered_where_policy_says_so_and_the_request_is_silent() {
    let policy = Policy { web_search: true, ..Policy::default() };
    let tools = |more: Value| chat_by(&more, &policy).body["tools"].clone();
    assert_eq!(tools(json!({})), json!([{"type": "web_search"}]));
    assert_eq!(tools(json!({"responses_tool_choice": "none"})), Value::Null);
    let options = json!({"web_search_options": {"search_context_size": "low"}});
    assert_eq!(tools(options), json!([{"type": "web_search", "search_context_size": "low"}]));
    let with = tools(json!({"tools": [{"type": "function", "function": {"name": "f"}}]}));
    assert_eq!(
        (with[0]["name"].as_str(), with[1]["type"].as_str()),
        (Some("f"), Some("web_search"))
    );
}

#[test]
fn a_web_search_is_not_offered_twice_on_responses() {
    let policy = Policy { web_search: true, ..Policy::default() };
    let own = json!({"tools": [{"type": "web_search", "external_web_access": true}]});
    let settled = responses_by(&own, &policy);
    assert_eq!(settled.body["tools"], own["tools"]);
    let other =
        responses_by(&json!({"tools": [{"type": "custom", "name": "web_search"}]}), &policy);
    assert_eq!(other.body["tools"].as_array().unwrap().len(), 2);
}

#[test]
fn strict_refuses_what_has_no_effect_and_only_that() {
    let strict = Policy { strict: true, ..Policy::default() };
    for (more, field) in [
        (json!({"temperature": 0.5}), "temperature"),
        (json!({"made_up": 1}), "made_up"),
        (json!({"service_tier": "turbo"}), "service_tier"),
    ] {
        let failure = refused(&more, &strict);
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(field)));
        assert_eq!(failure.code.as_deref(), Some("unsupported_parameter"));
        assert!(failure.message.starts_with(field), "{}", failure.message);
    }
    for more in [
        json!({"temperature": 1}),
        json!({"max_tokens": 5}),
        json!({"reasoning_effort": "minimal"}),
    ] {
        assert!(settled::<Chat>(&body(&more), &strict).is_ok(), "{more}");
    }
}

#[test]
fn json_mode_hides_commentary_and_policy_may_too() {
    let format = json!({"response_format": {"type": "json_object"}});
    assert!(chat(&format).shape.hide_commentary && chat(&format).shape.json);
    assert!(!chat(&json!({})).shape.hide_commentary);
    let policy = Policy { hide_commentary: true, ..Policy::default() };
    assert!(chat_by(&json!({}), &policy).shape.hide_commentary);
}
