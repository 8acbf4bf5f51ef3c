//! A Redis of the test's own, which can be stopped, started again, paused and asked.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::DEADLINE;
use crate::prerequisite::find_program;

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
        let folder = TempDir::new()?;
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let (options, client) = (owned(options), owned(client));
        let mut redis = Self { folder, port: 0, options, client, child: None };
        let begun = Instant::now();
        loop {
            redis.port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            // Another program may take the port before it does.
            if redis.begin(begun)? {
                return Ok(redis);
            }
        }
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
        let begun = Instant::now();
        // A connection of another program may have the port as its own end for a moment.
        while !self.begin(begun)? {}
        Ok(())
    }

    /// Starts it, and waits until it answers; returns `false` where it ended instead.
    fn begin(&mut self, begun: Instant) -> io::Result<bool> {
        self.stop();
        let mut command = command();
        let port = self.port.to_string();
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--daemonize", "no"]);
        command.arg("--dir").arg(self.folder.path()).args(self.filled(&self.options));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let own = format!("process_id:{}", child.id());
        // Whoever else has the port may answer as well.
        let answers = |redis: &Self| {
            redis.ask(&["INFO", "server"]).is_ok_and(|info| info.lines().any(|line| line == own))
        };
        while !answers(self) {
            if child.try_wait()?.is_some() {
                return Ok(false);
            }
            if begun.elapsed() > DEADLINE {
                child.kill().ok();
                child.wait().ok();
                return Err(ErrorKind::TimedOut.into());
            }
            #[expect(clippy::disallowed_methods, reason = "the engine announces nothing")]
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child = Some(child);
        Ok(true)
    }

    fn filled(&self, words: &[String]) -> Vec<String> {
        let (port, place) = (self.port.to_string(), self.folder.path().display().to_string());
        words.iter().map(|word| word.replace("PORT", &port).replace("FOLDER", &place)).collect()
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
        let output = command.args(self.filled(&self.client)).args(words).output()?;
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        match output.status.success() {
            true => Ok(text),
            false => Err(io::Error::other(text)),
        }
    }
}

/// The command of the server. Where it can be, it ends with the thread that starts it, also when that is killed: one that
/// was left over would go on for ever.
fn command() -> Command {
    if !cfg!(target_os = "linux") || find_program("setpriv").is_none() {
        return Command::new("redis-server");
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "redis-server"]);
    command
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
