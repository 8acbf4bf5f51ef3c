//! Several answers to one request: numbers, one id, one sum of counts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Chat;
use crate::openai::chat::ChatShape;
use crate::shape::Shape;
use crate::tests::support::{completed, created, data, shape, streams, text, wholes};

/// A response of its own id.
fn response(id: &str, said: &str) -> Vec<String> {
    let begun = created().replace("resp_0a1b", id);
    vec![begun, text(0, said), completed().replace("resp_0a1b", id)]
}

fn responses() -> Vec<Vec<String>> {
    vec![response("resp_a", "one"), response("resp_b", "two"), response("resp_c", "three")]
}

#[test]
fn all_choices_of_a_stream_share_the_id_of_the_first_that_began() {
    let shape = Shape { own: ChatShape { stream_usage: true, ..shape().own }, ..shape() };
    let chunks = data(&streams::<Chat>(&shape, &responses()));
    let (done, chunks) = chunks.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    assert!(chunks.iter().all(|chunk| chunk["id"] == "chatcmpl-a"));
    for (index, expected) in ["one", "two", "three"].into_iter().enumerate() {
        let of_choice = chunks.iter().filter_map(|chunk| chunk["choices"].get(0));
        let of_choice: Vec<&Value> = of_choice.filter(|choice| choice["index"] == index).collect();
        let text: String =
            of_choice.iter().filter_map(|choice| choice["delta"]["content"].as_str()).collect();
        assert_eq!(text, expected);
        let roles = of_choice.iter().filter(|choice| choice["delta"]["role"] == "assistant");
        assert_eq!(roles.count(), 1);
        let ends = of_choice.iter().filter(|choice| !choice["finish_reason"].is_null());
        assert_eq!(ends.count(), 1);
    }
    let counts: Vec<&Value> = chunks.iter().filter(|chunk| chunk["usage"].is_object()).collect();
    assert_eq!(counts.len(), 1);
    assert_eq!(
        (&counts[0]["choices"], &counts[0]["usage"]["total_tokens"]),
        (&json!([]), &json!(360))
    );
}

#[test]
fn a_whole_reply_of_several_choices_has_one_id_and_one_sum() {
    let reply = wholes::<Chat>(&shape(), &responses(), Duration::ZERO).unwrap();
    assert_eq!(reply["id"], "chatcmpl-a");
    let choices = reply["choices"].as_array().unwrap();
    let said: Vec<(&Value, &Value)> =
        choices.iter().map(|choice| (&choice["index"], &choice["message"]["content"])).collect();
    let (one, two, three) = (json!("one"), json!("two"), json!("three"));
    assert_eq!(said, [(&json!(0), &one), (&json!(1), &two), (&json!(2), &three)]);
    assert_eq!(reply["usage"]["prompt_tokens"], 300);
}
