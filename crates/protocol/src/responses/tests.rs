//! Tests of usage, errors and responses.

use super::{ApiError, Response, Usage};
use crate::json::RawValue;

fn raw(text: &str) -> &RawValue {
    serde_json::from_str(text).unwrap()
}

#[test]
fn usage_is_read_with_its_details() {
    let text = r#"{"input_tokens":4120,"input_tokens_details":{"cached_tokens":3968,"cache_write_tokens":0},"output_tokens":212,"output_tokens_details":{"reasoning_tokens":128},"total_tokens":4332}"#;
    let usage = Usage {
        input: 4120,
        cached: 3968,
        output: 212,
        reasoning: 128,
        total: 4332,
        ..Usage::default()
    };
    assert_eq!(Usage::read(raw(text)), Some(usage));
}

#[test]
fn missing_details_and_a_missing_total_are_filled_in() {
    let text = r#"{"input_tokens":3,"output_tokens":4,"output_tokens_details":null}"#;
    let usage = Usage { input: 3, output: 4, total: 7, ..Usage::default() };
    assert_eq!(Usage::read(raw(text)), Some(usage));
}

#[test]
fn counts_that_are_not_integers_are_treated_as_absent() {
    for input in ["1.5", "-1", "1e3", "\"4\"", "null", "18446744073709551616"] {
        let text = format!(r#"{{"input_tokens":{input},"output_tokens":4}}"#);
        assert_eq!(Usage::read(raw(&text)), None, "{input}");
        let text = format!(r#"{{"input_tokens":1,"output_tokens":4,"total_tokens":{input}}}"#);
        assert_eq!(Usage::read(raw(&text)).unwrap().total, 5, "{input}");
    }
}

#[test]
fn other_values_are_not_usage() {
    for text in ["null", "[1,2,3]", "{}", "5", r#"{"input_tokens":1}"#, r#"{"output_tokens":1}"#] {
        assert_eq!(Usage::read(raw(text)), None, "{text}");
    }
}

#[test]
fn usages_add_up_without_overflow() {
    let most = Usage {
        input: u64::MAX,
        cached: 1,
        cache_write: 5,
        output: 2,
        reasoning: 3,
        total: u64::MAX,
    };
    let sum =
        most.plus(Usage { input: 1, cached: 1, cache_write: 1, output: 1, reasoning: 1, total: 1 });
    assert_eq!(
        sum,
        Usage {
            input: u64::MAX,
            cached: 2,
            cache_write: 6,
            output: 3,
            reasoning: 4,
            total: u64::MAX
        }
    );
}

#[test]
fn the_engine_s_error_body_is_read() {
    let body = br#"{"error":{"message":"m","type":"invalid_request_error","param":"input[5].call_id","code":"string_above_max_length"}}"#;
    let error = ApiError {
        kind: Some("invalid_request_error".to_owned()),
        code: Some("string_above_max_length".to_owned()),
        message: Some("m".to_owned()),
        param: Some("input[5].call_id".to_owned()),
        ..ApiError::default()
    };
    assert_eq!(ApiError::read_body(body), Some(error));
}

#[test]
fn a_limit_s_reset_is_read() {
    let body = br#"{"error":{"type":"usage_limit_reached","message":"m","plan_type":"plus","resets_at":1795740000,"resets_in_seconds":4000}}"#;
    let error = ApiError::read_body(body).unwrap();
    assert_eq!((error.resets_in, error.resets_at), (Some(4000), Some(1_795_740_000)));
    assert_eq!(error.kind.as_deref(), Some("usage_limit_reached"));
}

#[test]
fn the_gateway_s_detail_is_read_as_string_object_and_list() {
    let message = |body: &[u8]| ApiError::read_body(body).unwrap();
    let sentence = message(br#"{"detail":"Store must be set to false"}"#);
    assert_eq!(sentence.message.as_deref(), Some("Store must be set to false"));
    let object = message(br#"{"detail":{"code":"deactivated_workspace","message":"gone"}}"#);
    assert_eq!(object.code.as_deref(), Some("deactivated_workspace"));
    assert_eq!(object.message.as_deref(), Some("gone"));
    let list = message(br#"{"detail":[{"loc":["body"],"msg":"field required","type":"missing"}]}"#);
    assert_eq!(list.message.as_deref(), Some("field required"));
    assert_eq!(list.kind.as_deref(), Some("missing"));
    assert_eq!(message(br#"{"detail":["a","b"]}"#).message.as_deref(), Some("a"));
    assert_eq!(message(br#"{"detail":[]}"#), ApiError::default());
    assert_eq!(message(br#"{"detail":7}"#), ApiError::default());
}

#[test]
fn a_string_under_error_is_a_code_in_a_body() {
    let body = br#"{"error":"invalid_grant","error_description":"d"}"#;
    let error = ApiError::read_body(body).unwrap();
    assert_eq!(error.code.as_deref(), Some("invalid_grant"));
    assert_eq!(error.message.as_deref(), Some("d"));
}

#[test]
fn members_of_an_unexpected_type_are_treated_as_absent() {
    let error = ApiError::read(raw(r#"{"code":429,"message":"m","param":["a"],"type":null}"#));
    assert_eq!(error, Some(ApiError { message: Some("m".to_owned()), ..ApiError::default() }));
}

#[test]
fn a_body_without_an_error_yields_none() {
    for body in [&b"<html>"[..], b"", b"{}", b"[]", br#"{"error":null}"#, b"\xff"] {
        assert_eq!(ApiError::read_body(body), None);
    }
}

#[test]
fn a_response_is_read_without_its_invalid_members() {
    let text = r#"{"id":5,"model":"m\u0041","error":null,"incomplete_details":{"reason":"max_output_tokens"},"usage":"x","output":[{"a":1},2],"service_tier":null}"#;
    let response: Response<'_> = serde_json::from_str(text).unwrap();
    assert!(response.id.is_none() && response.service_tier.is_none());
    assert_eq!(response.usage, None);
    assert_eq!(response.model.as_deref(), Some("mA"));
    assert_eq!(response.incomplete.as_deref(), Some("max_output_tokens"));
    assert!(response.error.is_none());
    assert_eq!(response.output().into_iter().map(RawValue::get).collect::<String>(), r#"{"a":1}2"#);
}

#[test]
fn an_output_that_is_not_a_list_is_empty() {
    for text in [r#"{"output":null}"#, "{}", r#"{"output":{}}"#, r#"{"output":[]}"#] {
        let response: Response<'_> = serde_json::from_str(text).unwrap();
        assert!(response.output().is_empty(), "{text}");
    }
    assert!(serde_json::from_str::<Response<'_>>("[]").is_err());
}
