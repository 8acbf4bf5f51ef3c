//! Tests about other users of the machine and programs in front of the server: both loopback addresses, a socket
//! in the file system, proxies.

use std::net::{Ipv6Addr, TcpListener};

use chatmock_testkit::client::Request;

use crate::process::{Running, chat, demo, program, refused, text};

const KEY: &str = "a-key-of-sixteen-and-more";

/// Whether this machine has the loopback address of IPv6.
fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

fn port(address: &str) -> u16 {
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}

#[test]
fn both_loopback_addresses_are_held_and_one_line_says_where() {
    for port_flag in [&["--port", "0"][..], &["--port=0", "--host=localhost"]] {
        let mut running = Running::start(program(&["--demo"]).args(port_flag));
        assert!(running.address.starts_with("127.0.0.1:"), "{}", running.address);
        let taken = TcpListener::bind((Ipv6Addr::LOCALHOST, port(&running.address)));
        if has_ipv6() {
            assert!(taken.is_err(), "another program could take it");
            let other = format!("also on http://[::1]:{}", port(&running.address));
            assert!(running.started.contains(&other), "{}", running.started);
            running.address = format!("[::1]:{}", port(&running.address));
            assert!(running.ask("GET", "/health", "").starts_with("HTTP/1.1 200 "));
        }
        running.program.child.kill().unwrap();
        let written = format!("{}{}", running.started, running.program.err.rest());
        assert_eq!(written.matches("listening on ").count(), 1, "{written}");
    }
}

#[test]
fn the_other_loopback_address_in_use_ends_the_start() {
    let Ok(held) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
    let port = held.local_addr().unwrap().port().to_string();
    let (code, error) = refused(&mut program(&["--demo", "--port", &port]));
    assert_eq!(code, 3, "{error}");
    assert!(error.contains(&format!("port {port} on ::1 is in use")), "{error}");
    // Whoever names one address gets that one.
    let one = ["--demo", "--host", "127.0.0.1", "--port", &port];
    let running = Running::start(&mut program(&one));
    assert_eq!(running.address, format!("127.0.0.1:{port}"));
}

#[test]
fn a_request_through_a_proxy_needs_a_key_and_the_answer_names_the_line_to_add() {
    let asks = |running: &Running, header| {
        running.ask_with(header, "POST /v1/chat/completions", &chat("hello", false))
    };
    let headers = [
        ("x-forwarded-for", "192.0.2.1"),
        ("X-Forwarded-Proto", "https"),
        ("forwarded", "for=192.0.2.1"),
        ("x-real-ip", "192.0.2.1"),
    ];
    let running = Running::start(&mut demo());
    for header in headers {
        let answer = asks(&running, header);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{header:?}: {answer}");
        assert!(answer.contains("proxy_needs_key"), "{answer}");
        assert!(answer.contains(r#"api-key-file = \"keys\""#), "{answer}");
    }
    let health = running.ask_with(headers[0], "GET /health", "");
    assert!(health.starts_with("HTTP/1.1 200 "), "it says nothing: {health}");
    let running = Running::start(demo().arg("--allow-unauthenticated"));
    assert!(asks(&running, headers[0]).starts_with("HTTP/1.1 200 "));
    let running = Running::start(demo().env("CHATMOCK_API_KEY", KEY));
    assert!(asks(&running, headers[0]).starts_with("HTTP/1.1 401 "));
    let request = Request::get("/v1/models").with("x-api-key", KEY).with("connection", "close");
    let request = request.with("x-forwarded-for", "192.0.2.1");
    assert!(text(running.send(&request).unwrap()).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_name_that_others_use_needs_a_key_and_the_error_names_the_line_to_add() {
    for name in ["nas.lan", "192.0.2.7", "localhost.lan", "docker.internal"] {
        let (code, error) = refused(demo().args(["--allow-host", name]));
        assert_eq!(code, 2, "{name}: {error}");
        assert!(error.contains(&format!("--allow-host {name}: ")), "{error}");
        assert!(error.contains(r#"api-key-file = "keys""#), "{error}");
    }
    for name in [
        "localhost",
        "chat.localhost",
        "host.docker.internal",
        "host.containers.internal",
        "127.0.0.2",
        "::1",
    ] {
        Running::start(demo().args(["--allow-host", name]));
    }
    let running = Running::start(demo().args(["--allow-host=nas.lan", "--allow-unauthenticated"]));
    assert!(running.started.contains("anyone who can reach nas.lan"), "{}", running.started);
    Running::start(demo().args(["--allow-host", "nas.lan"]).env("CHATMOCK_API_KEY", KEY));
}

#[cfg(unix)]
mod unix {
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;

    use chatmock_testkit::process::{Program, Reading};
    use tempfile::TempDir;

    use super::*;
    use crate::process::after;

    fn ask(path: &Path, request: &str) -> String {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Starts a server at a path alone and waits until it says so.
    fn start(path: &Path, more: &[&str]) -> Program {
        let listen = format!("--listen=unix:{}", path.display());
        let script = r#"umask 000; exec "$0" "$@""#;
        let arguments = [&["--demo", &*listen][..], more].concat();
        let program = Program::start(&mut after(script, &arguments), Reading::OnDemand).unwrap();
        program.err.until(&format!("listening on unix:{}", path.display()));
        let started = program.err.take_seen();
        assert!(!started.contains("http://127"), "{started}");
        program
    }

    #[test]
    fn a_socket_in_the_file_system_is_its_owners_alone_and_replaces_the_port() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("chatmock");
        let mut program = start(&path, &[]);
        let mode = path.symlink_metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{mode:o}");
        for head in ["", "host: localhost\r\n", "host: whatever.test\r\n"] {
            let health = format!("GET /v1/models HTTP/1.1\r\n{head}connection: close\r\n\r\n");
            assert!(ask(&path, &health).starts_with("HTTP/1.1 200 "), "{head:?}");
        }
        let page =
            "GET /v1/models HTTP/1.1\r\norigin: http://evil.test\r\nconnection: close\r\n\r\n";
        assert!(ask(&path, page).starts_with("HTTP/1.1 403 "), "pages are refused here, too");
        let body = chat("hello there", false);
        let length = body.len();
        let turn = format!(
            "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        assert!(ask(&path, &turn).contains("You said: hello there"));
        program.signal("TERM");
        assert_eq!(program.wait(), Some(0));
        assert!(!path.exists(), "it is removed at the end");
    }

    #[test]
    fn with_a_port_both_are_listened_on() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("chatmock");
        let listen = format!("unix:{}", path.display());
        let mut by_flag = demo();
        by_flag.args(["--listen", &listen]);
        let mut by_variable = program(&["--demo", "--listen", &listen]);
        by_variable.env("PORT", "0");
        for command in [&mut by_flag, &mut by_variable] {
            let running = Running::start(command);
            assert!(running.started.contains(&format!("also on {listen}")), "{}", running.started);
            assert!(running.ask("GET", "/health", "").starts_with("HTTP/1.1 200 "));
            let health = "GET /health HTTP/1.1\r\nconnection: close\r\n\r\n";
            assert!(ask(&path, health).starts_with("HTTP/1.1 200 "));
        }
    }

    #[test]
    fn a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("chatmock");
        drop(UnixListener::bind(&path).unwrap());
        let mut first = start(&path, &[]);
        let listen = format!("--listen=unix:{}", path.display());
        let (code, error) = refused(&mut program(&["--demo", &listen]));
        assert_eq!(code, 3, "{error}");
        assert!(error.contains("is in use"), "{error}");
        first.child.kill().unwrap();
        first.child.wait().unwrap();
        start(&path, &[]);
        let file = folder.path().join("file");
        std::fs::write(&file, "words").unwrap();
        let listen = format!("--listen=unix:{}", file.display());
        let (code, error) = refused(&mut program(&["--demo", &listen]));
        assert_eq!(code, 2, "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "words");
        for wrong in ["--listen=unix:", "--listen=/run/x", "--listen=tcp:1"] {
            let (code, error) = refused(&mut program(&["--demo", wrong]));
            assert!(code == 2 && error.contains("unix:/run"), "{error}");
        }
    }
}
