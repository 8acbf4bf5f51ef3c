//! The program as a child process: started, called, read and stopped.

use std::io;
use std::process::{Command, Stdio};

use chatmock_testkit::blocking::Connection;
use chatmock_testkit::client::Request;
use chatmock_testkit::process::{Program, Reading};
use tempfile::TempDir;

/// Returns the program, with no variable in its environment that changes its behaviour.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatmock-server"));
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy().into_owned();
        let steers = ["CHATMOCK_", "CHATGPT_LOCAL_", "CODEX_", "OPENAI_", "OTEL_"]
            .iter()
            .any(|s| shown.starts_with(s));
        if steers || ["PORT", "VERBOSE", "VERBOSE_OBFUSCATION"].contains(&&*shown) {
            command.env_remove(name);
        }
    }
    // No file changes it either.
    command.env("CHATMOCK_CONFIG", "none").args(arguments);
    quiet(&mut command);
    command
}

/// Returns the program as the successor of a shell that first runs a script, which ends with `exec
/// "$0" "$@"`.
#[cfg(unix)]
pub(crate) fn after(script: &str, arguments: &[&str]) -> Command {
    let program = program(arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    quiet(&mut shell);
    shell
}

/// Pipes the output of a command, so that it can be read.
pub(crate) fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped())
}

/// Runs a program that is expected to end by itself; returns its exit code and standard error. One that says nothing and
/// does not end fails the test.
pub(crate) fn refused(command: &mut Command) -> (i32, String) {
    ended(quiet(command))
}

/// Does the same with a command whose input and outputs are set already.
pub(crate) fn ended(command: &mut Command) -> (i32, String) {
    let mut program = Program::start(command, Reading::Eager).unwrap();
    let words = program.err.rest();
    (program.wait().unwrap(), words)
}

/// A running server, which is killed when dropped.
pub(crate) struct Running {
    pub(crate) program: Program,
    /// The lines before the one that announces the address.
    pub(crate) started: String,
    pub(crate) address: String,
    /// The folder for its temporary files.
    pub(crate) temporary: TempDir,
}

impl Running {
    /// Starts the program and reads its standard error up to the line that announces the address.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_in(command, TempDir::new().unwrap())
    }

    /// Starts the program with a folder for its temporary files.
    pub(crate) fn start_in(command: &mut Command, temporary: TempDir) -> Self {
        for name in ["TMPDIR", "TEMP", "TMP"] {
            command.env(name, temporary.path());
        }
        // Lines that no test reads stay in the pipe, which must not block the program.
        let program = Program::start(command, Reading::OnDemand).unwrap();
        let address = program.err.listening().unwrap_or_else(|words| panic!("{words}"));
        let started = program.err.take_seen();
        Self { program, started, address, temporary }
    }

    /// Waits for a line of standard error; returns it with the lines before it.
    pub(crate) fn line(&self, wanted: &str) -> (String, String) {
        self.program.err.take_seen();
        let line = self.program.err.until(wanted);
        let seen = self.program.err.take_seen();
        let before = seen.strip_suffix(&format!("{line}\n")).unwrap_or_default();
        (before.to_owned(), line)
    }

    /// Returns a request that asks for the connection to be closed after the answer.
    fn request(&self, line: &str, body: &str) -> Request {
        let (method, path) = line.split_once(' ').unwrap();
        let request = Request::new(method, path).body(body).with("host", &self.address);
        request.with("connection", "close").with("content-type", "application/json")
    }

    /// Sends a request; the caller reads the answer.
    pub(crate) fn open(&self, method: &str, path: &str, body: &str) -> Connection {
        self.send(&self.request(&format!("{method} {path}"), body)).unwrap()
    }

    /// Sends a request; the caller reads the answer.
    pub(crate) fn send(&self, request: &Request) -> io::Result<Connection> {
        let mut connection = Connection::open(&self.address)?;
        connection.write(&request.bytes())?;
        Ok(connection)
    }

    /// Sends one request; returns the answer as it is on the wire.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        text(self.open(method, path, body))
    }

    /// Sends a request with one more header.
    pub(crate) fn ask_with(&self, (name, value): (&str, &str), line: &str, body: &str) -> String {
        text(self.send(&self.request(line, body).with(name, value)).unwrap())
    }

    /// Sends the same request several times over one connection, many at a time; returns how many
    /// answers came.
    pub(crate) fn flood(&self, line: &str, count: usize) -> usize {
        const AT_A_TIME: usize = 100;
        let mut connection = Connection::open(&self.address).unwrap();
        let request = format!("{line} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        let mut answers = 0;
        while answers < count {
            let batch = AT_A_TIME.min(count - answers);
            connection.write(request.repeat(batch).as_bytes()).unwrap();
            for _ in 0..batch {
                if connection.reply().is_err() {
                    return answers;
                }
                answers += 1;
            }
        }
        answers
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        self.program.signal(name);
    }

    /// Waits until the program has ended, which closes its standard error.
    #[cfg(unix)]
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.program.wait()
    }
}

/// Reads an answer up to the end of its connection.
pub(crate) fn text(mut connection: Connection) -> String {
    String::from_utf8(connection.rest().unwrap().to_vec()).unwrap()
}

pub(crate) fn demo() -> Command {
    program(&["--demo", "--port", "0"])
}

pub(crate) fn chat(content: &str, stream: bool) -> String {
    format!(
        r#"{{"model":"gpt-5.5","stream":{stream},"messages":[{{"role":"user","content":"{content}"}}]}}"#
    )
}
