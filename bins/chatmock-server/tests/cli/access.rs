//! Tests of the program as a process: access, limits of connections, and the format of the log.

use std::net::TcpStream;
use std::time::Duration;

use chatmock_testkit::client::Request;

use crate::process::{Running, after, chat, demo, program, refused, text};

const KEY: &str = "a-key-of-sixteen-and-more";

#[test]
fn what_others_can_reach_needs_a_key_or_a_clear_word_that_is_warned_of() {
    let open = ["--demo", "--port", "0", "--host", "0.0.0.0"];
    let (code, error) = refused(&mut program(&open));
    assert_eq!(code, 2);
    assert!(
        error.contains("--api-key-file") && error.contains("--allow-unauthenticated"),
        "{error}"
    );
    let running = Running::start(program(&open).arg("--allow-unauthenticated"));
    assert!(running.started.contains("anyone who can connect"), "{}", running.started);
    let running = Running::start(program(&open).env("CHATMOCK_API_KEY", KEY));
    assert!(!running.started.contains("WARN"), "{}", running.started);
}

#[test]
fn a_key_of_the_file_or_the_variable_lets_in_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, format!("# keys\nann:{KEY}\n")).unwrap();
    let mut command = demo();
    command.arg("--api-key-file").arg(&file).env("CHATMOCK_API_KEY", "ben:another-long-key-of-ben");
    let running = Running::start(&mut command);
    let warned = running.started.contains("chmod 600");
    assert_eq!(warned, cfg!(unix), "{}", running.started);
    let ask = |header| running.ask_with(header, "POST /v1/chat/completions", &chat("hi", false));
    let bearer = format!("Bearer {KEY}");
    for right in [("authorization", &*bearer), ("x-api-key", "another-long-key-of-ben")] {
        assert!(ask(right).starts_with("HTTP/1.1 200 "), "{right:?}");
    }
    for wrong in
        [("x-a", "b"), ("authorization", "Bearer wrong-key-of-nobody"), ("x-api-key", "ann")]
    {
        assert!(ask(wrong).starts_with("HTTP/1.1 401 "), "{wrong:?}");
    }
    assert!(running.ask("GET", "/health", "").starts_with("HTTP/1.1 200 "));
    let (seen, _) = running.line("caller=\"ben\"");
    assert!(seen.contains("caller=\"ann\"") && !seen.contains(KEY), "{seen}");
}

#[test]
fn a_changed_file_of_keys_applies_without_a_restart_and_one_that_cannot_be_used_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let write = |text: &str| {
        let new = folder.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &file).unwrap();
    };
    write(&format!("ann:{KEY}\n"));
    let running = Running::start(demo().arg("--api-key-file").arg(&file));
    let ask = |key| running.ask_with(("x-api-key", key), "GET /v1/models", "");
    assert!(ask(KEY).starts_with("HTTP/1.1 200 "));
    write("ben:another-long-key-of-ben\neve:a-third-long-key-of-eve\n");
    running.line("the API keys were read again: 2 apply now");
    assert!(ask("another-long-key-of-ben").starts_with("HTTP/1.1 200 "));
    assert!(ask(KEY).starts_with("HTTP/1.1 401 "));
    write("# nobody\n");
    let (_, line) = running.line("the API keys stay as they were");
    assert!(line.contains("holds no key"), "{line}");
    assert!(ask("a-third-long-key-of-eve").starts_with("HTTP/1.1 200 "));
    assert!(ask("").starts_with("HTTP/1.1 401 "));
}

#[test]
fn no_message_repeats_a_key() {
    for arguments in [
        &["--api-key", "secret words"][..],
        &["--api-key", "lab el:secret"],
        &["--api-key", "secret\u{e9}"],
        &["--api-key", "secret", "--port", "x"],
    ] {
        let (code, error) = refused(&mut program(arguments));
        assert_eq!(code, 2);
        assert!(!error.contains("secret"), "{error}");
    }
    let help = program(&["--help"]).env("CHATMOCK_API_KEY", "secret").output().unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains("secret"));
}

#[test]
fn a_listed_page_and_a_listed_name_are_answered() {
    let mut command = demo();
    command.args(["--allow-host", "nas.lan", "--allow-unauthenticated"]);
    command.env("CHATMOCK_ALLOW_ORIGIN", "http://localhost:3000,app://obsidian.md");
    let running = Running::start(&mut command);
    let ask = |origin| running.ask_with(("origin", origin), "GET /v1/models", "");
    let answer = ask("app://obsidian.md");
    assert!(answer.contains("access-control-allow-origin: app://obsidian.md"), "{answer}");
    assert!(ask("http://localhost:3001").starts_with("HTTP/1.1 403 "));
    for (host, expected) in [("nas.lan", "HTTP/1.1 200 "), ("evil.lan", "--allow-host evil.lan")] {
        let request = Request::get("/v1/models").with("host", host).with("connection", "close");
        let answer = text(running.send(&request).unwrap());
        assert!(answer.contains(expected), "{answer}");
    }
}

#[test]
fn a_log_in_json_is_json_in_every_line() {
    let mut command = demo();
    command.args(["--log-format", "json", "--verbose"]);
    let mut running = Running::start(&mut command);
    running.ask("POST", "/v1/chat/completions", &chat("marzipan", true));
    running.ask("GET", "/%1b[2J", "");
    running.program.child.kill().unwrap();
    let rest = running.program.err.rest();
    assert!(rest.contains(",\"status\":200,"), "{rest}");
    assert!(!rest.contains("milliseconds\":\""), "{rest}");
    for line in running.started.lines().chain(rest.lines()) {
        assert!(line.starts_with("{\"timestamp\":\"") && line.ends_with('}'), "{line}");
        assert!(!line.contains('\u{1b}') && !line.contains("marzipan"), "{line}");
    }
}

#[test]
fn logging_bodies_is_said_at_the_start() {
    let running = Running::start(demo().arg("--log-bodies"));
    assert!(running.started.contains("--log-bodies is on"), "{}", running.started);
    running.ask("POST", "/v1/chat/completions", &chat("marzipan", false));
    running.line("marzipan");
}

#[cfg(unix)]
#[test]
fn a_limit_of_what_files_may_hold_is_survived() {
    // The limit is so small that the list of models cannot be stored.
    let script = r#"ulimit -f 4 && exec "$0" "$@""#;
    let mut running = Running::start(&mut after(script, &["--demo", "--port", "0"]));
    let answer = running.ask("POST", "/v1/chat/completions", &chat("hello there", false));
    assert!(answer.contains("You said: hello there"), "{answer}");
    running.signal("TERM");
    assert_eq!(running.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_flood_beyond_the_limit_of_open_files_is_survived() {
    let script = r#"ulimit -n 64 && exec "$0" "$@""#;
    let running = Running::start(&mut after(script, &["--demo", "--port", "0"]));
    assert!(running.started.contains("the limit of open files is too low"), "{}", running.started);
    let address = running.address.parse().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(20));
    let mut held: Vec<TcpStream> = (0..500).filter_map(|_| connect().ok()).collect();
    assert!(held.len() > 64, "{}", held.len());
    held.clear();
    // The first connections after the flood may still fail because of it.
    let served = (0..500).any(|_| {
        let reply = running.send(&Request::get("/health")).and_then(|mut sent| sent.reply());
        reply.is_ok_and(|reply| reply.status == 200)
    });
    assert!(served);
}
