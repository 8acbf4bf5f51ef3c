//! A program that serves until it is stopped, and what it wrote.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A running program, ended when dropped.
pub(crate) struct BackgroundProgram {
    /// Its address, such as `http://127.0.0.1:49152`.
    pub(crate) url: String,
    child: Mutex<Child>,
    log: Arc<Mutex<String>>,
}

impl BackgroundProgram {
    /// Starts a program and waits until its standard error has the words that it is ready; its address follows them.
    pub(crate) fn start(
        command: &mut Command,
        ready: &'static str,
        patience: Duration,
    ) -> Result<Self, String> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let name = command.get_program().display().to_string();
        let mut child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
        let stderr = child.stderr.take();
        let mut served = Self { url: String::new(), child: Mutex::new(child), log: Arc::default() };

        let (sender, address) = mpsc::channel();
        let log = Arc::clone(&served.log);
        let stderr = stderr.ok_or_else(|| format!("{name} has no standard error"))?;
        thread::spawn(move || listen(stderr, ready, &sender, &log));
        served.url = address.recv_timeout(patience).map_err(|_| {
            format!("{name} never said \"{ready}http://…\"; it wrote:\n{}", served.stop())
        })?;
        Ok(served)
    }

    /// Ends the program and returns what it wrote.
    pub(crate) fn stop(&self) -> String {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // A program that has already ended cannot be killed; either way it is then collected.
        child.kill().ok();
        child.wait().ok();
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for BackgroundProgram {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Keeps what a program writes, so that its pipe never fills, and passes the address on.
fn listen(stderr: ChildStderr, ready: &str, found: &Sender<String>, log: &Mutex<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if let Some((_, rest)) = line.split_once(ready) {
            let url = rest.split_whitespace().next().unwrap_or_default();
            // Nobody waits any more once the start has timed out.
            found.send(url.to_owned()).ok();
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(&line);
        log.push('\n');
    }
}
