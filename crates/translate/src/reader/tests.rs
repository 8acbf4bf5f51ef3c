//! Tests of the stream machine: which steps each run of events gives.

mod items;
mod messages;

use std::ops::ControlFlow;

use bytes::Bytes;
use chatmock_protocol::responses::Event;
use chatmock_protocol::responses::event::Channel;
use chatmock_protocol::sse::Frame;
use serde_json::json;

use super::EventReader;
use crate::delta::{Annotation, CallStart, Delta};
use crate::end::{End, Finish};
use crate::failure::{Failure, FailureKind};
use crate::tests::support::{
    added, call, citation, completed, created, done, event, failed, incomplete, message,
    raw_reasoning, reasoning, refusal, text,
};

fn word(delta: &Delta<'_>) -> String {
    match delta {
        Delta::Begin { response_id } => format!("begin {response_id}"),
        Delta::Text(text) => format!("text {}", text.text()),
        Delta::TextEnd => "text end".to_owned(),
        Delta::Refusal(text) => format!("refusal {}", text.text()),
        Delta::Annotation(Annotation::Citation { start, end, url, .. }) => {
            format!("cite {start}..{end} {url}")
        }
        Delta::Annotation(Annotation::Other(raw)) => format!("note {}", raw.get()),
        Delta::Reasoning { channel: Channel::Summary, text } => format!("think {}", text.text()),
        Delta::Reasoning { channel: Channel::Raw, text } => format!("think raw {}", text.text()),
        Delta::ReasoningBreak(_) => "break".to_owned(),
        Delta::ReasoningEnd { id, encrypted_content } => {
            format!("think end {} {}", id.unwrap_or("-"), encrypted_content.unwrap_or("-"))
        }
        Delta::CallStart(CallStart { index, id, name, custom }) => {
            format!("call {index} {id} {name}{}", if *custom { " custom" } else { "" })
        }
        Delta::CallArguments { index, fragment } => format!("args {index} {}", fragment.text()),
        Delta::CallEnd { index } => format!("end {index}"),
        Delta::Image { format, base64 } => format!("image {format} {base64}"),
        Delta::Search(search) => format!("search {} {}", search.id, search.query),
    }
}

/// Reads `events` and words the steps; the end is `None` when there was none.
fn run(reader: &mut EventReader, events: &[String]) -> (Vec<String>, Option<Result<End, Failure>>) {
    let mut steps = Vec::new();
    for event in events {
        let frame = Frame::new(Bytes::copy_from_slice(event.as_bytes()));
        let event = Event::parse(&frame).unwrap();
        let flow = reader.read(&event, &mut |delta: Delta<'_>| {
            steps.push(word(&delta));
            ControlFlow::Continue(())
        });
        if let ControlFlow::Break(end) = flow {
            return (steps, Some(end));
        }
    }
    (steps, None)
}

fn steps(events: &[String]) -> Vec<String> {
    run(&mut EventReader::new(false), events).0
}

fn end(events: &[String]) -> End {
    run(&mut EventReader::new(false), events).1.unwrap().unwrap()
}

fn failure(events: &[String]) -> Failure {
    run(&mut EventReader::new(false), events).1.unwrap().unwrap_err()
}

#[test]
fn a_text_reply_begins_speaks_and_ends() {
    let item = message(None, "Hello");
    let events = [
        created(),
        added(0, &message(None, "")),
        text(0, "Hel"),
        text(0, "lo"),
        done(0, &item),
        completed(),
    ];
    assert_eq!(steps(&events), ["begin resp_0a1b", "text Hel", "text lo", "text end"]);
    let end = end(&events);
    assert_eq!(end.finish, Finish::Stop);
    assert_eq!(
        end.usage.map(|usage| (usage.input, usage.cached, usage.reasoning)),
        Some((100, 60, 8))
    );
}

#[test]
fn a_reply_begins_once_also_without_its_created_event() {
    assert_eq!(steps(&[text(0, "a"), created(), text(0, "b")]), ["begin ", "text a", "text b"]);
    assert_eq!(steps(&[completed()]), ["begin resp_0a1b"]);
    assert_eq!(steps(&[incomplete("max_output_tokens")]), ["begin resp_0a1b"]);
}

#[test]
fn text_that_came_without_deltas_is_taken_from_the_finished_item() {
    let events = [created(), done(0, &message(None, "Hello"))];
    assert_eq!(steps(&events), ["begin resp_0a1b", "text Hello", "text end"]);
}

#[test]
fn the_missing_end_of_a_text_is_taken_from_the_finished_item() {
    let events = [created(), text(0, "Gr\u{fc}"), done(0, &message(None, "Gr\u{fc}\u{df}e"))];
    assert_eq!(steps(&events)[1..], ["text Gr\u{fc}", "text \u{df}e", "text end"]);
}

#[test]
fn a_later_message_begins_after_a_blank_line() {
    let events = [
        text(0, "One."),
        done(0, &message(None, "One.")),
        text(1, ""),
        text(1, "Two."),
        text(1, "!"),
    ];
    assert_eq!(steps(&events)[1..], ["text One.", "text end", "text \n\n", "text Two.", "text !"]);
}

#[test]
fn commentary_is_shown_or_hidden_as_wanted() {
    let events = [
        added(0, &message(Some("commentary"), "")),
        text(0, "Looking."),
        citation(0, 0, 7),
        done(0, &message(Some("commentary"), "Looking. Still.")),
        added(1, &message(Some("final_answer"), "")),
        text(1, "Four."),
        citation(1, 0, 4),
    ];
    let cite = "https://example.org/a";
    assert_eq!(
        steps(&events)[1..],
        [
            "text Looking.",
            &format!("cite 0..7 {cite}"),
            "text  Still.",
            "text end",
            "text \n\n",
            "text Four.",
            &format!("cite 17..21 {cite}")
        ]
    );
    let hidden = run(&mut EventReader::new(true), &events).0;
    assert_eq!(hidden[1..], ["text Four.", &format!("cite 0..4 {cite}")]);
}

#[test]
fn citations_count_characters_of_the_whole_text() {
    let events = [text(0, "\u{1f600}\u{e9}"), text(1, "abc"), citation(1, 1, 3)];
    assert_eq!(steps(&events).last().unwrap(), "cite 5..7 https://example.org/a");
}

#[test]
fn annotations_that_came_without_events_are_taken_from_the_finished_item() {
    let cite = |start: u64| json!({"type": "url_citation", "start_index": start, "end_index": start + 1, "url": "u", "title": "t"});
    let item = json!({"type": "message", "content": [{"type": "output_text", "text": "abc", "annotations": [cite(0), cite(1), {"type": "file_citation", "n": 1.0}]}]});
    let given = event(
        "response.output_text.annotation.added",
        &json!({"output_index": 0, "annotation": cite(0)}),
    );
    let events = [text(0, "abc"), given, done(0, &item)];
    assert_eq!(
        steps(&events)[2..],
        ["cite 0..1 u", "cite 1..2 u", r#"note {"n":1.0,"type":"file_citation"}"#, "text end"]
    );
}

#[test]
fn a_citation_of_a_strange_shape_is_kept_as_it_is() {
    let odd = json!({"type": "url_citation", "start_index": -1, "end_index": 2, "url": "u"});
    let event = event(
        "response.output_text.annotation.added",
        &json!({"output_index": 0, "annotation": odd}),
    );
    assert!(steps(&[text(0, "a"), event]).last().unwrap().starts_with("note {"));
}

#[test]
fn refusals_are_told_apart_from_text() {
    let item = json!({"type": "message", "content": [{"type": "refusal", "refusal": "I can't."}]});
    let events = [refusal(0, "I "), refusal(0, "can'"), done(0, &item), completed()];
    assert_eq!(steps(&events)[1..], ["refusal I ", "refusal can'", "refusal t."]);
    assert_eq!(end(&events).finish, Finish::Stop);
    assert_eq!(steps(&[done(0, &item)])[1..], ["refusal I can't."]);
}

#[test]
fn reasoning_parts_are_set_apart() {
    let events = [
        reasoning(0, 0, "One"),
        reasoning(0, 0, " more"),
        reasoning(0, 1, ""),
        reasoning(0, 1, "Two"),
        reasoning(2, 0, "Three"),
    ];
    assert_eq!(
        steps(&events)[1..],
        ["think One", "think  more", "break", "think Two", "break", "think Three"]
    );
}

#[test]
fn summary_and_raw_reasoning_are_set_apart() {
    let events = [reasoning(0, 0, "Short"), raw_reasoning(0, 0, "long"), raw_reasoning(0, 0, "er")];
    assert_eq!(steps(&events)[1..], ["think Short", "break", "think raw long", "think raw er"]);
}

#[test]
fn reasoning_that_came_without_deltas_is_taken_from_the_finished_item() {
    let item = json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}], "content": [{"type": "reasoning_text", "text": "c"}]});
    assert_eq!(
        steps(&[done(0, &item)])[1..],
        ["think a", "break", "think b", "break", "think raw c", "think end - -"]
    );
    assert_eq!(steps(&[reasoning(0, 0, "a"), done(0, &item)])[1..], ["think a", "think end - -"]);
}

#[test]
fn a_reasoning_item_without_a_summary_has_only_its_end() {
    let item = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gA"});
    let events = [created(), added(0, &item), done(0, &item), done(0, &item)];
    assert_eq!(steps(&events)[1..], ["think end rs_1 gA"]);
}

#[test]
fn an_id_that_is_no_text_is_left_out() {
    let item = json!({"type": "reasoning", "id": 5, "summary": null, "encrypted_content": null});
    assert_eq!(steps(&[done(0, &item)])[1..], ["think end - -"]);
}

#[test]
fn what_is_open_at_the_end_of_a_complete_reply_ends_there_once() {
    let events = [reasoning(0, 0, "hm"), text(1, "Hi"), added(2, &call("a", "f", "")), completed()];
    let expected =
        ["think hm", "text Hi", "think end - -", "text end", "call 0 a f", "args 0 {}", "end 0"];
    assert_eq!(steps(&events)[1..], expected);
    let cut = [text(0, "Hi"), incomplete("max_output_tokens")];
    assert_eq!(steps(&cut)[1..], ["text Hi"], "the end of the reply ends it");
    let silent = [added(0, &message(None, "")), done(0, &message(None, "")), completed()];
    assert_eq!(steps(&silent), ["begin "], "no text, no end of it");
}

#[test]
fn output_that_no_event_announced_is_read_from_the_last_one() {
    let output = json!([message(None, "Hi"), call("a", "f", "{}"), {"type": 5}]);
    for kind in ["response.completed", "response.incomplete"] {
        let last = event(kind, &json!({"response": {"id": "resp_1", "output": output}}));
        assert_eq!(
            steps(&[last])[..],
            ["begin resp_1", "text Hi", "text end", "call 0 a f", "args 0 {}", "end 0"]
        );
    }
    let last = event("response.completed", &json!({"response": {"output": output}}));
    assert_eq!(steps(&[text(0, "Hi"), last]), ["begin ", "text Hi", "text end"]);
}

#[test]
fn an_incomplete_reply_ends_by_its_reason() {
    for (reason, finish) in [
        ("max_output_tokens", Finish::Length),
        ("content_filter", Finish::ContentFilter),
        ("something_new", Finish::Incomplete),
    ] {
        assert_eq!(end(&[text(0, "a"), incomplete(reason)]).finish, finish, "{reason}");
    }
    let bare = event("response.incomplete", &json!({"response": {}}));
    assert_eq!(end(&[bare]).finish, Finish::Incomplete);
}

#[test]
fn failures_keep_the_backend_s_words() {
    let reported = failure(&[created(), failed("rate_limit_exceeded", "Try again in 11.054s.")]);
    assert_eq!(
        (reported.message.as_str(), reported.code.as_deref()),
        ("Try again in 11.054s.", Some("rate_limit_exceeded"))
    );
    assert!(matches!(reported.kind, FailureKind::RateLimited { .. }));
    let silent = event("response.failed", &json!({"response": {"error": null}}));
    assert_eq!(failure(&[silent]).kind, FailureKind::Failed);
    let error = event(
        "error",
        &json!({"error": {"type": "service_unavailable_error", "code": "server_is_overloaded", "message": "busy"}}),
    );
    assert!(matches!(failure(&[error]).kind, FailureKind::Unavailable { .. }));
    let unknown = event(
        "error",
        &json!({"error": {"type": "invalid_request_error", "code": "brand_new", "message": "m"}}),
    );
    assert_eq!(failure(&[unknown]).kind, FailureKind::BadRequest);
}

#[test]
fn private_and_unknown_events_give_no_step() {
    let events = [
        "keepalive",
        "codex.rate_limits",
        "response.metadata",
        "response.brand_new",
        "response.in_progress",
    ];
    let events: Vec<String> = events.iter().map(|kind| event(kind, &json!({}))).collect();
    let (steps, end) = run(&mut EventReader::new(false), &events);
    assert!(steps.is_empty() && end.is_none());
}

#[test]
fn a_sink_that_breaks_ends_the_reply() {
    let frame = Frame::new(Bytes::from(text(0, "a")));
    let event = Event::parse(&frame).unwrap();
    let flow = EventReader::new(false)
        .read(&event, &mut |_: Delta<'_>| ControlFlow::Break(Finish::Length));
    let ControlFlow::Break(Ok(end)) = flow else { panic!("went on") };
    assert_eq!(end, End::new(Finish::Length));
}
