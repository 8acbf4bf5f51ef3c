//! A Redis of the test's own, which can be stopped, started again, paused and asked.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::DEADLINE;

/// The programs that it takes.
pub const PROGRAMS: [&str; 2] = ["redis-server", "redis-cli"];

/// A running Redis, which ends with the test.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    /// The options with which `redis-cli` finds it.
    client: Vec<String>,
    child: Option<Child>,
}

impl Redis {
    /// Starts one on a free port of loopback; what it holds is in memory only.
    ///
    /// # Errors
    ///
    /// Whatever the system reports, and a timeout where it does not answer.
    pub fn start() -> io::Result<Self> {
        Self::with(&[], &[])
    }

    /// Starts one with options of `redis-server`, and those with which `redis-cli` finds it. The words `PORT` and `FOLDER`
    /// stand for the port and for its folder.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn with(options: &[&str], client: &[&str]) -> io::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = TempDir::new()?;
        let place = folder.path().display().to_string();
        let filled = |words: &[&str]| -> Vec<String> {
            let filled =
                |word: &&str| word.replace("PORT", &port.to_string()).replace("FOLDER", &place);
            words.iter().map(filled).collect()
        };
        let (options, client) = (filled(options), filled(client));
        let mut redis = Self { folder, port, options, client, child: None };
        redis.start_again()?;
        Ok(redis)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it after a stop, and waits until it answers.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn start_again(&mut self) -> io::Result<()> {
        let mut command = Command::new("redis-server");
        let port = self.port.to_string();
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--daemonize", "no"]);
        command.arg("--dir").arg(self.folder.path()).args(&self.options);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn()?);
        let begun = Instant::now();
        while self.ask(&["PING"]).ok().as_deref() != Some("PONG") {
            if begun.elapsed() > DEADLINE {
                return Err(ErrorKind::TimedOut.into());
            }
            #[expect(clippy::disallowed_methods, reason = "the engine announces nothing")]
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends it at once, as a power cut does.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Lets it answer nobody, and keep its connections.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let Some(child) = &self.child else { return };
        let id = child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &*id]).status().unwrap().success());
    }

    /// Asks it, and gives its answer as `redis-cli` prints it.
    ///
    /// # Errors
    ///
    /// The words of an answer that is an error.
    pub fn ask(&self, words: &[&str]) -> io::Result<String> {
        let mut command = Command::new("redis-cli");
        command.args(["-e", "--raw", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        let output = command.args(&self.client).args(words).output()?;
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        match output.status.success() {
            true => Ok(text),
            false => Err(io::Error::other(text)),
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
