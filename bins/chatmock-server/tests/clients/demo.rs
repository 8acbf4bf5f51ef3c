//! The program under test: `chatmock-server --demo` on a port of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use crate::environment;

/// How long the program may take to say that it listens.
const START: Duration = Duration::from_secs(30);
/// What it prints once it is ready; the address follows.
const READY: &str = "listening on ";

/// A server that starts when it is first needed.
pub(crate) struct Demo {
    /// The route that it answers by.
    pub(crate) route: &'static str,
    url: OnceLock<Result<String, String>>,
    child: Mutex<Option<Child>>,
    log: Arc<Mutex<String>>,
}

impl Demo {
    /// A server that answers by a route.
    pub(crate) fn by(route: &'static str) -> Self {
        Self { route, url: OnceLock::new(), child: Mutex::default(), log: Arc::default() }
    }

    /// The server's address, such as `http://127.0.0.1:49152`, or why there is none.
    pub(crate) fn url(&self) -> Result<String, String> {
        self.url.get_or_init(|| self.start()).clone()
    }

    /// Ends the program and returns what it wrote.
    pub(crate) fn stop(&self) -> String {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            // A program that has already ended cannot be killed; either way it is then collected.
            child.kill().ok();
            child.wait().ok();
        }
        self.written()
    }

    fn start(&self) -> Result<String, String> {
        let home = environment::folder().join("home");
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatmock-server"));
        command.args(["--demo", "--host", "127.0.0.1", "--port", "0", "--route", self.route]);
        for (name, _) in std::env::vars_os().filter(|(name, _)| steers(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        command.env("CHATGPT_LOCAL_HOME", &home).env("CODEX_HOME", &home);
        command.env("CHATMOCK_CONFIG", "none");
        // A program that is killed leaves its own folder behind: in a place that is ours.
        let temporary = environment::folder().join("temporary");
        std::fs::create_dir_all(&temporary).map_err(|error| format!("a folder: {error}"))?;
        command.envs(["TMPDIR", "TEMP", "TMP"].map(|name| (name, &temporary)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("the server: {error}"))?;
        let stderr = child.stderr.take();
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);

        let (ready, address) = mpsc::channel();
        let log = Arc::clone(&self.log);
        let stderr = stderr.ok_or("the server has no standard error")?;
        thread::spawn(move || listen(stderr, &ready, &log));
        address.recv_timeout(START).map_err(|_| {
            format!("the server never said \"{READY}http://…\"; it wrote:\n{}", self.written())
        })
    }

    fn written(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether a variable of the caller's environment would change what the server does.
fn steers(name: &str) -> bool {
    ["CHATMOCK_", "CHATGPT_LOCAL_", "CODEX_", "RUST_LOG"]
        .iter()
        .any(|start| name.starts_with(start))
        || ["HOST", "PORT", "VERBOSE", "DEBUG_MODEL"].contains(&name)
}

/// Keeps what the server writes, so that its pipe never fills, and passes the address on.
fn listen(stderr: ChildStderr, ready: &Sender<String>, log: &Mutex<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if let Some(url) = line.strip_prefix(READY) {
            // Nobody waits any more once the start has timed out.
            ready.send(url.trim().to_owned()).ok();
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(&line);
        log.push('\n');
    }
}
