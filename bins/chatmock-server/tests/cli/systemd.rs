//! Tests under a service manager: its sockets are used, and it is notified of start and stop.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{Running, after, demo, ended};

/// Returns the program with a socket as its third descriptor, as `sd_listen_fds(3)` describes it.
///
/// The process id is part of that protocol, so a shell sets it and then becomes the program.
fn with_socket(socket: TcpListener, arguments: &[&str]) -> Command {
    let script = r#"exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@""#;
    let mut shell = after(script, arguments);
    shell.stdin(Stdio::from(OwnedFd::from(socket)));
    shell
}

#[test]
fn a_socket_that_is_handed_over_is_the_one_that_answers() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let server = Running::start(&mut with_socket(socket, &["--demo", "--port", "1"]));
    assert_eq!(server.address, address);
    assert!(server.ask("GET", "/health", "").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_socket_that_others_can_reach_needs_a_key() {
    let socket = TcpListener::bind("0.0.0.0:0").unwrap();
    let (code, error) = ended(&mut with_socket(socket, &["--demo"]));
    assert_eq!(code, 2);
    assert!(error.contains("--api-key-file"), "{error}");
}

#[test]
fn start_and_stop_are_told() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut server = Running::start(demo().env("NOTIFY_SOCKET", &path));
    let heard = || {
        let mut bytes = [0; 64];
        let length = manager.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    assert_eq!(heard(), "READY=1\n");
    server.signal("TERM");
    assert_eq!(heard(), "STOPPING=1\n");
    assert_eq!(server.code(), Some(0));
}
