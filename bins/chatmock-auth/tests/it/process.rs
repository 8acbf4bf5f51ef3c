//! A run of the program: what it printed, how it ended, and that no token was in it.

use std::process::{Command, Output, Stdio};

use chatmock_testkit::blocking;
use chatmock_testkit::client::Request;
use chatmock_testkit::process::{Program, Reading};

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
pub(crate) struct Running(pub(crate) Program);

impl Running {
    /// Starts a program; its standard input is ours to write.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(Program::start(command.stdin(Stdio::piped()), Reading::Eager).unwrap())
    }

    /// Waits for a line of standard output with a text in it.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> String {
        self.0.out.until(text)
    }

    /// The address to open.
    #[track_caller]
    pub(crate) fn address(&mut self) -> String {
        self.until("/authorize?").trim().to_owned()
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) {
        self.0.type_line(line);
    }

    /// Sends a signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        self.0.signal(name);
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        let (out, err) = (self.0.out.rest(), self.0.err.rest());
        let code = self.0.child.wait().unwrap().code();
        assert_silent(&out);
        assert_silent(&err);
        Ended { code, out, err }
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

/// Fetches a page, without following where it leads.
pub(crate) fn fetch(address: &str) -> Page {
    let (host, _) = split(address);
    fetch_as(address, host)
}

/// Fetches a page under another host's name.
pub(crate) fn fetch_as(address: &str, host: &str) -> Page {
    let (real, path) = split(address);
    let request = Request::get(&format!("/{path}")).with("host", host).with("connection", "close");
    let reply = blocking::send(real, &request).unwrap();
    let location = reply.header("location").map(str::to_owned);
    Page { status: reply.status, location, body: reply.text() }
}

/// Host and path of an address.
fn split(address: &str) -> (&str, &str) {
    address.strip_prefix("http://").unwrap().split_once('/').unwrap()
}

/// Plays a browser up to the last page, whose address it gives without opening it.
pub(crate) fn approve(address: &str) -> String {
    let page = fetch(address);
    assert_eq!(page.status, 302, "{page:?}");
    page.location.unwrap()
}
