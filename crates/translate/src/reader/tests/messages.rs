//! Messages: words that are told once, and without the backend's markers.

use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::super::EventReader;
use super::{run, steps};
use crate::delta::Delta;
use crate::tests::support::{
    added, arguments, call, citation, completed, created, done, event, incomplete, message, text,
};

const ANSWER: &str = "The answer is 42.";

/// Events of a message whose text comes in pieces of so many bytes.
fn told(index: usize, phase: Option<&str>, words: &str, step: usize) -> Vec<String> {
    let mut events = vec![added(index, &message(phase, ""))];
    let chars: Vec<char> = words.chars().collect();
    events.extend(chars.chunks(step).map(|piece| text(index, &piece.iter().collect::<String>())));
    events.push(done(index, &message(phase, words)));
    events
}

/// All text of the steps.
fn said(events: &[String]) -> String {
    let mut said = String::new();
    for step in steps(events) {
        said.push_str(step.strip_prefix("text ").filter(|text| *text != "end").unwrap_or_default());
    }
    said
}

fn commentary_then(answer: &str, step: usize) -> Vec<String> {
    let mut events = vec![created()];
    events.extend(told(0, Some("commentary"), ANSWER, step));
    events.extend(told(1, Some("final_answer"), answer, step));
    events.push(completed());
    events
}

#[test]
fn an_answer_that_repeats_commentary_is_told_once_wherever_it_is_cut() {
    for step in 1..=ANSWER.len() {
        for answer in [ANSWER, "The answer is 42.\n", "\nThe  answer is 42."] {
            assert_eq!(said(&commentary_then(answer, step)), ANSWER, "{answer:?}, {step}");
        }
    }
}

#[test]
fn other_words_stay() {
    for step in [1, 3, 100] {
        for answer in ["The answer is 42. Truly.", "The answer", "The answer is 43.", "42"] {
            let expected = format!("{ANSWER}\n\n{answer}");
            assert_eq!(said(&commentary_then(answer, step)), expected, "in steps of {step}");
        }
    }
}

#[test]
fn text_that_differs_goes_out_as_soon_as_it_does() {
    let mut events = told(0, Some("commentary"), ANSWER, 100);
    events.push(added(1, &message(Some("final_answer"), "")));
    events.push(text(1, "The answer"));
    assert_eq!(steps(&events).last().unwrap(), "text end", "it may be a repetition");
    events.push(text(1, " was"));
    assert_eq!(steps(&events)[3..], ["text \n\n", "text The answer was"]);
}

#[test]
fn a_repetition_is_known_without_deltas_after_calls_and_after_other_commentary() {
    let whole = |phase: &str| message(Some(phase), ANSWER);
    let search = json!({"type": "web_search_call", "id": "ws_1", "status": "completed"});
    let events = [
        done(0, &message(Some("commentary"), "I look it up.")),
        done(1, &search),
        done(2, &whole("commentary")),
        done(3, &whole("commentary")),
        done(4, &whole("final_answer")),
        completed(),
    ];
    assert_eq!(said(&events), format!("I look it up.\n\n{ANSWER}"));
    let joined = message(Some("final_answer"), &format!("I look it up.\n\n{ANSWER}"));
    let events = [events[0].clone(), events[2].clone(), done(5, &joined), completed()];
    assert_eq!(said(&events), format!("I look it up.\n\n{ANSWER}"));
    let output = json!([whole("commentary"), whole("final_answer"), call("a", "f", "")]);
    let last = event("response.completed", &json!({"response": {"output": output}}));
    assert_eq!(said(&[last]), ANSWER);
}

#[test]
fn messages_of_no_phase_and_answers_are_never_compared() {
    for phase in [None, Some("final_answer")] {
        let mut events = told(0, phase, ANSWER, 5);
        events.extend(told(1, phase, ANSWER, 5));
        assert_eq!(said(&events), format!("{ANSWER}\n\n{ANSWER}"));
    }
}

#[test]
fn a_repetition_that_is_cut_off_is_not_told() {
    let mut events = told(0, Some("commentary"), ANSWER, 100);
    events.extend([text(1, "The answer"), incomplete("max_output_tokens")]);
    assert_eq!(said(&events), ANSWER);
}

#[test]
fn the_sources_of_a_repetition_are_those_of_the_words_that_were_told() {
    let source = "cite 4..10 https://example.org/a";
    let mut events = told(0, Some("commentary"), ANSWER, 100);
    events.extend([
        added(1, &message(Some("final_answer"), "")),
        text(1, ANSWER),
        citation(1, 4, 10),
        done(1, &message(Some("final_answer"), ANSWER)),
    ]);
    assert_eq!(steps(&events).last().unwrap(), source);
    events.insert(2, citation(0, 4, 10));
    let cited = steps(&events);
    assert_eq!(cited.iter().filter(|step| *step == source).count(), 1, "{cited:?}");
    let mut differs = told(0, Some("commentary"), ANSWER, 100);
    differs.extend([text(1, "The answer"), citation(1, 4, 10), text(1, ".")]);
    assert_eq!(steps(&differs).last().unwrap(), "cite 23..29 https://example.org/a");
}

#[test]
fn hidden_commentary_is_told_where_it_is_all_there_is() {
    let hidden = |events: &[String]| run(&mut EventReader::new(true), events).0;
    let commentary = done(0, &message(Some("commentary"), ANSWER));
    let alone = [commentary.clone(), completed()];
    assert_eq!(hidden(&alone)[1..], ["text The answer is 42.", "text end"]);
    let answered = [commentary.clone(), done(1, &message(None, "42")), completed()];
    assert_eq!(hidden(&answered)[1..], ["text 42", "text end"]);
    let repeated = [commentary.clone(), done(1, &message(None, ANSWER)), completed()];
    assert_eq!(hidden(&repeated)[1..], ["text The answer is 42.", "text end"]);
    let called =
        [commentary.clone(), arguments(1, "{}"), done(1, &call("a", "f", "{}")), completed()];
    assert_eq!(hidden(&called)[1..], ["call 0 a f", "args 0 {}", "end 0"]);
    assert_eq!(hidden(&[commentary, incomplete("content_filter")])[1..], [""; 0]);
}

#[test]
fn markers_never_reach_the_text_wherever_it_is_cut() {
    let words = "Rain.\u{e200}cite\u{e202}turn0search0\u{e201} \u{e203}Wind\u{e204}.";
    for step in 1..words.chars().count() {
        assert_eq!(said(&told(0, None, words, step)), "Rain. Wind.", "in steps of {step}");
    }
    assert_eq!(said(&[done(0, &message(None, words))]), "Rain. Wind.");
    let missing = [text(0, "Rain.\u{e200}cite\u{e202}turn0"), done(0, &message(None, words))];
    assert_eq!(said(&missing), "Rain. Wind.");
}

#[test]
fn citations_after_markers_keep_their_words() {
    let words = "Rain.\u{e200}cite\u{e202}turn0search0\u{e201} Wind.";
    let cited = |start: u64, end: u64| -> Value {
        json!({"type": "url_citation", "start_index": start, "end_index": end, "url": "u", "title": "t"})
    };
    let item = json!({"type": "message", "content": [{"type": "output_text", "text": words,
        "annotations": [cited(0, 5), cited(5, 24), cited(25, 29)]}]});
    let cites: Vec<String> = steps(&[done(0, &item)]);
    assert_eq!(cites[2..5], ["cite 0..5 u", "cite 5..5 u", "cite 6..10 u"]);
}

#[test]
fn markers_in_reasoning_are_taken_out_too() {
    use crate::tests::support::reasoning;
    let events =
        [reasoning(0, 0, "I read\u{e200}ci"), reasoning(0, 0, "te\u{e202}turn0view0\u{e201} it.")];
    assert_eq!(steps(&events)[1..], ["think I read", "think  it."]);
}

#[test]
fn text_without_markers_keeps_the_form_in_which_it_came() {
    let mut raws = Vec::new();
    let frame = chatmock_protocol::sse::Frame::new(text(0, "caf\u{e9} \"x\"").into());
    let event = chatmock_protocol::responses::Event::parse(&frame).unwrap();
    let _ = EventReader::new(false).read(&event, &mut |delta: Delta<'_>| {
        if let Delta::Text(piece) = delta {
            raws.push(piece.raw().map(str::to_owned));
        }
        ControlFlow::Continue(())
    });
    assert!(raws[0].is_some());
}
