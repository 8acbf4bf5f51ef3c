//! Requests: byte for byte, save for what the backend would not take.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::Responses;
use crate::catalog::{Catalog, CatalogSource};
use crate::failure::Failure;
use crate::openai::responses::ResponsesShape;
use crate::policy::Policy;
use crate::tests::support::{Settled, settled, settled_by};

fn sent(body: &str) -> Settled<ResponsesShape> {
    settled::<Responses>(body, &Policy::default())
        .unwrap_or_else(|failure| panic!("{body}: {failure:?}"))
}

fn refused(body: &str) -> Failure {
    settled::<Responses>(body, &Policy::default()).unwrap_err()
}

#[test]
fn unknown_members_and_items_survive_in_order_and_to_the_byte() {
    let body = concat!(
        r#"{"x_first": {"z":1E2 , "a":[ ]},"model":"gpt-6-sol","instructions":"caf\u00e9\/","#,
        r#""input":[{"type":"brand_new","n":12345678901234567890123},{"type":"message","role":"user","content":"h\u0069"}],"#,
        r#""reasoning":{"effort":"high","context":"all_turns"},"tools":[{"type":"odd", "b":-0.0}],"stream":true,"x_last":"\ud83d\ude00"}"#
    );
    // Only white space between members is not kept.
    assert_eq!(sent(body).text, body.replace(r#""x_first": {"#, r#""x_first":{"#));
    let settled = sent(body);
    assert!(settled.stream && settled.notices.is_empty());
    assert_eq!(settled.shape.model, "gpt-6-sol");
}

#[test]
fn a_text_input_becomes_a_list_in_its_place() {
    let settled = sent(r#"{"input":"h\u0069 \"you\"","model":"gpt-6-sol","z":1}"#);
    let input = r#"[{"type":"message","role":"user","content":[{"type":"input_text","text":"hi \"you\""}]}]"#;
    assert_eq!(
        settled.text,
        format!(r#"{{"input":{input},"model":"gpt-6-sol","z":1,"instructions":""}}"#)
    );
    assert_eq!(sent(r#"{"input":[],"model":"m"}"#).body["input"], json!([]));
}

#[test]
fn system_items_become_the_developer_s_and_the_others_keep_their_bytes() {
    let other = r#"{"role":"user", "content":"the \"system\" says 1E2"}"#;
    let body = format!(r#"{{"model":"m","input":[{{"content":"s","role":"system"}},{other}]}}"#);
    let settled = sent(&body);
    assert!(
        settled
            .text
            .contains(&format!(r#""input":[{{"content":"s","role":"developer"}},{other}]"#)),
        "{}",
        settled.text
    );
    assert_eq!(settled.noted(), [("input", "changed")]);
    let quoting = format!(r#"{{"model":"m","input":[{other}]}}"#);
    assert!(sent(&quoting).notices.is_empty());
}

#[test]
fn the_tier_is_the_catalogue_s_business() {
    assert_eq!(
        sent(r#"{"model":"gpt-6-sol","input":[],"service_tier":"fast"}"#).body["service_tier"],
        "priority"
    );
    assert!(
        sent(r#"{"model":"gpt-6-sol","input":[],"service_tier":"auto"}"#)
            .body
            .get("service_tier")
            .is_none()
    );
    let flex = sent(r#"{"model":"gpt-6-sol","input":[],"service_tier":"flex"}"#);
    assert_eq!(flex.noted(), [("service_tier", "clamped")]);
}

#[test]
fn a_model_name_with_an_effort_is_understood() {
    let settled = sent(r#"{"model":"gpt-6-sol:high","input":[]}"#);
    assert_eq!(
        (&settled.body["model"], &settled.body["reasoning"]),
        (&json!("gpt-6-sol"), &json!({"effort": "high"}))
    );
    let own = sent(r#"{"model":"gpt-6-sol:high","input":[],"reasoning":{"x":1,"effort":"low"}}"#);
    assert_eq!(own.body["reasoning"], json!({"x": 1, "effort": "low"}));
}

#[test]
fn an_effort_is_clamped_and_the_rest_of_reasoning_kept() {
    let settled = sent(
        r#"{"model":"gpt-5.5","input":[],"reasoning":{"x":1E2,"effort":"max","summary":"auto"}}"#,
    );
    assert!(
        settled.text.contains(r#""reasoning":{"x":1E2,"effort":"xhigh","summary":"auto"}"#),
        "{}",
        settled.text
    );
    assert_eq!(settled.noted(), [("reasoning.effort", "clamped")]);
}

#[test]
fn the_old_name_of_the_web_search_is_mended() {
    let body = r#"{"model":"m","input":[],"tools":[{"type":"function","name":"web_search", "strict":false,"parameters":{"type":"object","properties":{"n":1E2}}},{"x":1,"type":"web_search_preview_2025_03_11"}]}"#;
    let settled = sent(body);
    assert!(
        settled.text.contains(
            r#"[{"type":"function","name":"web_search", "strict":false,"parameters":{"type":"object","properties":{"n":1E2}}},{"x":1,"type":"web_search"}]"#
        ),
        "{}",
        settled.text
    );
    assert_eq!(settled.noted(), [("tools", "changed")]);
}

#[test]
fn what_would_be_another_question_is_refused_by_name() {
    let failure = refused(r#"{"model":"m","input":[],"prompt":{"id":"p"}}"#);
    assert_eq!(
        (failure.status(), failure.param.as_deref(), failure.code.as_deref()),
        (400, Some("prompt"), Some("unsupported_parameter"))
    );
    let failure = refused(r#"{"model":"m","input":[],"background":true,"store":false}"#);
    assert_eq!((failure.status(), failure.param.as_deref()), (400, Some("background")));
    let nulls = sent(
        r#"{"model":"m","input":[],"previous_response_id":null,"conversation":null,"prompt":null}"#,
    );
    assert_eq!(nulls.text, r#"{"model":"m","input":[],"instructions":""}"#);
}

#[test]
fn values_of_the_wrong_shape_are_named() {
    for (body, param) in [
        (r#"{"input":[]}"#, Some("model")),
        (r#"{"model":"","input":[]}"#, Some("model")),
        (r#"{"model":5,"input":[]}"#, Some("model")),
        (r#"{"model":"m"}"#, Some("input")),
        (r#"{"model":"m","input":null}"#, Some("input")),
        (r#"{"model":"m","input":5}"#, Some("input")),
        (r#"{"model":"m","input":{}}"#, Some("input")),
        (r#"{"model":"m","input":[],"stream":"yes"}"#, Some("stream")),
        (r#"{"model":"m","input":[],"background":1}"#, Some("background")),
        (r#"{"model":"m","input":[],"instructions":[]}"#, Some("instructions")),
        (r#"{"model":"m","input":[],"prompt_cache_key":5}"#, Some("prompt_cache_key")),
        (r#"{"model":"m","input":[],"service_tier":5}"#, Some("service_tier")),
        (r#"{"model":"m","input":[],"reasoning":"high"}"#, Some("reasoning")),
        (r#"{"model":"m","input":[],"tools":{}}"#, Some("tools")),
        (r#"{"model":"m","input":["\ud800"]}"#, Some("input")),
        (r#"{"model":"m","model":"n","input":[]}"#, None),
        (r#"{"model":"m""#, None),
        ("[]", None),
        ("", None),
    ] {
        let failure = refused(body);
        assert_eq!((failure.status(), failure.param.as_deref()), (400, param), "{body}");
    }
}

#[test]
fn an_unknown_model_is_refused_by_a_real_list() {
    let list = chatmock_protocol::codex::models::read_list(br#"{"models":[{"slug":"gpt-6-sol"}]}"#)
        .unwrap();
    let catalog = Catalog::new(list, CatalogSource::Cached, 0);
    let body = r#"{"model":"gpt-6","input":[]}"#;
    let failure = settled_by::<Responses>(body, &Policy::default(), &catalog).unwrap_err();
    assert_eq!((failure.status(), failure.code.as_deref()), (404, Some("model_not_found")));
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("1E2"),
        Just("-0.0"),
        Just("1.50"),
        Just("123456789012345678901234567890"),
        Just("null"),
        Just("\"caf\\u00e9\\/\""),
        Just("\"\\ud83d\\ude00\""),
        Just("\"\u{e9}\""),
        Just("{ }"),
        Just("[1 ,2]"),
    ]
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..3).prop_map(|members| {
                let members: Vec<String> =
                    members.iter().map(|(n, v)| format!("\"{n}\": {v}")).collect();
                format!("{{{}}}", members.join(" ,"))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn unknown_request_fields_survive_in_order(
        fields in prop::collection::btree_map("x_[a-z]{1,6}", value(), 0..6),
        item in value(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut members: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        // What is null is absent.
        members.retain(|member| !member.ends_with(":null"));
        let place = at.index(members.len() + 1);
        members.insert(place, format!(r#""input":[{{"type":"brand_new","x":{item}}}]"#));
        members.insert(0, r#""model":"gpt-6-sol""#.to_owned());
        members.push(r#""instructions":"i""#.to_owned());
        let body = format!("{{{}}}", members.join(","));
        prop_assert_eq!(sent(&body).text, body);
    }
}

#[test]
fn the_request_is_what_the_value_says() {
    let body = json!({"model": "gpt-6-sol", "input": [], "temperature": 0.5, "store": true});
    let settled = sent(&body.to_string());
    for (name, value) in body.as_object().unwrap() {
        // What the route refuses is taken out where the route is known, not here.
        assert_eq!(&settled.body[name], value as &Value);
    }
}
