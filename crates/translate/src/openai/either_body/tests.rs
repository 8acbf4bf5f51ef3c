//! Tests of either shape on either route.

use serde_json::{Value, json};

use crate::openai::chat::ChatShape;
use crate::openai::responses::ResponsesShape;
use crate::policy::Policy;
use crate::reasoning_style::ReasoningStyle;
use crate::tests::support::{
    Settled, added, completed, created, data, done, message, settled, shape, stream, text, whole,
};
use crate::{Chat, Failure, Responses};

fn on_chat(body: &Value) -> Result<Settled<ChatShape>, Failure> {
    settled::<Chat>(&body.to_string(), &Policy::default())
}

fn on_responses(body: &Value) -> Result<Settled<ResponsesShape>, Failure> {
    settled::<Responses>(&body.to_string(), &Policy::default())
}

fn messages() -> Value {
    json!([{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}])
}

#[test]
fn the_shape_of_responses_is_understood_on_the_route_of_chat() {
    let body = r#"{"model":"gpt-6-sol","input":[{"type":"brand_new","x":1E2}],"tools":[{"type":"namespace", "name":"n","tools":[]}],"instructions":"i"}"#;
    let settled = settled::<Chat>(body, &Policy::default()).unwrap();
    let expected = body.replace(
        "\"instructions\":\"i\"",
        "\"instructions\":\"i\",\"reasoning\":{\"summary\":\"auto\"}",
    );
    assert_eq!(settled.text, expected);
    // The answer is a chat completion's: it shows reasoning, and nothing is kept.
    assert_eq!(settled.shape.reasoning, ReasoningStyle::ReasoningContent);
    assert!(!settled.shape.store && !settled.stream);
}

#[test]
fn members_that_both_apis_have_do_not_decide_the_shape() {
    for more in [
        json!({"reasoning": {"effort": "high", "context": "all_turns"}}),
        json!({"metadata": {"a": "b"}, "store": false, "top_logprobs": 5, "prompt": null}),
        // Of these, chat completions know no such form.
        json!({"reasoning": {"effort": 5}}),
        json!({"stream_options": "none"}),
        json!({"prediction": {"level": 1}}),
    ] {
        let mut body = json!({"model": "gpt-6-sol", "input": "hi"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let settled = on_chat(&body).unwrap_or_else(|failure| panic!("{body}: {failure:?}"));
        assert_eq!(settled.body["input"][0]["content"][0]["text"], "hi", "{body}");
    }
}

#[test]
fn a_stream_may_end_with_counts_also_in_the_other_shape() {
    let body = json!({"model": "m", "input": "hi", "stream": true, "stream_options": {"include_usage": true}});
    let settled = on_chat(&body).unwrap();
    assert!(settled.shape.own.stream_usage && settled.stream);
    assert!(settled.body.get("stream_options").is_none() && settled.notices.is_empty());
}

#[test]
fn a_structured_answer_stays_json_also_in_the_other_shape() {
    let body = json!({"model": "m", "input": "json", "text": {"format": {"type": "json_object"}}});
    let shape = on_chat(&body).unwrap().shape;
    assert!(shape.json && shape.hide_commentary);
}

#[test]
fn bounds_hold_in_the_route_s_own_shape() {
    let capped = on_chat(&json!({"model": "m", "input": "hi", "max_output_tokens": 1})).unwrap();
    let reply = whole::<Chat>(&capped.shape, &[created(), text(0, "12345")]).unwrap();
    let choice = &reply["choices"][0];
    assert_eq!(
        (&choice["message"]["content"], &choice["finish_reason"]),
        (&json!("1234"), &json!("length"))
    );
    let capped =
        on_responses(&json!({"model": "m", "messages": messages(), "max_tokens": 1})).unwrap();
    assert_eq!(capped.noted(), [("max_tokens", "emulated")]);
    let open = json!({"type": "message", "id": "m", "content": []});
    let reply = whole::<Responses>(&capped.shape, &[created(), added(0, &open), text(0, "12345")]);
    assert_eq!(reply.unwrap()["output"][0]["content"][0]["text"], "1234");
}

#[test]
fn the_shape_of_chat_is_understood_on_the_route_of_responses() {
    let body = json!({
        "model": "gpt-6-sol", "messages": messages(), "stream": true, "reasoning_effort": "high",
        "tools": [{"type": "function", "function": {"name": "f"}}],
    });
    let settled = on_responses(&body).unwrap();
    assert_eq!(settled.body["instructions"], "s");
    assert_eq!(settled.body["input"][0]["role"], "user");
    assert_eq!(settled.body["tools"][0]["name"], "f");
    // This API shows no reasoning unasked, so no summary is asked for.
    assert_eq!(settled.body["reasoning"], json!({"effort": "high"}));
    assert!(settled.stream && !settled.shape.store && settled.notices.is_empty());
}

#[test]
fn what_the_route_s_own_shape_has_no_place_for_is_ignored_with_a_notice() {
    let body = json!({"model": "m", "messages": messages(), "n": 3, "stop": ["a"]});
    let settled = on_responses(&body).unwrap();
    assert_eq!((settled.choices, settled.shape.stop.sequences.len()), (1, 1));
    assert_eq!(settled.noted(), [("stop", "emulated"), ("n", "ignored")]);
}

#[test]
fn with_both_or_neither_of_the_two_members_the_route_decides() {
    let both = json!({"model": "m", "input": "of responses", "messages": messages()});
    assert_eq!(on_chat(&both).unwrap().body["input"][0]["content"][0]["text"], "hi");
    let input = on_responses(&both).unwrap().body["input"].clone();
    assert_eq!(input[0]["content"][0]["text"], "of responses");
    let neither = json!({"model": "m"});
    assert_eq!(on_chat(&neither).unwrap_err().param.as_deref(), Some("messages"));
    assert_eq!(on_responses(&neither).unwrap_err().param.as_deref(), Some("input"));
    // `null` is no conversation.
    let null = json!({"model": "m", "input": null, "messages": messages()});
    assert!(on_responses(&null).is_ok());
    assert_eq!(
        on_chat(&json!({"model": "m", "input": null})).unwrap_err().param.as_deref(),
        Some("messages")
    );
}

#[test]
fn a_fault_is_worded_for_the_route_where_neither_shape_fits() {
    let failure = on_chat(&json!({"model": "m", "messages": [1], "input": "hi"})).unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("messages[0]"));
    let failure = on_responses(&json!({"model": "m", "messages": [1]})).unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("messages[0]"));
    let failure = on_chat(&json!({"model": 5, "input": "hi"})).unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("model"));
}

#[test]
fn answers_have_the_route_s_own_shape() {
    let events = [created(), done(0, &message(None, "Hi")), completed()];
    assert_eq!(whole::<Chat>(&shape(), &events).unwrap()["object"], "chat.completion");
    let last = data(&stream::<Responses>(&shape(), &events)).pop().unwrap();
    assert_eq!(last["type"], "response.completed");
}
