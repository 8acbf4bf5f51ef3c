//! A program that serves until it is stopped, with its output.

use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chatmock_testkit::process::{Program, Reading};

/// A running program, which is killed when dropped.
pub(crate) struct BackgroundProgram {
    /// Its address, such as `http://127.0.0.1:49152`.
    pub(crate) url: String,
    program: Mutex<Program>,
}

impl BackgroundProgram {
    /// Starts a program and waits until its standard error has the words that announce the address.
    pub(crate) fn start(
        command: &mut Command,
        ready: &str,
        patience: Duration,
    ) -> Result<Self, String> {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        Self::announced(command, |program| program.err.find_within(ready, patience), ready)
    }

    /// Starts a program that announces its address on its standard output.
    pub(crate) fn start_announcing_on_stdout(
        command: &mut Command,
        ready: &str,
        patience: Duration,
    ) -> Result<Self, String> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::announced(command, |program| program.out.find_within(ready, patience), ready)
    }

    fn announced(
        command: &mut Command,
        line: impl FnOnce(&Program) -> Result<String, String>,
        ready: &str,
    ) -> Result<Self, String> {
        command.stdin(Stdio::null());
        let name = command.get_program().display().to_string();
        let program = Program::start(command, Reading::Eager);
        let program = program.map_err(|error| format!("{name}: {error}"))?;
        let line = line(&program);
        let line = line.map_err(|words| format!("{name} is not ready: {words}"))?;
        let rest = line.split_once(ready).unwrap_or_default().1;
        let url = rest.split_whitespace().next().unwrap_or_default().to_owned();
        Ok(Self { url, program: Mutex::new(program) })
    }

    /// Stops the program and returns its output.
    pub(crate) fn stop(&self) -> String {
        let mut program = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        // A program that has already ended cannot be killed.
        program.child.kill().ok();
        program.err.rest()
    }
}
