//! Traces and metrics of the program, as a collector gets them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

#[allow(dead_code, reason = "the tests of the program as a process use the rest")]
#[path = "../cli/process.rs"]
mod process;

mod collector;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use chatmock_testkit::client::Request;

use crate::collector::{Collector, Message, SILENT};
use crate::process::{Running, chat, demo};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// The kinds of spans, as the protocol numbers them.
const SERVER: u64 = 2;
const CLIENT: u64 = 3;

fn exporting(collector: &Collector, variables: &[(&str, &str)]) -> Command {
    let mut command = demo();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url);
    command.env("OTEL_BSP_SCHEDULE_DELAY", "20").env("OTEL_METRIC_EXPORT_INTERVAL", "100");
    command.envs(variables.iter().copied());
    command
}

fn ask(server: &Running, traceparent: &str, body: &str) -> u16 {
    let request = Request::new("POST", "/v1/chat/completions").body(body);
    let request = request.with("host", &server.address).with("content-type", "application/json");
    let request = request.with("traceparent", traceparent).with("tracestate", "vendor=1");
    let request = request.with("authorization", "Bearer canary-key-0123456789");
    chatmock_testkit::blocking::send(&server.address, &request).unwrap().status
}

fn sampled() -> String {
    format!("00-{TRACE}-{PARENT}-01")
}

fn spans(messages: &[Message]) -> Vec<Message> {
    messages.iter().flat_map(|message| message.all(&[1, 2, 2])).collect()
}

fn name_of(span: &Message) -> String {
    span.text(5)
}

#[test]
fn a_turn_is_two_spans_in_the_trace_that_its_client_named() {
    let mut collector = Collector::start(200);
    let variables = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-key=canary-of-collector"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
        ("CHATMOCK_API_KEY", "canary-key-0123456789"),
    ];
    let server = Running::start(&mut exporting(&collector, &variables));
    assert_eq!(ask(&server, &sampled(), &chat("canary-prompt", true)), 200);
    let messages = collector.until("/v1/traces", |all| spans(all).len() == 2);
    let all = spans(&messages);
    let request = all.iter().find(|span| span.number(6) == SERVER).unwrap();
    let call = all.iter().find(|span| span.number(6) == CLIENT).unwrap();
    assert_eq!((request.hex(1), request.hex(4)), (TRACE.to_owned(), PARENT.to_owned()));
    assert_eq!((call.hex(1), call.hex(4)), (TRACE.to_owned(), request.hex(2)));
    assert_eq!((request.text(3), call.text(3)), ("vendor=1".to_owned(), "vendor=1".to_owned()));
    assert_eq!(name_of(request), "POST /v1/chat/completions");
    assert_eq!(name_of(call), "chat gpt-5.5");
    let (request, call) = (request.attributes(9), call.attributes(9));
    expect(&request, "http.response.status_code", "200");
    expect(&request, "chatmock.dialect", "chat");
    expect(&call, "gen_ai.operation.name", "chat");
    expect(&call, "gen_ai.provider.name", "openai");
    expect(&call, "gen_ai.request.model", "gpt-5.5");
    expect(&call, "gen_ai.request.stream", "true");
    expect(&call, "server.address", "127.0.0.1");
    for count in ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "server.port"] {
        assert!(call[count].parse::<u64>().unwrap() > 0, "{call:?}");
    }
    assert!(call["gen_ai.response.time_to_first_chunk"].parse::<f64>().is_ok(), "{call:?}");
    let resource = messages[0].all(&[1, 1])[0].attributes(1);
    expect(&resource, "service.name", "chatmock-server");
    expect(&resource, "deployment.environment.name", "test");
    for post in collector.posts() {
        expect(&post.headers, "x-collector-key", "canary-of-collector");
        let body = String::from_utf8_lossy(&post.body);
        assert!(!body.contains("canary") && !body.contains('@'), "{body}");
    }
}

fn expect(attributes: &BTreeMap<String, String>, name: &str, value: &str) {
    assert_eq!(attributes.get(name).map(String::as_str), Some(value), "{attributes:?}");
}

#[test]
fn the_measures_have_the_names_of_the_conventions() {
    let mut collector = Collector::start(200);
    let server = Running::start(&mut exporting(&collector, &[("OTEL_TRACES_EXPORTER", "none")]));
    ask(&server, &sampled(), &chat("hello", true));
    ask(&server, &sampled(), &chat("MODE:429", false));
    let metrics = |all: &[Message]| -> Vec<Message> {
        all.iter().flat_map(|message| message.all(&[1, 2, 2])).collect()
    };
    let has =
        |all: &[Message], wanted: &str| metrics(all).iter().any(|metric| metric.text(1) == wanted);
    let duration = "gen_ai.client.operation.duration";
    let messages = collector.until("/v1/metrics", |all| {
        let failed = |metric: &Message| {
            let points = metric.all(&[9, 1]);
            points.iter().any(|point| point.attributes(9).contains_key("error.type"))
        };
        metrics(all).iter().any(|metric| metric.text(1) == duration && failed(metric))
    });
    for name in ["gen_ai.client.token.usage", "gen_ai.client.operation.time_to_first_chunk"] {
        assert!(has(&messages, name), "{name}");
    }
    let usage =
        metrics(&messages).into_iter().find(|metric| metric.text(1) == "gen_ai.client.token.usage");
    let points = usage.unwrap().all(&[9, 1]);
    let kinds: Vec<_> =
        points.iter().map(|point| point.attributes(9)["gen_ai.token.type"].clone()).collect();
    assert!(
        kinds.contains(&"input".to_owned()) && kinds.contains(&"output".to_owned()),
        "{kinds:?}"
    );
    assert!(collector.posts().iter().all(|post| post.path == "/v1/metrics"));
}

#[test]
fn a_trace_that_cannot_be_read_or_is_not_sampled_is_not_joined() {
    let mut collector = Collector::start(200);
    let server = Running::start(&mut exporting(&collector, &[]));
    ask(&server, &format!("00-{TRACE}-{PARENT}-00"), &chat("hello", false));
    for broken in ["", "garbage", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
        ask(&server, broken, &chat("hello", false));
    }
    let messages = collector.until("/v1/traces", |all| spans(all).len() >= 6);
    let all = spans(&messages);
    assert_eq!(all.len(), 6, "the one that is not sampled was sent");
    assert!(all.iter().all(|span| span.hex(1) != TRACE && span.hex(1).len() == 32), "{all:?}");
}

#[test]
fn a_turn_that_fails_has_the_reason_in_its_spans() {
    let mut collector = Collector::start(200);
    let server = Running::start(&mut exporting(&collector, &[]));
    assert_eq!(ask(&server, &sampled(), &chat("MODE:429", true)), 429);
    let all = spans(&collector.until("/v1/traces", |all| spans(all).len() == 2));
    for span in &all {
        expect(&span.attributes(9), "error.type", "usage_limit_reached");
    }
}

#[test]
fn a_collector_that_hangs_or_refuses_holds_up_no_turn_and_what_is_lost_is_counted() {
    for status in [SILENT, 400] {
        let mut collector = Collector::start(status);
        let small = [("OTEL_BSP_MAX_QUEUE_SIZE", "4"), ("OTEL_METRICS_EXPORTER", "none")];
        let server = Running::start(&mut exporting(&collector, &small));
        let began = Instant::now();
        ask(&server, &sampled(), &chat("hello", false));
        collector.until("/v1/traces", |all| !all.is_empty());
        for _ in 0..20 {
            assert_eq!(ask(&server, &sampled(), &chat("hello", false)), 200);
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        let lost = || {
            let page = server.ask("GET", "/metrics", "");
            let line = page.lines().find(|line| line.starts_with("chatmock_traces_lost_total "));
            line.unwrap().rsplit(' ').next().unwrap().parse::<u64>().unwrap()
        };
        // Of 42 spans four wait and four are under way to a collector that hangs.
        while lost() < 34 {
            assert!(began.elapsed() < Duration::from_secs(40), "{}", lost());
        }
        if status == 400 {
            server.line("does not take traces");
        }
    }
}

#[test]
fn a_stop_sends_what_is_left() {
    let mut collector = Collector::start(200);
    let slow = [("OTEL_BSP_SCHEDULE_DELAY", "3600000"), ("OTEL_METRIC_EXPORT_INTERVAL", "3600000")];
    let mut server = Running::start(&mut exporting(&collector, &slow));
    ask(&server, &sampled(), &chat("hello", false));
    server.signal("TERM");
    assert_eq!(server.code(), Some(0));
    collector.until("/v1/traces", |all| spans(all).len() == 2);
    collector.until("/v1/metrics", |all| !all.is_empty());
}

#[test]
fn what_the_variables_ask_for_in_vain_is_a_warning() {
    let collector = Collector::start(200);
    let grpc = [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    let server = Running::start(&mut exporting(&collector, &grpc));
    assert!(server.started.contains("traces are not exported"), "{}", server.started);
    assert_eq!(ask(&server, &sampled(), &chat("hello", false)), 200);
}
