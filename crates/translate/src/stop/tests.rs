//! Tests of stop sequences and token caps: where text is cut, whatever its pieces.

use std::ops::ControlFlow;

use chatmock_protocol::responses::Usage;
use proptest::prelude::*;

use super::{StopAt, StopCriteria};
use crate::delta::{CallStart, Delta};
use crate::encoder::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::frames::Out;
use crate::reply::{Collector, Reply};
use crate::tokens::{CHARACTERS_PER_TOKEN, Estimate};

fn criteria(stop: &[&str], max_tokens: Option<u64>) -> StopCriteria {
    StopCriteria { sequences: stop.iter().map(|stop| (*stop).to_owned()).collect(), max_tokens }
}

fn stopping<E: DeltaEncoder>(criteria: &StopCriteria, encoder: E) -> StopAt<E> {
    StopAt::new(criteria.clone(), &Estimate, encoder)
}

/// Feeds text pieces; a break ends the reply, otherwise it ends with `Stop` and `usage`.
fn reply(criteria: &StopCriteria, pieces: &[&str], usage: Option<Usage>) -> Reply {
    let (mut encoder, mut out) = (stopping(criteria, Collector::new()), Out::default());
    for piece in pieces {
        if let ControlFlow::Break(finish) = encoder.delta(Delta::Text((*piece).into()), &mut out) {
            return encoder.end(End::new(finish), &mut out);
        }
    }
    encoder.end(End { usage, ..End::new(Finish::Stop) }, &mut out)
}

fn cut(stop: &[&str], max_tokens: Option<u64>, pieces: &[&str]) -> (String, Finish) {
    let reply = reply(&criteria(stop, max_tokens), pieces, None);
    (reply.text().into_owned(), reply.end.finish)
}

#[test]
fn without_bounds_everything_passes() {
    assert_eq!(cut(&[], None, &["a", "", "b"]), ("ab".to_owned(), Finish::Stop));
}

#[test]
fn text_ends_before_a_stop_sequence() {
    assert_eq!(cut(&["END"], None, &["one END two"]), ("one ".to_owned(), Finish::StopSequence(0)));
    assert_eq!(
        cut(&["END"], None, &["one E", "N", "D two"]),
        ("one ".to_owned(), Finish::StopSequence(0))
    );
    assert_eq!(cut(&["END"], None, &["END"]), (String::new(), Finish::StopSequence(0)));
}

#[test]
fn what_only_began_like_a_stop_sequence_is_written() {
    assert_eq!(cut(&["END"], None, &["one E", "N", "X"]), ("one ENX".to_owned(), Finish::Stop));
    assert_eq!(cut(&["END"], None, &["one EN"]), ("one EN".to_owned(), Finish::Stop));
    assert_eq!(
        cut(&["aab"], None, &["a", "a", "a", "b"]),
        ("a".to_owned(), Finish::StopSequence(0))
    );
}

#[test]
fn the_sequence_that_is_complete_first_wins_however_the_text_is_cut() {
    assert_eq!(cut(&["abcX", "b"], None, &["abcX"]), ("a".to_owned(), Finish::StopSequence(1)));
    assert_eq!(
        cut(&["abcX", "b"], None, &["a", "b", "c", "X"]),
        ("a".to_owned(), Finish::StopSequence(1))
    );
    assert_eq!(cut(&["b", "ab"], None, &["ab"]), (String::new(), Finish::StopSequence(1)));
}

#[test]
fn sequences_of_several_bytes_a_letter_are_found() {
    let stop = ["\u{1f600}\u{e9}"];
    assert_eq!(
        cut(&stop, None, &["x\u{1f600}", "\u{e9}y"]),
        ("x".to_owned(), Finish::StopSequence(0))
    );
    assert_eq!(cut(&stop, None, &["x\u{1f600}", "y"]), ("x\u{1f600}y".to_owned(), Finish::Stop));
}

#[test]
fn held_text_comes_before_a_call_and_the_sequence_begins_anew_after_it() {
    let (mut encoder, mut out) =
        (stopping(&criteria(&["END"], None), Collector::new()), Out::default());
    let call = Delta::CallStart(CallStart { index: 0, id: "a", name: "f", custom: false });
    for delta in [Delta::Text("one EN".into()), call, Delta::Text("D".into())] {
        assert!(encoder.delta(delta, &mut out).is_continue());
    }
    let reply = encoder.end(End::new(Finish::ToolCalls), &mut out);
    assert_eq!((&*reply.text(), reply.calls().count()), ("one END", 1));
    assert_eq!(reply.end.finish, Finish::ToolCalls);
}

#[test]
fn held_text_is_written_before_a_failure() {
    #[derive(Debug)]
    struct Echo;
    impl DeltaEncoder for Echo {
        type Output = ();
        fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
            if let Delta::Text(text) = delta {
                out.frames.text(text.text());
            }
            ControlFlow::Continue(())
        }
        fn end(self, _: End, _: &mut Out) {}
        fn fail(self, _: &Failure, out: &mut Out) {
            out.frames.text("!");
        }
    }
    let (mut encoder, mut out) = (stopping(&criteria(&["END"], None), Echo), Out::default());
    assert!(encoder.delta(Delta::Text("one EN".into()), &mut out).is_continue());
    encoder.fail(&Failure::incomplete(), &mut out);
    assert_eq!(out.frames.take().unwrap(), "one EN!");
}

#[test]
fn a_token_cap_cuts_at_four_characters_a_token() {
    assert_eq!(CHARACTERS_PER_TOKEN, 4);
    assert_eq!(cut(&[], Some(2), &["12345678"]), ("12345678".to_owned(), Finish::Stop));
    assert_eq!(cut(&[], Some(2), &["123456789"]), ("12345678".to_owned(), Finish::Length));
    assert_eq!(cut(&[], Some(2), &["12345", "678", "9"]), ("12345678".to_owned(), Finish::Length));
    assert_eq!(
        cut(&[], Some(1), &["\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}"]).0,
        "\u{1f600}".repeat(4)
    );
    assert_eq!(cut(&[], Some(u64::MAX), &["a"]), ("a".to_owned(), Finish::Stop));
}

#[test]
fn a_cap_reached_by_held_text_ends_in_length() {
    assert_eq!(cut(&["END"], Some(1), &["123", "EN"]), ("123E".to_owned(), Finish::Length));
    assert_eq!(cut(&["END"], Some(1), &["12345END"]), ("1234".to_owned(), Finish::Length));
    assert_eq!(cut(&["END"], Some(1), &["1234END"]), ("1234".to_owned(), Finish::StopSequence(0)));
}

#[test]
fn reasoning_and_calls_are_not_counted() {
    let (mut encoder, mut out) =
        (stopping(&criteria(&["x"], Some(1)), Collector::new()), Out::default());
    let channel = chatmock_protocol::responses::event::Channel::Summary;
    let long = "x".repeat(100);
    for delta in [
        Delta::Reasoning { channel, text: long.as_str().into() },
        Delta::CallStart(CallStart { index: 0, id: "a", name: "f", custom: false }),
        Delta::CallArguments { index: 0, fragment: long.as_str().into() },
    ] {
        assert!(encoder.delta(delta, &mut out).is_continue());
    }
}

#[test]
fn a_cut_reply_counts_what_was_written_and_a_whole_one_keeps_its_counts() {
    let usage = Usage { input: 7, output: 9, total: 16, ..Usage::default() };
    let kept = reply(&criteria(&["END"], Some(50)), &["hello"], Some(usage));
    assert_eq!(kept.end.usage, Some(usage));
    let cut = reply(&criteria(&["END"], None), &["hello END"], Some(usage));
    assert_eq!(cut.end.usage, Some(Usage { output: 2, total: 2, ..Usage::default() }));
    assert_eq!(reply(&criteria(&["END"], None), &["hello"], None).end.usage, None);
}

/// Cuts `text` at the given character boundaries.
fn pieces(text: &str, at: &[usize]) -> Vec<String> {
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut places: Vec<usize> = at.iter().map(|at| ends[at % ends.len()]).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| text[pair[0]..pair[1]].to_owned()).collect()
}

/// The cut by its definition: at the start of the sequence that is complete first.
fn reference<'t>(text: &'t str, stop: &[String], most: Option<usize>) -> (&'t str, Finish) {
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let (mut visible, mut finish) = (text, Finish::Stop);
    for end in ends {
        let complete = |(_, stop): &(usize, &String)| text[..end].ends_with(stop.as_str());
        let found = stop.iter().enumerate().filter(complete);
        // Of those that are complete at once, the longest wins, and of its copies the first.
        let longest = found.max_by_key(|(index, stop)| (stop.len(), std::cmp::Reverse(*index)));
        if let Some((index, longest)) = longest {
            (visible, finish) = (&text[..end - longest.len()], Finish::StopSequence(index));
            break;
        }
    }
    if let Some((end, _)) = most.and_then(|most| visible.char_indices().nth(most)) {
        (visible, finish) = (&visible[..end], Finish::Length);
    }
    (visible, finish)
}

proptest! {
    #[test]
    fn a_stop_sequence_is_found_at_every_split_point(
        before in "[ab\u{e9}]{0,12}",
        stop in prop::collection::vec("[ab\u{e9}]{1,4}", 0..4),
        at in prop::collection::vec(any::<usize>(), 0..8),
        most in prop::option::of(0_u64..4),
    ) {
        let criteria = StopCriteria { sequences: stop.clone(), max_tokens: most };
        let pieces = pieces(&before, &at);
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let reply = reply(&criteria, &pieces, None);
        let most = most.map(|most| usize::try_from(most * CHARACTERS_PER_TOKEN).unwrap());
        let expected = reference(&before, &stop, most);
        prop_assert_eq!((&*reply.text(), reply.end.finish), expected);
    }
}

/// A reply of these steps, and how many of them were taken.
fn steps(criteria: &StopCriteria, deltas: Vec<Delta<'_>>) -> (Reply, usize) {
    let (mut encoder, mut out) = (stopping(criteria, Collector::new()), Out::default());
    for (taken, delta) in (1..).zip(deltas) {
        if let ControlFlow::Break(finish) = encoder.delta(delta, &mut out) {
            return (encoder.end(End::new(finish), &mut out), taken);
        }
    }
    (encoder.end(End::new(Finish::ToolCalls), &mut out), usize::MAX)
}

#[test]
fn a_call_that_is_being_written_is_never_cut() {
    let start = || Delta::CallStart(CallStart { index: 0, id: "a", name: "f", custom: false });
    let piece = |text: &'static str| Delta::CallArguments { index: 0, fragment: text.into() };
    let end = || Delta::CallEnd { index: 0 };
    for (criteria, finish) in [
        (criteria(&["END"], None), Finish::StopSequence(0)),
        (criteria(&[], Some(1)), Finish::Length),
    ] {
        let script = vec![
            start(),
            piece("{"),
            Delta::Text("1234END".into()),
            piece("}"),
            Delta::Text("late".into()),
            end(),
            Delta::Text("never read".into()),
        ];
        let (reply, taken) = steps(&criteria, script);
        assert_eq!((&*reply.text(), reply.end.finish, taken), ("1234", finish, 6));
        let call = reply.calls().next().unwrap();
        assert_eq!((call.arguments.as_str(), call.complete), ("{}", true));
    }
}

#[test]
fn a_reply_cut_beside_an_open_call_says_so_where_the_call_never_ends() {
    let start = Delta::CallStart(CallStart { index: 0, id: "a", name: "f", custom: false });
    let (reply, _) =
        steps(&criteria(&["END"], None), vec![start, Delta::Text("oneEND two".into())]);
    assert_eq!((&*reply.text(), reply.end.finish), ("one", Finish::StopSequence(0)));
}

/// The steps that reach the encoder under the cut.
#[derive(Debug, Default)]
struct Steps(Vec<String>);

impl DeltaEncoder for Steps {
    type Output = Vec<String>;

    fn delta(&mut self, delta: Delta<'_>, _: &mut Out) -> ControlFlow<Finish> {
        self.0.push(match delta {
            Delta::Text(text) => text.text().to_owned(),
            Delta::TextEnd => "|".to_owned(),
            Delta::CallStart(_) => "call".to_owned(),
            _ => "other".to_owned(),
        });
        ControlFlow::Continue(())
    }

    fn end(self, _: End, _: &mut Out) -> Vec<String> {
        self.0
    }

    fn fail(self, _: &Failure, _: &mut Out) {}
}

fn passed(criteria: &StopCriteria, deltas: Vec<Delta<'_>>) -> Vec<String> {
    let (mut encoder, mut out) = (stopping(criteria, Steps::default()), Out::default());
    for delta in deltas {
        if encoder.delta(delta, &mut out).is_break() {
            break;
        }
    }
    encoder.end(End::new(Finish::Stop), &mut out)
}

#[test]
fn the_end_of_a_text_comes_after_the_text_that_was_held() {
    let text = |text: &'static str| Delta::Text(text.into());
    let stop = criteria(&[".\n\nB"], None);
    let script = || vec![text("One."), Delta::TextEnd, text("\n\n"), text("Two.")];
    assert_eq!(passed(&stop, script()), ["One", ".", "|", "\n\nTwo", "."]);
    let call = Delta::CallStart(CallStart { index: 0, id: "a", name: "f", custom: false });
    let called = vec![text("One."), Delta::TextEnd, call];
    assert_eq!(passed(&stop, called), ["One", ".", "|", "call"]);
    assert_eq!(passed(&stop, vec![text("One."), Delta::TextEnd]), ["One", ".", "|"]);
    assert_eq!(passed(&stop, vec![text("One"), Delta::TextEnd]), ["One", "|"]);
}

#[test]
fn a_sequence_may_span_two_messages() {
    let script = vec![Delta::Text("One.".into()), Delta::TextEnd, Delta::Text("\n\nTwo".into())];
    assert_eq!(passed(&criteria(&[".\n\nT"], None), script), ["One"]);
}

#[test]
fn a_text_that_is_cut_beside_an_open_call_ends_there() {
    let call = Delta::CallStart(CallStart { index: 0, id: "a", name: "f", custom: false });
    let script =
        vec![call, Delta::Text("oneEND".into()), Delta::Text("two".into()), Delta::TextEnd];
    assert_eq!(passed(&criteria(&["END"], None), script), ["call", "one", "|"]);
}

#[test]
fn the_sequence_that_matched_is_named_by_its_number() {
    assert_eq!(cut(&["never", "END"], None, &["one END"]).1, Finish::StopSequence(1));
    assert_eq!(cut(&["END", "END"], None, &["one END"]).1, Finish::StopSequence(0));
}
