//! The figures as Prometheus' own tools read them: its linter, and a real server that scrapes.
//!
//! They run with `CHATMOCK_TEST_METRICS=1` alone. If the tools are missing (Debian's package `prometheus`), they are then ignored with the
//! reason, except with `CI=true`, where that is a failure.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

#[allow(dead_code, reason = "the tests of the program as a process use the rest")]
#[path = "../cli/process.rs"]
mod process;

use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

use chatmock_testkit::blocking;
use chatmock_testkit::client::{Reply, Request};
use chatmock_testkit::prerequisite::with_programs;
use chatmock_testkit::process::PATIENCE;
use libtest_mimic::{Arguments, Completion, Trial};
use tempfile::TempDir;

use crate::process::{Running, chat, demo};

/// Asks for these tests.
const ASKED: &str = "CHATMOCK_TEST_METRICS";

fn main() -> ExitCode {
    let trials = vec![
        trial("promtool_finds_nothing_to_complain_about", "promtool", lint),
        trial("a_real_prometheus_scrapes_the_figures", "prometheus", scrape),
        trial("a_real_prometheus_scrapes_an_address_of_their_own", "prometheus", scrape_apart),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(name: &str, tool: &'static str, test: fn()) -> Trial {
    Trial::ignorable_test(name, move || {
        if std::env::var_os(ASKED).is_none() {
            return Ok(Completion::ignored_with(format!("it needs 96 MB; {ASKED}=1 asks for it")));
        }
        with_programs(&[tool], || {
            test();
            Ok(())
        })
    })
}

/// Asks for turns of several dialects, streamed and whole, good and bad.
fn use_it(server: &Running) {
    for stream in [true, false] {
        server.ask("POST", "/v1/chat/completions", &chat("hello", stream));
        let body = format!(r#"{{"model":"gpt-5.5","stream":{stream},"input":"hello"}}"#);
        server.ask("POST", "/v1/responses", &body);
    }
    server.ask("POST", "/v1/responses", r#"{"model":"no-such-model","input":"hi"}"#);
}

fn lint() {
    let server = Running::start(&mut demo());
    use_it(&server);
    let reply = get(&server.address, "/metrics");
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let mut tool = Command::new("promtool");
    tool.args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut tool = tool.spawn().unwrap();
    tool.stdin.take().unwrap().write_all(&reply.body).unwrap();
    let output = tool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success() && said.is_empty(),
        "{}\n{}",
        String::from_utf8_lossy(&said),
        reply.text()
    );
}

fn scrape() {
    let server = Running::start(&mut demo());
    use_it(&server);
    scraped(&server.address);
}

fn scrape_apart() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let own = format!("127.0.0.1:{port}");
    let key = ["--api-key", "0123456789abcdef", "--metrics-address", &own];
    let server = Running::start(demo().args(key));
    assert_eq!(get(&server.address, "/metrics").status, 401);
    assert_eq!(get(&own, "/usage").status, 404);
    let page = Request::get("/metrics").with("origin", "http://localhost:3000").with("host", &own);
    assert_eq!(blocking::send(&own, &page).unwrap().status, 403);
    scraped(&own);
}

fn get(address: &str, path: &str) -> Reply {
    blocking::send(address, &Request::get(path).with("host", address)).unwrap()
}

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Lets a Prometheus scrape an address until it has figures from there.
fn scraped(address: &str) {
    let folder = TempDir::new().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let own = format!("127.0.0.1:{port}");
    let settings = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: chatmock\n    static_configs: [{{targets: ['{address}']}}]\n"
    );
    let file = folder.path().join("prometheus.yml");
    std::fs::write(&file, settings).unwrap();
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", file.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
    command.arg(format!("--web.listen-address={own}"));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _prometheus = Ended(child);
    let began = Instant::now();
    for query in ["chatmock_build_info", "chatmock_log_lines_lost_total", "up==1"] {
        loop {
            let path = format!("/api/v1/query?query={query}");
            let answer = blocking::send(&own, &Request::get(&path).with("host", &own));
            let answer = answer.map(|reply| reply.text()).unwrap_or_default();
            if answer.contains("chatmock") && answer.contains("\"value\"") {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{query}: {answer}");
        }
    }
}
