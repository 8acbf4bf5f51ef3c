//! The program as a child process: started, asked, read and ended.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use tempfile::TempDir;

/// How long anything may take that is expected to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program with nothing in its environment that steers it.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatmock-server"));
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy().into_owned();
        let steers = ["CHATMOCK_", "CHATGPT_LOCAL_", "CODEX_", "OPENAI_"]
            .iter()
            .any(|s| shown.starts_with(s));
        if steers || ["PORT", "VERBOSE", "VERBOSE_OBFUSCATION"].contains(&&*shown) {
            command.env_remove(name);
        }
    }
    // Nor is there a file that does.
    command.env("CHATMOCK_CONFIG", "none").args(arguments);
    quiet(&mut command);
    command
}

/// The program as what a shell becomes that first did something: the script ends with
/// `exec "$0" "$@"`.
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

/// Keeps what a command writes to be read here.
pub(crate) fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped())
}

/// Runs a program that is expected to end by itself; gives its exit code and standard error.
pub(crate) fn refused(command: &mut Command) -> (i32, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

/// A running server, ended when dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) lines: Receiver<String>,
    /// What was written before the program listened.
    pub(crate) started: String,
    pub(crate) address: String,
    /// Where it makes temporary files.
    pub(crate) temporary: TempDir,
}

impl Running {
    /// Starts the program and reads its standard error up to the line that says it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let temporary = TempDir::new().unwrap();
        for name in ["TMPDIR", "TEMP", "TMP"] {
            command.env(name, temporary.path());
        }
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        // What no test reads stays in the pipe, which must stop nobody.
        let (sender, lines) = mpsc::sync_channel(0);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    // Nobody listens any more.
                    break;
                }
            }
        });
        let (started, address) = Default::default();
        let mut running = Self { child, lines, started, address, temporary };
        let (started, line) = running.line("listening on ");
        let (_, address) = line.split_once("listening on http://").unwrap();
        // In a log of JSON the line ends with more than the address.
        running.address = address.split('"').next().unwrap().to_owned();
        running.started = started;
        running
    }

    /// Waits for a line of standard error; gives what came before it, too.
    pub(crate) fn line(&self, wanted: &str) -> (String, String) {
        let mut seen = String::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if line.contains(wanted) {
                return (seen, line);
            }
            seen.push_str(&line);
            seen.push('\n');
        }
        panic!("no line with {wanted:?} in:\n{seen}");
    }

    /// Sends one request and leaves the answer to be read.
    pub(crate) fn open(&self, method: &str, path: &str, body: &str) -> TcpStream {
        let line = format!("{method} {path}");
        self.send(&line, &format!("host: {}", self.address), body).unwrap()
    }

    /// Sends one request of a method and a path, with header lines of its own, the host among them.
    pub(crate) fn send(&self, line: &str, headers: &str, body: &str) -> io::Result<TcpStream> {
        send(&self.address, line, headers, body)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut answer = String::new();
        self.open(method, path, body).read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asks with one header line more.
    pub(crate) fn ask_with(&self, header: &str, line: &str, body: &str) -> String {
        let headers = format!("host: {}\r\n{header}", self.address);
        let mut answer = String::new();
        let mut stream = self.send(line, &headers, body).unwrap();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asks for the same so many times over one connection, many at a time; gives how many answers
    /// came.
    pub(crate) fn flood(&self, line: &str, count: usize) -> usize {
        const AT_A_TIME: usize = 100;
        let mut stream = BufReader::new(TcpStream::connect(&self.address).unwrap());
        stream.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("{line} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        let (mut answers, mut read) = (0, String::new());
        for sent in (0..count).step_by(AT_A_TIME).map(|sent| (sent + AT_A_TIME).min(count)) {
            let requests = request.repeat(sent.saturating_sub(answers));
            stream.get_mut().write_all(requests.as_bytes()).unwrap();
            while answers < sent && stream.read_line(&mut read).unwrap() > 0 {
                answers += read.matches("HTTP/1.1 ").count();
                read.clear();
            }
        }
        answers
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &*id]).status().unwrap().success());
    }

    /// Waits until the program has ended, which closes its standard error.
    #[cfg(unix)]
    pub(crate) fn code(&mut self) -> Option<i32> {
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; either way it is collected.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends one request to any server.
pub(crate) fn send(address: &str, line: &str, headers: &str, body: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{line} HTTP/1.1\r\n{headers}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len(),
    )?;
    Ok(stream)
}

pub(crate) fn demo() -> Command {
    program(&["--demo", "--port", "0"])
}

pub(crate) fn chat(content: &str, stream: bool) -> String {
    format!(
        r#"{{"model":"gpt-5.5","stream":{stream},"messages":[{{"role":"user","content":"{content}"}}]}}"#
    )
}
