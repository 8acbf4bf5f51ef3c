//! Tests of what bytes become: small input that would take much memory, from clients and from the backend.
//!
//! The backend here is a script over a socket, since no backend that keeps to a protocol sends such answers.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::process::{Running, program};

/// The most memory that any of these may take, in bytes.
const MOST: u64 = 300 * 1000 * 1000;

/// What a backend writes as an answer to a path.
type Script = dyn Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync;

/// A server of a backend that answers as `script` says; called with a key, so that nobody has to sign in.
fn server_of(
    script: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> (Running, TempDir) {
    let home = TempDir::new().unwrap();
    (server_in(&home, script), home)
}

/// The same, with a home that something is in.
fn server_in(
    home: &TempDir,
    script: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let script: Arc<Script> = Arc::new(script);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let script = Arc::clone(&script);
            // A client that leaves ends the answer.
            std::thread::spawn(move || socket.and_then(|socket| answer(socket, &*script)));
        }
    });
    let flags = ["--port", "0", "--route", "api", "--profile", "generic", "--upstream-url", &base];
    let mut command = program(&flags);
    Running::start(command.env("CHATGPT_LOCAL_HOME", home.path()))
}

fn answer(mut socket: TcpStream, script: &Script) -> std::io::Result<()> {
    let mut reader = BufReader::new(socket.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    script(&path, &mut socket)
}

fn list(socket: &mut TcpStream, body: &str) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
    write!(socket, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn stream(socket: &mut TcpStream) -> std::io::Result<()> {
    write!(
        socket,
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n"
    )
}

/// The most memory that a process has had, in bytes.
fn peak(server: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.program.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    1024 * line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap()
}

fn assert_bounded(server: &Running) {
    let peak = peak(server);
    assert!(peak < MOST, "{} MB", peak / 1_000_000);
    assert!(server.ask("GET", "/health", "").starts_with("HTTP/1.1 200"));
}

const CHAT: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;

/// Asks for an answer; returns its status line and body.
fn asked(server: &Running, path: &str, body: &str) -> String {
    server.ask("POST", path, body)
}

#[test]
fn an_answer_that_never_begins_is_ended_in_time() {
    let (server, _home) = server_of(|path, socket| {
        if path != "/v1/responses" {
            return list(socket, r#"{"data":[{"id":"m"}]}"#);
        }
        stream(socket)?;
        let progress = format!(
            "event: response.in_progress\ndata: {{\"type\":\"response.in_progress\",\"response\":{{\"id\":\"{}\"}}}}\n\n",
            "x".repeat(10_000)
        );
        loop {
            socket.write_all(progress.as_bytes())?;
        }
    });
    for (path, body) in [
        ("/v1/chat/completions", CHAT),
        (
            "/v1/chat/completions",
            r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#,
        ),
        ("/v1/responses", r#"{"model":"m","input":"hi"}"#),
        ("/api/chat", r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#),
        ("/v1/completions", r#"{"model":"m","prompt":"hi"}"#),
    ] {
        let answer = asked(&server, path, body);
        assert!(answer.contains("and no output"), "{path}: {answer}");
    }
    assert_bounded(&server);
}

#[test]
fn a_whole_reply_that_never_ends_is_ended_in_time() {
    let (server, _home) = server_of(|path, socket| {
        if path != "/v1/responses" {
            return list(socket, r#"{"data":[{"id":"m"}]}"#);
        }
        stream(socket)?;
        let delta = format!(
            "data: {{\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"{}\"}}\n\n",
            "x".repeat(10_000)
        );
        loop {
            socket.write_all(delta.as_bytes())?;
        }
    });
    for (path, body) in [
        ("/v1/chat/completions", CHAT),
        ("/v1/responses", r#"{"model":"m","input":"hi"}"#),
        ("/api/generate", r#"{"model":"m","prompt":"hi","stream":false}"#),
    ] {
        let answer = asked(&server, path, body);
        assert!(answer.starts_with("HTTP/1.1 502"), "{path}: {answer}");
        assert!(answer.contains("larger than this server gathers"), "{path}: {answer}");
    }
    assert_bounded(&server);
}

#[test]
fn a_list_of_a_million_models_is_neither_used_nor_kept() {
    let slugs: Vec<String> =
        (0..980_000).map(|number| format!("{{\"id\":\"m{number}\"}}")).collect();
    let body = format!("{{\"data\":[{}]}}", slugs.join(","));
    assert!(body.len() < 16 * 1024 * 1024);
    let (server, home) = server_of(move |path, socket| {
        if path != "/v1/responses" {
            return list(socket, &body);
        }
        stream(socket)?;
        write!(
            socket,
            "data: {{\"type\":\"response.completed\",\"response\":{{\"id\":\"r\",\"output\":[]}}}}\n\n"
        )
    });
    let answer = asked(&server, "/v1/chat/completions", CHAT);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_bounded(&server);
    assert!(!kept(home.path()));
}

#[test]
fn a_pipe_in_the_place_of_the_models_cache_delays_no_request() {
    let home = TempDir::new().unwrap();
    let pipe = home.path().join("chatmock_models_cache.json");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let server = server_in(&home, |path, socket| {
        if path != "/v1/responses" {
            return list(socket, r#"{"data":[{"id":"m-of-the-backend"}]}"#);
        }
        stream(socket)?;
        write!(
            socket,
            "data: {{\"type\":\"response.completed\",\"response\":{{\"id\":\"r\",\"output\":[]}}}}\n\n"
        )
    });
    for round in 1..=3 {
        let start = Instant::now();
        let answer = asked(&server, "/v1/chat/completions", CHAT);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(start.elapsed() < Duration::from_secs(1), "request {round}: {:?}", start.elapsed());
    }
    let models = server.ask("GET", "/v1/models", "");
    assert!(models.contains("m-of-the-backend"), "the list is fetched: {models}");
}

/// Whether a list of models was kept for the next start.
fn kept(home: &Path) -> bool {
    fs::metadata(home.join("chatmock_models_cache.json")).is_ok_and(|file| file.len() > 1_000_000)
}

#[test]
fn a_body_of_millions_of_small_things_is_refused_by_name() {
    let (server, _home) = server_of(|_, socket| list(socket, r#"{"data":[{"id":"m"}]}"#));
    let up_to = |bytes: usize, what: &str| {
        let mut all = what.repeat(bytes / what.len());
        all.truncate(all.trim_end_matches(',').len());
        all
    };
    let many = |what| up_to(6_000_000, what);
    let parts = up_to(60_000_000, r#"{"type":"text","text":""},"#);
    for (path, member, body) in [
        (
            "/v1/chat/completions",
            "messages",
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{}]}}]}}"#, parts),
        ),
        (
            "/v1/chat/completions",
            "messages",
            format!(r#"{{"model":"m","messages":[{}]}}"#, many(r#"{"role":"user","content":""},"#)),
        ),
        (
            "/v1/chat/completions",
            "tools",
            format!(r#"{{"model":"m","messages":[],"tools":[{}]}}"#, many("{},")),
        ),
        (
            "/v1/chat/completions",
            "stop",
            format!(r#"{{"model":"m","messages":[],"stop":[{}]}}"#, many("\"\",")),
        ),
        ("/v1/responses", "input", format!(r#"{{"model":"m","input":[{}]}}"#, many("{},"))),
        ("/v1/completions", "prompt", format!(r#"{{"model":"m","prompt":[{}]}}"#, many("\"\","))),
        ("/api/chat", "messages", format!(r#"{{"model":"m","messages":[{}]}}"#, many("{},"))),
        (
            "/api/generate",
            "images",
            format!(r#"{{"model":"m","prompt":"a","images":[{}]}}"#, many("\"\",")),
        ),
        (
            "/v1/chat/completions",
            "metadata",
            format!(r#"{{"model":"m","messages":[],"metadata":{{{}}}}}"#, many("\"a\":1,")),
        ),
    ] {
        let answer = asked(&server, path, &body);
        assert!(answer.starts_with("HTTP/1.1 400"), "{path} {member}: {answer}");
        assert!(answer.contains(member), "{path} {member}: {answer}");
    }
    assert_bounded(&server);
}

#[test]
fn a_body_of_millions_of_empty_gzip_members_is_refused_at_once() {
    let (server, _home) = server_of(|_, socket| list(socket, r#"{"data":[{"id":"m"}]}"#));
    let member = GzEncoder::new(Vec::new(), Compression::fast()).finish().unwrap();
    let body = member.repeat(20_000_000 / member.len());
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        server.address,
        body.len()
    );
    let mut socket = TcpStream::connect(&server.address).unwrap();
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(&body).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("too many members"), "{answer}");
    assert_bounded(&server);
}
