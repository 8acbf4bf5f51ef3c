//! The examples as a newcomer runs them: the proxies in front of a simulated server, driven by clients of three vendors.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]
#![allow(clippy::disallowed_methods, reason = "a test of programs starts them")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use chatmock_simulator::{Backend, Settings};
use chatmock_testkit::backend;
use chatmock_testkit::blocking::Connection;
use chatmock_testkit::client::Request;
use chatmock_testkit::process::{Program, Reading};
use serde_json::{Value, json};

/// The program of an example, which Cargo builds with the tests of its package.
fn example(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let folder: PathBuf = tests.ancestors().nth(2).unwrap().join("examples");
    let program = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let hint =
        "with --test, cargo builds no examples: cargo build -p chatmock-translate --examples";
    assert!(program.is_file(), "{} is not there; {hint}", program.display());
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A proxy that runs, in front of the simulator's public API.
struct Proxy {
    program: Program,
    address: String,
    _backend: backend::Backend,
}

impl Proxy {
    fn start(name: &str) -> Self {
        let settings = Settings {
            api_keys: vec!["sk-simulated".into(), String::new()],
            ..Settings::default()
        };
        let backend = backend::Backend::start(settings).unwrap();
        let mut command = example(name);
        command.env("UPSTREAM_URL", backend.simulator.url_of(Backend::Api));
        command.env("UPSTREAM_KEY", "sk-simulated").env("PORT", "0");
        let program = Program::start(&mut command, Reading::OnDemand).unwrap();
        let line = program.out.until("listening on http://");
        let address = line.rsplit("http://").next().unwrap().trim().to_owned();
        Self { program, address, _backend: backend }
    }

    fn ask(&self, path: &str, body: &Value) -> String {
        let request = Request::post(path, body.to_string()).with("host", &self.address);
        let mut connection = Connection::open(&self.address).unwrap();
        connection.write(&request.with("connection", "close").bytes()).unwrap();
        String::from_utf8(connection.rest().unwrap().to_vec()).unwrap()
    }
}

/// The three dialects: path, the members beside the question, and what ends a stream.
fn dialects() -> [(&'static str, Value, &'static str); 3] {
    [
        ("/v1/chat/completions", json!({}), "data: [DONE]"),
        ("/v1/messages", json!({"max_tokens": 100}), "event: message_stop"),
        ("/api/chat", json!({}), "\"done\":true"),
    ]
}

fn question(more: &Value, stream: bool) -> Value {
    let mut body = json!({"model": "gpt-5.5", "stream": stream,
        "messages": [{"role": "user", "content": "hello"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn proxies_every_dialect(name: &str) {
    let proxy = Proxy::start(name);
    for (path, more, end) in dialects() {
        let whole = proxy.ask(path, &question(&more, false));
        assert!(
            whole.starts_with("HTTP/1.1 200") && whole.contains("You said: hello"),
            "{path}: {whole}"
        );
        let streamed = proxy.ask(path, &question(&more, true));
        assert!(
            streamed.starts_with("HTTP/1.1 200") && streamed.contains(end),
            "{path}: {streamed}"
        );
        let refused = proxy.ask(path, &json!({"model": "gpt-5.5", "max_tokens": 9, "messages": 5}));
        assert!(
            refused.starts_with("HTTP/1.1 400") && refused.contains("messages"),
            "{path}: {refused}"
        );
        let failed =
            proxy.ask(path, &question(&json!({"max_tokens": 100, "model": "nosuch"}), false));
        assert!(failed.starts_with("HTTP/1.1 4") && failed.contains("error"), "{path}: {failed}");
    }
    let two = proxy.ask("/v1/chat/completions", &question(&json!({"n": 2}), true));
    assert!(two.contains("\"index\":1") && two.ends_with("0\r\n\r\n"), "{two}");
    assert!(proxy.program.err.take_seen().is_empty());
}

#[test]
fn the_proxy_with_axum_serves_three_dialects() {
    proxies_every_dialect("axum_proxy");
}

#[test]
fn the_proxy_with_hyper_serves_three_dialects() {
    proxies_every_dialect("hyper_proxy");
}

#[test]
fn a_turn_without_a_network_prints_what_goes_out_and_what_comes_back() {
    let output = example("one_turn").output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && shown.contains("to the backend: {"), "{shown}");
    assert!(shown.contains("I think.") && shown.contains("data: [DONE]"), "{shown}");
}

#[test]
fn a_file_of_requests_is_converted_line_by_line() {
    let mut command = example("batch_convert");
    command.stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let good = question(&json!({}), false);
    let lines = format!("{good}\nnonsense\n{good}\n");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let converted = String::from_utf8(output.stdout).unwrap();
    assert_eq!(converted.lines().count(), 2, "{converted}");
    let first: Value = serde_json::from_str(converted.lines().next().unwrap()).unwrap();
    assert_eq!(first["input"][0]["role"], "user");
    assert!(String::from_utf8(output.stderr).unwrap().contains("line 2: "));
}
