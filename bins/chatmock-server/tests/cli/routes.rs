//! Tests of the program as a process: the choice of the backend, and messages about settings that
//! cannot work.

use std::io::Write;
use std::net::TcpListener;

use crate::process::{Running, chat, program, refused};

/// Returns a port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn the_route_in_use_is_told_at_the_start_and_by_the_server() {
    let base = format!("http://127.0.0.1:{}/v1", free_port());
    let arguments = ["--port=0", "--route=api", "--upstream-url", &base];
    let server = Running::start(&mut program(&arguments));
    assert!(server.started.contains(&format!("route api ({base})")), "{}", server.started);
    let health = server.ask("GET", "/health?verbose", "");
    assert!(health.contains(r#""route":"api""#) && health.contains(&base), "{health}");
    assert!(!server.ask("GET", "/health", "").contains("route"));
    let answer = server.ask("POST", "/v1/chat/completions", &chat("hello", false));
    assert!(answer.contains("upstream_refused") && answer.contains("--upstream-url"), "{answer}");
}

#[test]
fn a_demo_answers_by_every_route() {
    for route in ["codex", "plan", "api"] {
        let server = Running::start(&mut program(&["--demo", "--port=0", "--route", route]));
        let answer = server.ask("POST", "/v1/chat/completions", &chat("hello", false));
        assert!(answer.contains("You said: hello"), "{route}: {answer}");
        let health = server.ask("GET", "/health?verbose", "");
        assert!(health.contains(&format!(r#""route":"{route}""#)), "{health}");
    }
}

#[test]
fn a_server_does_not_call_itself() {
    for host in ["127.0.0.1", "localhost"] {
        let port = free_port().to_string();
        let base = format!("http://{host}:{port}/v1");
        let arguments = ["--route=api", "--port", &port, "--upstream-url", &base];
        let (code, error) = refused(&mut program(&arguments));
        assert_eq!(code, 2, "{error}");
        assert!(error.contains("is the address of this server itself"), "{error}");
    }
}

#[test]
fn what_cannot_work_is_one_line_that_names_the_setting() {
    let mut key = tempfile::NamedTempFile::new().unwrap();
    key.write_all(b"sk-secret-1\nsk-secret-2\n").unwrap();
    let path = key.path().to_str().unwrap();
    for (arguments, named) in [
        (&["--route=api"][..], "--upstream-key-file"),
        (&["--route=plan", "--upstream-key-file", path], "--upstream-key-file needs --route api"),
        (&["--route=api", "--upstream-key-file", path], "the file must hold the key alone"),
        (&["--profile=openai"], "--profile needs --route api"),
        (&["--route=plan", "--borrow-codex"], "--borrow-codex needs --route codex"),
        (&["--upstream-url=not an address"], "address"),
        (&["--upstream-url=http://example.org/v1"], "https"),
    ] {
        let (code, error) = refused(program(arguments).arg("--port=0"));
        assert_eq!((code, error.lines().count()), (2, 1), "{arguments:?}: {error}");
        assert!(error.starts_with("error: ") && error.contains(named), "{arguments:?}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let (code, error) = refused(&mut program(&["--route=other"]));
    assert!(code == 2 && error.contains("codex, plan, api"), "{error}");
}

#[test]
fn an_address_without_a_path_is_warned_of() {
    let base = format!("http://127.0.0.1:{}", free_port());
    let arguments = ["--port=0", "--route=api", "--upstream-url", &base];
    let server = Running::start(&mut program(&arguments));
    assert!(
        server.started.contains(&format!("most servers expect {base}/v1")),
        "{}",
        server.started
    );
}

#[test]
fn what_openai_s_programs_read_counts_on_the_api_route_only() {
    let base = format!("http://127.0.0.1:{}/v1", free_port());
    let with = |arguments: &[&str]| {
        let mut command = program(arguments);
        command.env("OPENAI_API_KEY", "sk-secret-1").env("OPENAI_BASE_URL", &base);
        command
    };
    let server = Running::start(&mut with(&["--port=0", "--route=api"]));
    assert!(server.started.contains(&format!("route api ({base})")), "{}", server.started);
    for (route, used) in [("api", true), ("codex", false), ("plan", false)] {
        let shown = with(&["config", "show", "--route", route]).output().unwrap().stdout;
        let shown = String::from_utf8(shown).unwrap();
        for name in ["OPENAI_API_KEY", "OPENAI_BASE_URL"] {
            let words = format!("variable {name} is used instead");
            assert_eq!(shown.contains(&words), used, "{shown}");
        }
        assert!(!shown.contains("sk-secret"));
    }
}
