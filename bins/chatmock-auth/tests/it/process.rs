//! A run of the program: what it printed, how it ended, and that no token was in it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long anything may take that is expected to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What stands in every token of the simulator: the start of a refresh token, of an access token of
/// the plan route and of a JWT.
const CANARIES: [&str; 3] = ["rt_simulated", "at_simulated", "eyJ"];

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Runs a program to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// Demands an exit code.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Demands a text on standard output.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.out.contains(text), "no {text:?} in {self:#?}");
        self
    }

    /// Demands a text on standard error.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(self.err.contains(text), "no {text:?} in {self:#?}");
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ended =
            Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert_silent(&ended.out);
        assert_silent(&ended.err);
        ended
    }
}

/// Demands that no token is in a text.
#[track_caller]
pub(crate) fn assert_silent(text: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "a token was printed: {text}");
    }
}

/// A program under way, ended when dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    lines: Receiver<String>,
    seen: String,
    errors: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts a program; its standard input is ours to write.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let (out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            // Nobody listens any more once the test is over.
            lines.for_each(|line| drop(sender.send(line)));
        });
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            err.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, lines, seen: String::new(), errors: Some(errors) }
    }

    /// Waits for a line of standard output with a text in it.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> String {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push_str(&line);
            self.seen.push('\n');
            if line.contains(text) {
                return line;
            }
        }
        panic!("no line with {text:?} in:\n{}", self.seen);
    }

    /// The address to open.
    #[track_caller]
    pub(crate) fn address(&mut self) -> String {
        self.until("/authorize?").trim().to_owned()
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    /// Sends a signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &*id]).status().unwrap().success());
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.seen.extend([&*line, "\n"]),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("no end after:\n{}", self.seen),
            }
        }
        let code = self.child.wait().unwrap().code();
        let err = self.errors.take().unwrap().join().unwrap();
        let out = std::mem::take(&mut self.seen);
        assert_silent(&out);
        assert_silent(&err);
        Ended { code, out, err }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; either way it is collected.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Page {
    /// Where it leads.
    pub(crate) fn location(&self) -> String {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
        found.unwrap().1.to_owned()
    }
}

/// Fetches a page, without following where it leads.
pub(crate) fn fetch(address: &str) -> Page {
    let rest = address.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Page { status, head: head.to_owned(), body: body.to_owned() }
}

/// Plays a browser up to the last page, whose address it gives without opening it.
pub(crate) fn approve(address: &str) -> String {
    let page = fetch(address);
    assert_eq!(page.status, 302, "{page:?}");
    page.location()
}
