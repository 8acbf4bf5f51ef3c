//! Servers that share a sign-in, each with a home of its own, over one simulated backend.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chatmock_simulator::{Claims, Settings};
use chatmock_testkit::backend::Backend;
use chatmock_testkit::redis::Redis;
use tempfile::TempDir;

use crate::engine::KEY;
use crate::process::{Running, chat, program};

pub(crate) const QUESTION: &str = "/v1/chat/completions";

/// The times that something is tried.
pub(crate) fn rounds(usual: usize) -> usize {
    let rounds = std::env::var("CHATMOCK_TEST_ROUNDS").ok();
    rounds.map_or(usual, |rounds| rounds.parse().unwrap())
}

/// A backend that ends a session whose refresh token is used twice, an engine, and homes.
pub(crate) struct Fleet {
    pub(crate) backend: Backend,
    pub(crate) redis: Redis,
    /// The lease of a renewal, in seconds. A short one lets a test see the renewal of another server after a kill.
    pub(crate) lease: u64,
    folder: TempDir,
}

impl Fleet {
    /// A fleet whose first home has a sign-in that ends so many seconds from now.
    pub(crate) fn new(seconds: i64, settings: Settings) -> Self {
        let backend = Backend::start(Settings { revoke_on_reuse: true, ..settings }).unwrap();
        let folder = TempDir::new().unwrap();
        private(&folder.path().join("keys"), KEY);
        let fleet = Self { backend, redis: Redis::start().unwrap(), lease: 2, folder };
        fleet.sign_in(0, seconds);
        fleet
    }

    pub(crate) fn sign_in(&self, number: usize, seconds: i64) {
        let tokens = self.backend.simulator.tokens(Claims::expiring_in(seconds));
        fs::create_dir_all(self.home(number)).unwrap();
        private(&self.home(number).join("auth.json"), &tokens.auth_json());
    }

    pub(crate) fn home(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("home-{number}"))
    }

    /// The sign-in in a home.
    pub(crate) fn stored(&self, number: usize) -> serde_json::Value {
        let text = fs::read(self.home(number).join("auth.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    pub(crate) fn fence(&self, number: usize) -> u64 {
        self.stored(number)["shared"]["fence"].as_u64().unwrap()
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// The command of a server.
    pub(crate) fn command(&self, number: usize, url: &str) -> std::process::Command {
        self.command_on(0, number, url)
    }

    /// The command of a server on a port.
    pub(crate) fn command_on(&self, port: u16, number: usize, url: &str) -> std::process::Command {
        let (port, lease) = (port.to_string(), self.lease.to_string());
        let mut command = program(&["--port", &port, "--shared-lease", &lease, "--shared", url]);
        let [_, issuer, upstream] = self.backend.flags();
        command.args([issuer, upstream]).arg("--home").arg(self.home(number));
        command.arg("--shared-key-file").arg(self.keys()).env_remove("XDG_RUNTIME_DIR");
        command
    }

    pub(crate) fn server(&self, number: usize) -> Running {
        Running::start(&mut self.command(number, &self.redis.url()))
    }

    /// Starts several servers at the same time.
    pub(crate) fn servers<const N: usize>(&self) -> [Running; N] {
        std::thread::scope(|scope| {
            let starting: [_; N] =
                std::array::from_fn(|number| scope.spawn(move || self.server(number)));
            starting.map(|server| server.join().unwrap())
        })
    }

    pub(crate) fn refreshes(&self) -> (u64, u64) {
        let stats = self.backend.simulator.stats();
        (stats.refreshes, stats.refreshes_refused)
    }
}

pub(crate) fn private(path: &Path, text: &str) {
    let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

pub(crate) fn ask(server: &Running) -> String {
    server.ask("POST", QUESTION, &chat("hello there", false))
}

#[track_caller]
pub(crate) fn answers(server: &Running) {
    let answer = ask(server);
    assert!(answer.contains("You said: hello there"), "{answer}");
}

/// The state that a server reports of itself.
pub(crate) fn ready(server: &Running) -> (u16, serde_json::Value) {
    let reply = server.ask("GET", "/ready", "");
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = body.lines().find(|line| line.starts_with('{')).unwrap_or("null");
    (status, serde_json::from_str(body).unwrap())
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut met: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !met() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what} within 30 s");
        #[expect(clippy::disallowed_methods, reason = "another process announces nothing")]
        std::thread::sleep(Duration::from_millis(20));
    }
}
