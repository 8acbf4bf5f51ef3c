//! Reasoning in each of its wordings.

use serde_json::{Value, json};

use crate::Chat;
use crate::openai::chat::ChatShape;
use crate::reasoning_style::ReasoningStyle;
use crate::shape::Shape;
use crate::tests::support::{
    call, citation, completed, created, data, done, raw_reasoning, reasoning, shape, stream, text,
    whole,
};

fn events() -> Vec<String> {
    vec![
        created(),
        reasoning(0, 0, "Hm"),
        reasoning(0, 0, "m."),
        reasoning(0, 1, "So."),
        text(1, "Four."),
        completed(),
    ]
}

fn styled(style: ReasoningStyle) -> Shape<ChatShape> {
    Shape { reasoning: style, ..shape() }
}

fn deltas(shape: &Shape<ChatShape>, events: &[String]) -> Vec<Value> {
    let chunks = data(&stream::<Chat>(shape, events));
    let choices = chunks.iter().filter_map(|chunk| chunk["choices"].get(0));
    choices.map(|choice| choice["delta"].clone()).skip(1).collect()
}

fn message(shape: &Shape<ChatShape>, events: &[String]) -> Value {
    whole::<Chat>(shape, events).unwrap()["choices"][0]["message"].clone()
}

#[test]
fn the_default_is_reasoning_content() {
    let shape = styled(ReasoningStyle::default());
    let expected = [
        json!({"reasoning_content": "Hm"}),
        json!({"reasoning_content": "m."}),
        json!({"reasoning_content": "\n\n"}),
        json!({"reasoning_content": "So."}),
        json!({"content": "Four."}),
        json!({}),
    ];
    assert_eq!(deltas(&shape, &events()), expected);
    let expected = json!({"role": "assistant", "content": "Four.", "refusal": null, "annotations": [], "reasoning_content": "Hmm.\n\nSo."});
    assert_eq!(message(&shape, &events()), expected);
}

#[test]
fn think_tags_put_reasoning_before_the_text() {
    let shape = styled(ReasoningStyle::ThinkTags);
    let texts: Vec<Value> =
        deltas(&shape, &events()).iter().map(|delta| delta["content"].clone()).collect();
    assert_eq!(
        texts,
        [
            json!("<think>"),
            json!("Hm"),
            json!("m."),
            json!("\n\n"),
            json!("So."),
            json!("</think>\n\n"),
            json!("Four."),
            Value::Null
        ]
    );
    assert_eq!(message(&shape, &events())["content"], "<think>Hmm.\n\nSo.</think>\n\nFour.");
    assert!(message(&shape, &events()).get("reasoning_content").is_none());
}

#[test]
fn think_tags_are_closed_before_a_call_and_at_the_end() {
    let shape = styled(ReasoningStyle::ThinkTags);
    let before_call = [reasoning(0, 0, "Hm."), done(1, &call("a", "f", "{}")), completed()];
    assert_eq!(message(&shape, &before_call)["content"], "<think>Hm.</think>\n\n");
    let alone = [reasoning(0, 0, "Hm."), completed()];
    assert_eq!(message(&shape, &alone)["content"], "<think>Hm.</think>\n\n");
    assert_eq!(deltas(&shape, &alone)[2], json!({"content": "</think>\n\n"}));
    let silent = [text(0, "Four."), completed()];
    assert_eq!(message(&shape, &silent)["content"], "Four.");
}

#[test]
fn reasoning_after_the_tags_are_closed_has_its_own_field() {
    let shape = styled(ReasoningStyle::ThinkTags);
    let events = [reasoning(0, 0, "Hm."), text(1, "Four."), reasoning(2, 0, "Wait."), completed()];
    let message = message(&shape, &events);
    assert_eq!(message["content"], "<think>Hm.</think>\n\nFour.");
    assert_eq!(message["reasoning_content"], "\n\nWait.");
}

#[test]
fn citations_move_with_the_tags() {
    let shape = styled(ReasoningStyle::ThinkTags);
    let events = [reasoning(0, 0, "H\u{e9}."), text(1, "Four."), citation(1, 0, 4), completed()];
    let message = message(&shape, &events);
    let cited = &message["annotations"][0]["url_citation"];
    let (start, end) =
        (cited["start_index"].as_u64().unwrap(), cited["end_index"].as_u64().unwrap());
    let letters: Vec<char> = message["content"].as_str().unwrap().chars().collect();
    let part: String =
        letters[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()].iter().collect();
    assert_eq!(part, "Four");
}

#[test]
fn json_mode_never_has_tags_in_its_text() {
    let shape = Shape { json: true, ..styled(ReasoningStyle::ThinkTags) };
    let message = message(&shape, &events());
    assert_eq!(
        (&message["content"], &message["reasoning_content"]),
        (&json!("Four."), &json!("Hmm.\n\nSo."))
    );
}

#[test]
fn o3_words_reasoning_as_parts() {
    let shape = styled(ReasoningStyle::O3);
    let part = |text: &str| json!({"reasoning": {"content": [{"type": "text", "text": text}]}});
    assert_eq!(deltas(&shape, &events())[..4], [part("Hm"), part("m."), part("\n\n"), part("So.")]);
    assert_eq!(message(&shape, &events())["reasoning"], part("Hmm.\n\nSo.")["reasoning"]);
}

#[test]
fn legacy_keeps_the_channels_apart() {
    let shape = styled(ReasoningStyle::Legacy);
    let events = [
        reasoning(0, 0, "Short."),
        raw_reasoning(1, 0, "Long"),
        raw_reasoning(1, 0, "er."),
        text(2, "Four."),
        completed(),
    ];
    let deltas = deltas(&shape, &events);
    assert_eq!(deltas[0], json!({"reasoning_summary": "Short."}));
    assert_eq!(deltas[2], json!({"reasoning": "Long"}));
    let message = message(&shape, &events);
    assert_eq!(message["reasoning_summary"], "Short.");
    assert_eq!(message["reasoning"].as_str().unwrap().trim_start(), "Longer.");
}

#[test]
fn none_leaves_reasoning_out() {
    let shape = styled(ReasoningStyle::None);
    assert_eq!(deltas(&shape, &events()), [json!({"content": "Four."}), json!({})]);
    assert_eq!(
        message(&shape, &events()),
        json!({"role": "assistant", "content": "Four.", "refusal": null, "annotations": []})
    );
}

fn thought(encrypted: Option<&str>) -> Vec<String> {
    let mut item = json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hmm."}]});
    if let Some(encrypted) = encrypted {
        item["encrypted_content"] = json!(encrypted);
    }
    vec![created(), reasoning(0, 0, "Hmm."), done(0, &item), text(1, "Four."), completed()]
}

#[test]
fn reasoning_is_handed_out_beside_its_text_to_be_sent_back() {
    let shape = styled(ReasoningStyle::default());
    let details = json!([
        {"type": "reasoning.summary", "summary": "Hmm.", "format": "openai-responses-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "cmr1.-.rs_1.gAAA", "format": "openai-responses-v1", "index": 0},
    ]);
    let events = thought(Some("gAAA"));
    let expected = [
        json!({"reasoning_content": "Hmm."}),
        json!({"reasoning_details": details}),
        json!({"content": "Four."}),
        json!({}),
    ];
    assert_eq!(deltas(&shape, &events), expected);
    assert_eq!(message(&shape, &events)["reasoning_details"], details);
}

#[test]
fn what_cannot_be_read_again_and_other_styles_hand_out_nothing() {
    let hands_out = |style, events: &[String]| {
        let shape = styled(style);
        let streamed = deltas(&shape, events).iter().any(|d| d.get("reasoning_details").is_some());
        assert_eq!(streamed, message(&shape, events).get("reasoning_details").is_some());
        streamed
    };
    assert!(!hands_out(ReasoningStyle::ReasoningContent, &thought(None)));
    for style in [
        ReasoningStyle::ThinkTags,
        ReasoningStyle::O3,
        ReasoningStyle::Legacy,
        ReasoningStyle::None,
    ] {
        assert!(!hands_out(style, &thought(Some("gAAA"))), "{style:?}");
    }
}
