//! Tests of a program that was suspended while its backend went on.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::process::{Running, chat, program};

const EVENTS: &str = concat!(
    "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n",
    "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"hi\"}\n\n",
    "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":[]}}\n\n",
);

/// A backend that keeps its connections, and can end all of them.
#[derive(Clone, Default)]
struct Kept {
    sockets: Arc<Mutex<Vec<TcpStream>>>,
    turns: Arc<Mutex<usize>>,
}

impl Kept {
    fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let backend = self.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                backend.sockets.lock().unwrap().push(socket.try_clone().unwrap());
                let backend = backend.clone();
                // A connection that ends is the end of its thread.
                std::thread::spawn(move || backend.serve(socket));
            }
        });
        base
    }

    fn serve(&self, mut socket: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(socket.try_clone()?);
        loop {
            let (mut line, mut length) = (String::new(), 0);
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let is_turn = line.starts_with("POST ");
            while !line.trim().is_empty() {
                line.clear();
                reader.read_line(&mut line)?;
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink())?;
            *self.turns.lock().unwrap() += usize::from(is_turn);
            let (kind, body) = match is_turn {
                true => ("text/event-stream", EVENTS),
                false => ("application/json", r#"{"data":[{"id":"m"}]}"#),
            };
            write!(
                socket,
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )?;
        }
    }

    fn end_connections(&self) -> usize {
        let ended = std::mem::take(&mut *self.sockets.lock().unwrap());
        ended.iter().filter(|socket| socket.shutdown(Shutdown::Both).is_ok()).count()
    }
}

/// Stops a program as a machine that goes to sleep does, and waits until it has stopped.
fn suspend(running: &Running) {
    running.signal("STOP");
    let stat = format!("/proc/{}/stat", running.program.child.id());
    while !fs::read_to_string(&stat).unwrap().contains(") T ") {
        std::thread::yield_now();
    }
}

#[test]
fn the_first_request_after_a_suspension_is_answered_though_every_connection_has_ended() {
    let backend = Kept::default();
    let (base, home) = (backend.start(), TempDir::new().unwrap());
    let flags = ["--port", "0", "--route", "api", "--profile", "generic", "--upstream-url", &base];
    let running = Running::start(program(&flags).env("CHATGPT_LOCAL_HOME", home.path()));
    let ask = || running.ask("POST", "/v1/chat/completions", &chat("hello", false));
    for round in 1..=3 {
        let answer = ask();
        assert!(answer.starts_with("HTTP/1.1 200 "), "round {round}: {answer}");
        suspend(&running);
        assert!(backend.end_connections() > 0, "round {round}: a connection was kept");
        running.signal("CONT");
        let answer = ask();
        assert!(answer.starts_with("HTTP/1.1 200 "), "round {round}: {answer}");
        assert_eq!(*backend.turns.lock().unwrap(), 2 * round, "no turn is made twice");
    }
}
