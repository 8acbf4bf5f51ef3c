//! Failures in this API's shape, token counts and names of models.

use chatmock_protocol::codex::models::read_list;
use serde_json::{Value, json};

use super::{Messages, MessagesShape, body};
use crate::anthropic::{Anthropic, count_tokens, model_list};
use crate::catalog::{Alias, Catalog, CatalogSource};
use crate::dialect::Dialect;
use crate::family::Family;
use crate::policy::Policy;
use crate::tests::support::{error, settled, settled_by, shape};
use crate::{Failure, FailureKind, ReasoningSeal, Shape};

fn worded(failure: &Failure) -> (u16, Value) {
    (Anthropic::status(failure), error::<Messages>(failure)["error"].clone())
}

#[test]
fn every_kind_has_its_status_and_class() {
    let limited = |retry_after| FailureKind::RateLimited { retry_after };
    for (kind, status, class) in [
        (FailureKind::BadRequest, 400, "invalid_request_error"),
        (FailureKind::TooLarge, 413, "request_too_large"),
        (FailureKind::NotFound, 404, "not_found_error"),
        (FailureKind::MethodNotAllowed, 405, "invalid_request_error"),
        (FailureKind::SignedOut, 401, "authentication_error"),
        (FailureKind::Forbidden, 403, "permission_error"),
        (limited(Some(5)), 429, "rate_limit_error"),
        (FailureKind::Rejected(402), 402, "billing_error"),
        (FailureKind::Rejected(422), 422, "invalid_request_error"),
        (FailureKind::Rejected(500), 502, "api_error"),
        (FailureKind::Unavailable { retry_after: None }, 529, "overloaded_error"),
        (FailureKind::Failed, 502, "api_error"),
        (FailureKind::Unreachable, 502, "api_error"),
        (FailureKind::TimedOut, 504, "timeout_error"),
        (FailureKind::Internal, 500, "api_error"),
    ] {
        let (found, error) = worded(&Failure::new(kind, "words"));
        assert_eq!((found, &error["type"]), (status, &json!(class)), "{kind:?}");
    }
    let spent = Failure::new(limited(None), "x").with_code("insufficient_quota");
    assert_eq!(worded(&spent).0, 402);
    // A 400 would be tried again in other forms.
    let refused = Failure::new(FailureKind::BadRequest, "x").with_code("invalid_prompt");
    assert_eq!(worded(&refused).1["type"], "permission_error");
}

#[test]
fn the_words_begin_with_the_path_of_the_fault() {
    let message = |body: &Value| {
        let failure = settled::<Messages>(&body.to_string(), &Policy::default()).unwrap_err();
        error::<Messages>(&failure)["error"]["message"].as_str().unwrap().to_owned()
    };
    let file = json!({"type": "image", "source": {"type": "file", "file_id": "f"}});
    let reported = message(&body(&json!([{"role": "user", "content": [file]}]), &json!({})));
    assert!(reported.starts_with("messages.0.content.0.source.file_id: no files"), "{reported}");
    let reported = message(&body(&json!([{"role": 5, "content": "x"}]), &json!({})));
    assert!(reported.starts_with("messages.0.role: invalid type"), "{reported}");
}

#[test]
fn codes_are_among_the_details() {
    let failure = Failure::param("thread", "no").with_code("thread_unsupported_request");
    let body = error::<Messages>(&failure.with_request_id("req_1"));
    let details = json!({"error_code": "thread_unsupported_request", "unsupported": ["thread"]});
    assert_eq!((&body["error"]["details"], &body["request_id"]), (&details, &json!("req_1")));
}

#[test]
fn another_try_is_called_senseless_where_it_is() {
    let limited = |retry_after| Failure::new(FailureKind::RateLimited { retry_after }, "x");
    assert!(Anthropic::is_final(&Failure::new(FailureKind::SignedOut, "x")));
    assert!(Anthropic::is_final(&limited(Some(61))));
    assert!(!Anthropic::is_final(&limited(Some(60))));
    assert!(!Anthropic::is_final(&limited(None)));
    assert!(Anthropic::is_final(&limited(None).with_code("usage_limit_reached")));
    assert!(!Anthropic::is_final(&Failure::new(FailureKind::Failed, "x")));
}

fn explained(failure: Failure) -> Failure {
    let own = MessagesShape { input_tokens: 300_000, ..MessagesShape::default() };
    let shape = Shape { context_window: Some(272_000), own, ..shape() };
    Messages::explain(failure, &shape)
}

#[test]
fn a_prompt_that_is_too_long_is_told_in_numbers() {
    let failure = Failure::new(FailureKind::BadRequest, "Your input exceeds the context window.")
        .with_code("context_length_exceeded");
    assert_eq!(
        explained(failure.clone()).message,
        "prompt is too long: 300000 tokens > 272000 maximum"
    );
    let shape = Shape { context_window: Some(272_000), ..shape::<MessagesShape>() };
    let reported = Messages::explain(failure, &shape).message;
    assert_eq!(reported, "prompt is too long: 272001 tokens > 272000 maximum");
}

#[test]
fn a_spent_plan_is_told_with_the_time_of_its_reset() {
    let reported = |wait| {
        let kind = FailureKind::RateLimited { retry_after: Some(wait) };
        explained(Failure::new(kind, "The usage limit has been reached.")).message
    };
    // The request came at 09:12 UTC.
    assert_eq!(
        reported(7_800),
        "The usage limit has been reached; it resets at 11:22 UTC (in 2 h 10 min)"
    );
    assert_eq!(reported(60), "The usage limit has been reached.");
    assert!(reported(61).ends_with("UTC (in 2 min)"), "{}", reported(61));
}

fn count(body: &Value) -> u64 {
    let (seal, policy) = (ReasoningSeal::default(), Policy::default());
    let body = body.to_string();
    let counted = count_tokens(body.as_bytes(), &seal, &Catalog::builtin(), &policy);
    let (tokens, notices) = counted.unwrap();
    assert!(notices.iter().any(|notice| notice.field == "input_tokens"));
    tokens
}

#[test]
fn tokens_are_counted_with_tools_and_images_and_grow_with_the_request() {
    let body =
        |text: &str| json!({"model": "gpt-6-sol", "messages": [{"role": "user", "content": text}]});
    let few = count(&body("foo"));
    assert!((1..40).contains(&few), "{few}");
    let words = "word ".repeat(4_000);
    let many = count(&body(&words));
    assert!((5_000..5_050).contains(&many), "{many}");
    let mut tools = body("foo");
    tools["tools"] =
        json!([{"name": "f", "description": words, "input_schema": {"type": "object"}}]);
    assert!(count(&tools) > 5_000);
    let data = "A".repeat(400_000);
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}});
    let image = json!({"model": "gpt-6-sol", "messages": [{"role": "user", "content": [image]}]});
    assert!((1_000..1_100).contains(&count(&image)), "{}", count(&image));
}

fn catalog(slugs: &[&str]) -> Catalog {
    let models: Vec<Value> = slugs.iter().map(|slug| json!({"slug": slug})).collect();
    let list = read_list(json!({"models": models}).to_string().as_bytes()).unwrap();
    Catalog::new(list, CatalogSource::Live, 0)
}

#[test]
fn names_of_claude_models_stand_for_models_of_the_list() {
    let catalog = catalog(&["gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-luna"]);
    for (name, slug) in [
        ("gpt-6-luna", "gpt-6-luna"),
        ("gpt-6-luna[1m]", "gpt-6-luna"),
        ("anthropic/gpt-6-luna", "gpt-6-luna"),
        ("claude-gpt-6-luna", "gpt-6-luna"),
        ("claude-gpt-6-luna-high", "gpt-6-luna"),
        ("claude-opus-5-5", "gpt-6.1-sol"),
        ("claude-opus-5-5[1m]", "gpt-6.1-sol"),
        ("claude-sonnet-4-5-20251001", "gpt-6.1-terra"),
        ("claude-3-5-haiku@20241022", "gpt-6-luna"),
        ("claude-haiku-5-5", "gpt-6-luna"),
        ("claude-fable-5-2", "gpt-6.1-sol"),
        ("opus", "gpt-6.1-sol"),
        ("sonnet", "gpt-6.1-terra"),
    ] {
        let resolved = catalog.resolve_family(name).unwrap();
        assert_eq!(resolved.slug, slug, "{name}");
    }
    for name in ["claude-5", "magnum-opus", "gpt-7"] {
        assert!(catalog.resolve_family(name).is_err(), "{name}");
    }
    assert!(catalog.resolve("claude-opus-5-5").is_err(), "only in this API");
}

#[test]
fn an_alias_of_a_familys_word_catches_the_family_and_may_pin_the_effort() {
    let alias = |name: &str, target: &str| Alias { name: name.into(), target: target.into() };
    let aliases = vec![alias("opus", "gpt-6-luna:high!"), alias("haiku", "gpt-6.1-sol:low")];
    let catalog = catalog(&["gpt-6.1-sol", "gpt-6-luna"]).with_aliases(aliases);
    let settled = |model: &str| {
        let config = json!({"effort": "medium"});
        let body = body(
            &json!([{"role": "user", "content": "hi"}]),
            &json!({"model": model, "output_config": config}),
        );
        settled_by::<Messages>(&body.to_string(), &Policy::default(), &catalog).unwrap()
    };
    for name in ["opus", "claude-opus-5-5"] {
        let pinned = settled(name);
        assert_eq!(pinned.body["model"], "gpt-6-luna");
        assert_eq!(pinned.body["reasoning"]["effort"], "high", "{name}");
        assert!(pinned.notes("output_config.effort", "changed"));
        assert_eq!(pinned.shape.model, name, "replies echo the name");
    }
    let plain = settled("claude-haiku-5-5");
    assert_eq!(plain.body["model"], "gpt-6.1-sol");
    assert_eq!(plain.body["reasoning"]["effort"], "medium", "the request's own effort wins");
    assert!(plain.notes("model", "changed"));
}

#[test]
fn models_are_listed_once_more_for_clients_that_show_no_others() {
    let catalog = catalog(&["gpt-6-sol", "gpt-6-luna"]);
    let list = serde_json::to_value(model_list(&catalog, false)).unwrap();
    let ids: Vec<&str> =
        list["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["gpt-6-sol", "gpt-6-luna", "claude-gpt-6-sol", "claude-gpt-6-luna"]);
    assert_eq!((&list["has_more"], &list["first_id"]), (&json!(false), &json!("gpt-6-sol")));
    assert_eq!(list["last_id"], "claude-gpt-6-luna");
    assert_eq!(list["data"][0]["created_at"], "1970-01-01T00:00:00Z");
}
