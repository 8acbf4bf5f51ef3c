//! Tests of the accumulator: what is timed, what is complete, and the order of the blocks.

use super::*;

/// A reply of these steps, each a second after the one before.
fn gathered(deltas: Vec<Delta<'_>>) -> Reply {
    let (mut collector, mut out) = (Collector::new(), Out::default());
    for (second, delta) in (1..).zip(deltas) {
        out.at = Duration::from_secs(second);
        assert!(collector.delta(delta, &mut out).is_continue());
    }
    collector.end(End::new(Finish::Stop), &mut out)
}

fn call(index: usize) -> Delta<'static> {
    Delta::CallStart(CallStart { index, id: "a", name: "f", custom: false })
}

fn thought(text: &'static str) -> Delta<'static> {
    Delta::Reasoning { channel: Channel::Summary, text: text.into() }
}

#[test]
fn the_first_output_of_any_kind_is_timed_and_the_beginning_is_none() {
    let begin = || Delta::Begin { response_id: "r" };
    let second = |second| Some(Duration::from_secs(second));
    assert_eq!(gathered(vec![]).first_at, None);
    assert_eq!(gathered(vec![begin()]).first_at, None);
    assert_eq!(
        gathered(vec![begin(), Delta::Text("a".into()), Delta::Text("b".into())]).first_at,
        second(2)
    );
    assert_eq!(gathered(vec![begin(), thought("hm"), Delta::Text("b".into())]).first_at, second(2));
    assert_eq!(gathered(vec![begin(), call(0)]).first_at, second(2));
    assert_eq!(gathered(vec![Delta::Refusal("no".into()), call(0)]).first_at, second(1));
    let silent = Delta::ReasoningEnd { id: Some("rs"), encrypted_content: None };
    assert_eq!(gathered(vec![silent, Delta::Text("a".into())]).first_at, second(2));
}

#[test]
fn a_call_is_complete_only_at_its_end() {
    let reply = gathered(vec![call(0), call(1), Delta::CallEnd { index: 1 }]);
    let complete: Vec<bool> = reply.calls().map(|call| call.complete).collect();
    assert_eq!(complete, [false, true]);
}

/// The kinds of a reply's blocks, with their text.
fn kinds(reply: &Reply) -> Vec<String> {
    let kind = |block: &Block| match block {
        Block::Text(text) => format!("text {}", text.text),
        Block::Refusal(refusal) => format!("refusal {refusal}"),
        Block::Reasoning(reasoning) => {
            let texts = reasoning.pieces.iter().map(|piece| piece.text.as_str());
            format!("reasoning {}", texts.collect::<String>())
        }
        Block::Call(call) => format!("call {}", call.arguments),
        Block::Image(image) => format!("image {}", image.base64),
        Block::Search(search) => format!("search {}", search.query),
    };
    reply.blocks.iter().map(kind).collect()
}

#[test]
fn blocks_keep_the_order_in_which_they_came() {
    let reply = gathered(vec![
        thought("h"),
        thought("m"),
        Delta::ReasoningEnd { id: None, encrypted_content: None },
        Delta::Text("One".into()),
        Delta::Text(".".into()),
        Delta::TextEnd,
        call(0),
        thought("again"),
        Delta::CallArguments { index: 0, fragment: "{}".into() },
        Delta::Image { format: "png", base64: "iVBO" },
        Delta::Text("Two.".into()),
        Delta::Refusal("N".into()),
        Delta::Refusal("o".into()),
    ]);
    let expected = [
        "reasoning hm",
        "text One.",
        "call {}",
        "reasoning again",
        "image iVBO",
        "text Two.",
        "refusal No",
    ];
    assert_eq!(kinds(&reply), expected);
    let views = (reply.text(), reply.reasoning(), reply.refusal());
    assert_eq!(views, ("One.Two.".into(), "hmagain".into(), "No".into()));
    assert_eq!((reply.calls().count(), reply.images().count()), (1, 1));
}

#[test]
fn a_text_that_has_ended_is_not_continued() {
    let one = gathered(vec![Delta::Text("a".into()), Delta::Text("b".into())]);
    assert_eq!(kinds(&one), ["text ab"]);
    assert!(matches!(one.text(), std::borrow::Cow::Borrowed("ab")));
    let two = gathered(vec![Delta::Text("a".into()), Delta::TextEnd, Delta::Text("b".into())]);
    assert_eq!((kinds(&two), two.text()), (vec!["text a".into(), "text b".into()], "ab".into()));
    let complete = |block: &Block| matches!(block, Block::Text(text) if text.complete);
    assert_eq!(two.blocks.iter().map(complete).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn reasoning_keeps_what_its_end_brings_also_where_it_had_no_text() {
    let end = |id| Delta::ReasoningEnd { id: Some(id), encrypted_content: Some("gAAA") };
    let raw = Delta::Reasoning { channel: Channel::Raw, text: "raw".into() };
    let reply = gathered(vec![thought("hm"), raw, end("rs_1"), end("rs_2")]);
    let [Block::Reasoning(first), Block::Reasoning(second)] = reply.blocks.as_slice() else {
        panic!("{reply:?}");
    };
    let ids = [first.id.as_deref(), second.id.as_deref()];
    assert_eq!(
        (ids, first.pieces.len(), second.pieces.len()),
        ([Some("rs_1"), Some("rs_2")], 2, 0)
    );
    assert_eq!(second.encrypted_content.as_deref(), Some("gAAA"));
    assert!(first.complete && second.complete);
}

#[test]
fn annotations_belong_to_the_text_right_before_them_or_to_one_of_their_own() {
    let other = RawValue::from_string("{}".to_owned()).unwrap();
    let note = || Delta::Annotation(Annotation::Other(&other));
    let reply = gathered(vec![Delta::Text("a".into()), note(), note()]);
    assert_eq!((kinds(&reply).len(), reply.annotations().count()), (1, 2));
    let reply = gathered(vec![Delta::Text("a".into()), call(0), note(), note()]);
    assert_eq!((kinds(&reply).len(), reply.annotations().count()), (3, 2));
    assert_eq!(gathered(vec![note()]).annotations().count(), 1);
}
