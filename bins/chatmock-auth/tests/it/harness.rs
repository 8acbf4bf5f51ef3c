//! A harness: a simulator, a home folder, and the program pointed at both and at nothing else.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use chatmock_simulator::{Backend, Claims, Settings, Simulator, Stats};
use chatmock_testkit::process::PATIENCE;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::process::{Ended, Running};

/// Where a new person sits.
pub(crate) const ADA: &str = "ada@example.com";

/// A simulator and a home.
pub(crate) struct Harness {
    pub(crate) simulator: Simulator,
    runtime: Runtime,
    place: TempDir,
}

impl Harness {
    /// A harness whose issuer and backend answer at once.
    pub(crate) fn new() -> Self {
        Self::with(Settings { device_pending: 1, device_interval: 1, ..Settings::default() })
    }

    /// A harness with other habits. Ada is the person who signs in.
    pub(crate) fn with(settings: Settings) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let simulator = runtime.block_on(Simulator::start(settings)).unwrap();
        simulator.set_person(person(ADA));
        let place = TempDir::new().unwrap();
        Self { simulator, runtime, place }
    }

    /// The folder of the sign-ins.
    pub(crate) fn home(&self) -> PathBuf {
        self.place.path().join("home")
    }

    /// The file of the active sign-in.
    pub(crate) fn file(&self) -> PathBuf {
        self.home().join("auth.json")
    }

    /// A place for anything else.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// What is in the file of the active sign-in.
    pub(crate) fn stored(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap()
    }

    /// The files of unfinished saves in the home.
    pub(crate) fn left_overs(&self) -> HashSet<PathBuf> {
        let entries = std::fs::read_dir(self.home()).unwrap().flatten();
        let left = entries.filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with(".auth.json.") && name.ends_with(".tmp")
        });
        left.map(|entry| entry.path()).collect()
    }

    /// Puts a sign-in in the home, as another program would.
    pub(crate) fn sign_in(&self, claims: Claims) {
        let text = self.simulator.tokens(claims).auth_json();
        self.put(&self.file(), &text);
    }

    /// Lets a server of a route over this home answer one question.
    pub(crate) fn serve_once(&self, backend: Backend) -> String {
        self.runtime.block_on(crate::server::ask_once(self, backend))
    }

    /// Writes a private file.
    pub(crate) fn put(&self, path: &Path, text: &str) {
        let folder = path.parent().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(path, text).unwrap();
        #[cfg(unix)]
        for (path, mode) in [(folder, 0o700), (path, 0o600)] {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(path, mode).unwrap();
        }
    }

    /// The program, with an environment made for it.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatmock-auth"));
        let kept = ["PATH", "SystemRoot"].map(|name| (name, std::env::var_os(name)));
        command.env_clear().args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, value) in kept {
            command.envs(value.map(|value| (name, value)));
        }
        command
            .env("TZ", "UTC")
            .env("HOME", self.beside("person"))
            .env("CODEX_HOME", self.beside("codex"))
            .env("CHATGPT_LOCAL_HOME", self.home())
            .env("CHATGPT_LOCAL_ISSUER", self.simulator.issuer())
            .env("CHATMOCK_UPSTREAM_URL", self.simulator.upstream_url())
            .env("CHATMOCK_STORE", "file")
            .env("CHATMOCK_CALLBACK_PORT", "0")
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(&mut self.program(arguments))
    }

    /// Starts the program.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.program(arguments))
    }

    /// Waits until the simulator's counters satisfy a condition.
    pub(crate) fn wait_for(&self, met: impl FnMut(&Stats) -> bool) -> Stats {
        let met = async { tokio::time::timeout(PATIENCE, self.simulator.wait_for(met)).await };
        self.runtime.block_on(met).unwrap()
    }
}

/// Somebody with an address of their own, and all that depends on it.
pub(crate) fn person(email: &str) -> Claims {
    let name = email.split('@').next().unwrap();
    Claims {
        email: email.to_owned(),
        user_id: format!("user-{name}"),
        account_id: format!("workspace-{name}"),
        ..Claims::default()
    }
}

/// The same with an access token that ends in so many seconds.
pub(crate) fn expiring(email: &str, seconds: i64) -> Claims {
    Claims { expires_in: Some(seconds), ..person(email) }
}

/// How many rounds a test makes: as many as `CHATMOCK_TEST_ROUNDS` says, else its own number.
pub(crate) fn rounds(usual: u32) -> u32 {
    let wanted = std::env::var("CHATMOCK_TEST_ROUNDS").ok();
    wanted.map_or(usual, |rounds| rounds.parse().unwrap())
}

/// A short time.
pub(crate) const SOON: Duration = Duration::from_millis(50);
