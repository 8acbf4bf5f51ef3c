//! Tests of the log: a reader that has stopped blocks nothing, and lines that are left out are
//! counted.

use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;

use chatmock_testkit::process::PATIENCE;

use super::process::{Running, chat, demo, program};

/// Returns a member of a line, as a number.
fn number(line: &str, name: &str) -> usize {
    let (_, rest) = line.split_once(&format!("{name}=")).unwrap();
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn a_standard_error_that_nobody_reads_stops_no_request_and_the_lost_lines_are_counted() {
    // Bodies are logged one by one, however many come.
    let running = Running::start(demo().arg("--log-bodies"));
    let asked = 30_000;
    assert_eq!(running.flood("POST /v1/chat/completions", asked), asked);
    let answer = running.ask("POST", "/v1/chat/completions", &chat("hello there", true));
    assert!(answer.contains("data: [DONE]"), "{answer}");
    let (before, line) = running.line("lines of the log were lost");
    let written = before.lines().filter(|line| line.contains("body=\"\"")).count();
    // The two lines of the chat completion were lost as well, and lines about failures: 51 in 10 s.
    let counted = written + number(&line, "lost");
    assert!((asked + 2..asked + 400).contains(&counted), "{counted}: {line}");
    running.ask("GET", "/v1/models", "");
    running.line("path=\"/v1/models\"");
}

#[cfg(unix)]
#[test]
fn a_standard_error_that_nobody_reads_does_not_hold_up_the_end() {
    let mut running = Running::start(demo().arg("--log-bodies"));
    running.flood("POST /v1/chat/completions", 30_000);
    let began = std::time::Instant::now();
    running.signal("TERM");
    let code = running.program.child.wait().unwrap().code();
    assert_eq!(code, Some(0));
    assert!(began.elapsed() < PATIENCE / 6, "{:?}", began.elapsed());
}

#[cfg(unix)]
#[test]
fn a_closed_standard_error_stops_nobody() {
    let mut running = Running::start(&mut demo());
    running.program.err.close();
    // The reading thread ends at the next line, and closes the pipe.
    assert_eq!(running.flood("GET /nowhere", 2_000), 2_000);
    assert_eq!(running.flood("GET /health", 2_000), 2_000);
    running.signal("TERM");
    assert_eq!(running.program.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_server_whose_models_cannot_be_listed_is_warned_of_with_the_flag_that_helps() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let running =
        Running::start(&mut program(&["--port=0", "--route=api", "--upstream-url", &upstream]));
    let told = "no models are listed";
    let early = running.started.lines().find(|line| line.contains(told)).map(str::to_owned);
    let line = early.unwrap_or_else(|| running.line(told).1);
    assert!(line.contains("WARN") && line.contains("refused"), "{line}");
    assert!(line.contains("--model-list"), "{line}");
}

#[test]
fn an_alias_for_a_model_that_is_not_listed_is_warned_of() {
    let running = Running::start(demo().args(["--alias=foo=nosuch", "--alias=bar=gpt-5.5:low!"]));
    let told = "--alias foo=nosuch: the model nosuch is not listed";
    if !running.started.contains(told) {
        running.line(told);
    }
    assert!(!running.started.contains("--alias bar"), "{}", running.started);
}

#[test]
fn what_went_before_a_bad_end_is_written_before_it_too() {
    let mut command = program(&["--demo", "--host", "192.0.2.1", "--allow-unauthenticated"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut written = String::new();
    child.stderr.take().unwrap().read_to_string(&mut written).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let (warned, ended) = (written.find("WARN").unwrap(), written.find("error: ").unwrap());
    assert!(warned < ended && written.contains("cannot listen"), "{written}");
}

/// Returns how many requests a summary covers.
fn summed(line: &str) -> usize {
    let is_sum = line.contains("more requests failed") || line.contains("more requests succeeded");
    if is_sum { number(line, "requests") } else { 0 }
}

#[cfg(unix)]
#[test]
fn a_hundred_thousand_requests_write_little_and_every_one_is_accounted_for() {
    const EACH: usize = 25_000;
    const KEY: &str = "a-key-of-sixteen-and-more";
    let mut running = Running::start(demo().env("CHATMOCK_API_KEY", KEY));
    // A request without a key is answered as well, but its connection is closed.
    let keyed = |path| format!("GET {path} HTTP/1.1\r\nx-api-key: {KEY}\r\nx-rest: ");
    assert_eq!(running.flood("GET /health", EACH), EACH);
    for path in ["/nowhere", "/v1/chat/completions", "/v1/models"] {
        assert_eq!(running.flood(&keyed(path), EACH), EACH);
    }
    running.signal("TERM");
    let (mut accounted, mut bytes) = (0, 0);
    for line in running.program.err.rest().lines() {
        accounted += summed(line) + usize::from(line.contains("path="));
        bytes += line.len() + 1;
    }
    assert_eq!(accounted, 4 * EACH);
    assert!(bytes < 300_000, "{bytes} bytes");
    assert_eq!(running.program.child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn the_last_refused_requests_are_told_of_by_their_status_at_a_second_signal_too() {
    let mut running = Running::start(&mut demo());
    let mut connection =
        running.open("POST", "/v1/chat/completions", &chat("MODE:slow:1000:60000", true));
    connection.head().unwrap();
    running.flood("GET /nowhere", 300);
    running.flood("GET /api/chat", 20);
    running.flood("GET /health", 100);
    running.signal("TERM");
    let (before, _) = running.line("stopping");
    running.signal("TERM");
    let (_, line) = running.line("more requests failed");
    assert!(line.contains("requests=270") && line.contains("404: 250, 405: 20"), "{line}");
    assert_eq!(before.lines().filter(|line| line.contains("status=404")).count(), 50);
    assert_eq!(before.lines().filter(|line| line.contains("path=\"/health\"")).count(), 50);
    let (_, line) = running.line("more requests succeeded");
    assert!(line.contains("requests=50") && line.contains("200: 50"), "{line}");
    assert_eq!(running.code(), Some(143));
}

#[cfg(unix)]
#[test]
fn a_signal_switches_the_detail_of_the_log_on_and_off_and_never_the_bodies() {
    let running = Running::start(&mut demo());
    running.signal("USR1");
    running.line("the level of the log is debug");
    running.ask("POST", "/v1/chat/completions", &chat("canary-text", false));
    let (before, _) = running.line("outcome=\"complete\"");
    assert!(before.contains("DEBUG") && !before.contains("canary-text"), "{before}");
    running.signal("USR1");
    running.line("the level of the log is info");
    running.ask("POST", "/v1/chat/completions", &chat("canary-text", false));
    let (before, _) = running.line("outcome=\"complete\"");
    assert!(!before.contains("DEBUG"), "{before}");
}
