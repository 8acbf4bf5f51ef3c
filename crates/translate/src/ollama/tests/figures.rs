//! Counts and times: true, or absent.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{OllamaChat, OllamaGenerate, timestamp};
use crate::dialect::Dialect;
use crate::shape::Shape;
use crate::stop::StopCriteria;
use crate::tests::support::{
    CREATED, completed, created, event, incomplete, lines, reasoning, shape, stream_at, text,
    whole_at,
};

const STEP: Duration = Duration::from_millis(500);

/// The last line of a stream, which has the figures of the whole reply.
fn figures<D: Dialect>(shape: &Shape<D::Own>, events: &[String]) -> Value {
    let last = lines(&stream_at::<D>(shape, events, STEP)).pop().unwrap();
    let whole = whole_at::<D>(shape, events, STEP).unwrap();
    for name in FIGURES {
        assert_eq!(last.get(name), whole.get(name), "{name}");
    }
    last
}

const FIGURES: [&str; 8] = [
    "done",
    "done_reason",
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
];

fn ms(value: &Value) -> u64 {
    value.as_u64().unwrap() / 1_000_000
}

#[test]
fn durations_are_measured_from_the_request_to_the_first_output_and_to_the_end() {
    for events in [
        [created(), reasoning(0, 0, "hm"), text(1, "Hi"), completed()],
        [created(), text(1, "H"), text(1, "i"), completed()],
    ] {
        let last = figures::<OllamaChat>(&shape(), &events);
        assert_eq!(
            (
                ms(&last["prompt_eval_duration"]),
                ms(&last["eval_duration"]),
                ms(&last["total_duration"])
            ),
            (1000, 1000, 2000)
        );
        assert_eq!(last["load_duration"], 1);
        assert_eq!(last["total_duration"], 2_000_000_000_u64);
    }
}

#[test]
fn a_reply_without_output_took_all_its_time_for_the_prompt() {
    let last = figures::<OllamaGenerate>(&shape(), &[created(), completed()]);
    assert_eq!((ms(&last["prompt_eval_duration"]), ms(&last["eval_duration"])), (1000, 0));
    assert_eq!(last["eval_duration"], 1, "clients divide by it");
}

#[test]
fn an_answer_that_came_at_once_was_written_all_the_time() {
    let last = lines(&stream_at::<OllamaChat>(
        &shape(),
        &[created(), text(0, "Hi"), completed()],
        Duration::ZERO,
    ));
    assert_eq!(last.last().unwrap()["eval_duration"], 1);
    let end = crate::End::new(crate::Finish::Stop);
    let at = Some(STEP);
    let figures = super::super::lines::figures(&end, at, STEP);
    assert_eq!(
        (figures.eval_duration, figures.total_duration),
        (Some(500_000_000), Some(500_000_000))
    );
}

#[test]
fn lines_are_dated_from_the_moment_of_the_request_and_not_from_its_second() {
    let shape = Shape { created_nanos: 985_000_000, ..shape() };
    let stream = stream_at::<OllamaChat>(&shape, &[created(), text(0, "a"), completed()], STEP);
    assert_eq!(lines(&stream)[0]["created_at"], "2026-11-22T09:12:15.985Z");
    let whole = whole_at::<OllamaChat>(&shape, &[created(), completed()], STEP).unwrap();
    assert_eq!(whole["created_at"], "2026-11-22T09:12:15.985Z");
}

#[test]
fn counts_are_the_backend_s_or_absent() {
    let last = figures::<OllamaChat>(&shape(), &[created(), text(0, "Hi"), completed()]);
    assert_eq!((&last["prompt_eval_count"], &last["eval_count"]), (&json!(100), &json!(20)));
    let untold = figures::<OllamaChat>(&shape(), &[created(), text(0, "Hi"), incomplete("x")]);
    assert!(untold.get("prompt_eval_count").is_none() && untold.get("eval_count").is_none());
}

#[test]
fn after_a_cut_made_here_the_input_is_not_counted_and_the_output_is_estimated() {
    for stop in [
        StopCriteria { sequences: vec!["END".to_owned()], max_tokens: None },
        StopCriteria { sequences: Vec::new(), max_tokens: Some(2) },
    ] {
        let shape = Shape { stop, ..shape() };
        let events = [created(), text(0, "12345678END"), completed()];
        let last = figures::<OllamaGenerate>(&shape, &events);
        assert!(last.get("prompt_eval_count").is_none());
        assert_eq!(last["eval_count"], 2);
        assert_eq!(ms(&last["total_duration"]), 1000);
    }
}

#[test]
fn each_line_bears_its_own_time() {
    let events =
        [created(), text(0, "a"), event("keepalive", &json!({})), text(0, "b"), completed()];
    let lines = lines(&stream_at::<OllamaChat>(&shape(), &events, STEP));
    let times: Vec<&str> = lines.iter().map(|line| line["created_at"].as_str().unwrap()).collect();
    let expected = ["2026-11-22T09:12:15Z", "2026-11-22T09:12:16Z", "2026-11-22T09:12:16.5Z"];
    assert_eq!(times, expected);
}

#[test]
fn a_timestamp_is_rfc_3339_also_where_the_time_is_none() {
    assert_eq!(timestamp(CREATED), "2026-11-22T09:12:14Z");
    assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
    assert_eq!(timestamp(u64::MAX), "1970-01-01T00:00:00Z");
}
