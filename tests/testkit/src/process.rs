//! A program as a child process: started, read line by line, signalled and ended.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The longest that a test waits for a line of a program, or for its end.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// When the lines of a program are taken out of its pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As they come, so that the pipe never fills.
    Eager,
    /// As the test asks for them: what it does not read stays in the pipe, as with a log that nobody reads.
    OnDemand,
}

/// A running program, ended when dropped.
#[derive(Debug)]
pub struct Program {
    /// The process.
    pub child: Child,
    /// The lines of its standard output; empty unless the command pipes it.
    pub out: Lines,
    /// The lines of its standard error; empty unless the command pipes it.
    pub err: Lines,
}

impl Program {
    /// Starts a program and reads whichever of its outputs are piped.
    ///
    /// # Errors
    ///
    /// Whatever the system reports.
    pub fn start(command: &mut Command, reading: Reading) -> io::Result<Self> {
        let mut child = command.spawn()?;
        let out = child.stdout.take().map_or_else(Lines::none, |out| Lines::of(out, reading));
        let err = child.stderr.take().map_or_else(Lines::none, |err| Lines::of(err, reading));
        Ok(Self { child, out, err })
    }

    /// Writes a line to standard input, which the command has to pipe.
    pub fn type_line(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    /// Sends a signal by its name, such as `TERM`.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &*id]).status().unwrap().success());
    }

    /// Waits until the program has ended, which closes its outputs; returns its exit code.
    #[track_caller]
    pub fn wait(&mut self) -> Option<i32> {
        self.out.rest();
        self.err.rest();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already; either way it is collected.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The lines of one output of a program.
#[derive(Debug)]
pub struct Lines {
    lines: Receiver<String>,
    seen: RefCell<String>,
}

impl Lines {
    fn none() -> Self {
        Self { lines: mpsc::channel().1, seen: RefCell::default() }
    }

    fn of(output: impl Read + Send + 'static, reading: Reading) -> Self {
        let output = BufReader::new(output).lines().map_while(Result::ok);
        let lines = match reading {
            Reading::Eager => {
                let (sender, lines) = mpsc::channel();
                // A test that is over listens no more; the pipe is read on.
                std::thread::spawn(move || output.for_each(|line| drop(sender.send(line))));
                lines
            }
            Reading::OnDemand => {
                let (sender, lines) = mpsc::sync_channel(0);
                std::thread::spawn(move || {
                    let mut output = output;
                    output.try_for_each(|line| sender.send(line).ok())
                });
                lines
            }
        };
        Self { lines, seen: RefCell::default() }
    }

    /// Waits for a line that contains a text.
    ///
    /// # Errors
    ///
    /// The words that no such line came, with what came instead.
    pub fn find(&self, text: &str) -> Result<String, String> {
        self.find_within(text, PATIENCE)
    }

    /// As [`Self::find`], with another patience for each line.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn find_within(&self, text: &str, patience: Duration) -> Result<String, String> {
        while let Ok(line) = self.lines.recv_timeout(patience) {
            self.seen.borrow_mut().extend([&*line, "\n"]);
            if line.contains(text) {
                return Ok(line);
            }
        }
        Err(format!("no line with {text:?} in:\n{}", self.seen.borrow()))
    }

    /// Waits for a line that contains a text; a test that gets none stops.
    #[track_caller]
    pub fn until(&self, text: &str) -> String {
        self.find(text).unwrap_or_else(|words| panic!("{words}"))
    }

    /// Waits for the line `listening on http://…` of a server; returns the address without the scheme.
    ///
    /// # Errors
    ///
    /// As [`Self::find`].
    pub fn listening(&self) -> Result<String, String> {
        const READY: &str = "listening on http://";
        let line = self.find(READY)?;
        let (_, address) = line.split_once(READY).unwrap_or_default();
        // In a log of JSON the line continues after the address.
        Ok(address.split(['"', ' ']).next().unwrap_or_default().to_owned())
    }

    /// Takes the text of all lines that were read since it was last taken.
    pub fn take_seen(&self) -> String {
        self.seen.take()
    }

    /// Waits for the end of the output; returns the text of all lines that were not taken before.
    #[track_caller]
    pub fn rest(&self) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.seen.borrow_mut().extend([&*line, "\n"]),
                Err(RecvTimeoutError::Disconnected) => return self.take_seen(),
                Err(RecvTimeoutError::Timeout) => panic!("no end after:\n{}", self.seen.borrow()),
            }
        }
    }

    /// Drops every further line; the thread that does so ends with the output.
    pub fn discard(&mut self) -> JoinHandle<()> {
        let lines = std::mem::replace(&mut self.lines, mpsc::channel().1);
        std::thread::spawn(move || lines.iter().for_each(drop))
    }

    /// Stops reading, so that the pipe is closed at the next line.
    pub fn close(&mut self) {
        self.lines = mpsc::channel().1;
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Stdio;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    #[test]
    fn both_outputs_are_read_and_the_exit_code_is_kept() {
        for reading in [Reading::Eager, Reading::OnDemand] {
            let script = "echo one; echo two >&2; read line; echo \"$line\"; exit 3";
            let mut program = Program::start(&mut shell(script), reading).unwrap();
            assert_eq!(program.out.until("on"), "one");
            assert_eq!(program.err.until("two"), "two");
            program.type_line("three");
            assert_eq!(program.out.rest(), "one\nthree\n");
            assert_eq!(program.wait(), Some(3));
        }
    }

    #[test]
    fn an_address_is_read_from_a_plain_log_and_from_one_in_json() {
        for line in
            ["listening on http://127.0.0.1:80", "\"listening on http://127.0.0.1:80\",\"a\""]
        {
            let script = format!("echo '{line}'");
            let program = Program::start(&mut shell(&script), Reading::Eager).unwrap();
            assert_eq!(program.out.listening().unwrap(), "127.0.0.1:80");
            assert!(program.err.find("x").is_err());
        }
    }
}
