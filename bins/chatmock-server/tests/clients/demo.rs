//! The program under test on its own port: `chatmock-server --demo`, or an example of a proxy for embedders.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use chatmock_simulator::Settings;
use chatmock_testkit::backend::Backend;
use chatmock_testkit::companion::{Companion, CompanionKind};

use crate::background::BackgroundProgram;
use crate::environment;

/// The longest time until the program announces its address.
const START: Duration = Duration::from_secs(30);

/// A server that starts when it is first needed.
pub(crate) struct Demo {
    /// The route that it uses.
    pub(crate) route: &'static str,
    /// The key that it demands, if any.
    pub(crate) key: Option<&'static str>,
    /// The backend of an example; a server brings its own.
    backend: OnceLock<Backend>,
    /// True for an example of `chatmock-translate`, whose name is then that of the route.
    is_example: bool,
    served: OnceLock<Result<BackgroundProgram, String>>,
}

impl Demo {
    /// Returns a server that uses a route.
    pub(crate) fn by(route: &'static str) -> Self {
        let (backend, served) = (OnceLock::new(), OnceLock::new());
        Self { route, key: None, backend, is_example: false, served }
    }

    /// Returns an example of a proxy, in front of the simulator's public API.
    pub(crate) fn example(name: &'static str) -> Self {
        Self { is_example: true, ..Self::by(name) }
    }

    /// Says what has to be built before this can start, if anything.
    pub(crate) fn lacks(&self) -> Option<&'static str> {
        let is_built = !self.is_example || self.example_program().is_file();
        (!is_built)
            .then_some("the example is not built (cargo build -p chatmock-translate --examples)")
    }

    /// Returns a server that demands a key.
    pub(crate) fn with_key() -> Self {
        Self { key: Some("a-key-of-sixteen-and-more"), ..Self::by("codex") }
    }

    /// Returns the server's address, such as `http://127.0.0.1:49152`, or the reason why there is
    /// none.
    pub(crate) fn url(&self) -> Result<String, String> {
        let served = self.served.get_or_init(|| self.start()).as_ref();
        served.map(|served| served.url.clone()).map_err(Clone::clone)
    }

    /// Stops the program, if it has started, and returns its output.
    pub(crate) fn stop(&self) -> String {
        let served = self.served.get().and_then(|served| served.as_ref().ok());
        served.map(BackgroundProgram::stop).unwrap_or_default()
    }

    /// The program of an example, which Cargo builds with the tests of its package.
    fn example_program(&self) -> PathBuf {
        let name = format!("{}{}", self.route, std::env::consts::EXE_SUFFIX);
        Path::new(env!("CARGO_BIN_EXE_chatmock-server")).with_file_name("examples").join(name)
    }

    fn start_example(&self) -> Result<BackgroundProgram, String> {
        let api_keys = vec!["sk-simulated".into(), String::new()];
        let backend = Backend::start(Settings { api_keys, ..Settings::default() });
        let backend = backend.map_err(|error| format!("the backend: {error}"))?;
        let mut command = Command::new(self.example_program());
        command.env("UPSTREAM_URL", backend.simulator.url_of(chatmock_simulator::Backend::Api));
        command.env("UPSTREAM_KEY", "sk-simulated").env("PORT", "0");
        self.backend.get_or_init(|| backend);
        BackgroundProgram::start_announcing_on_stdout(&mut command, "listening on ", START)
    }

    fn start(&self) -> Result<BackgroundProgram, String> {
        if self.is_example {
            return self.start_example();
        }
        let companion = |kind| {
            let server = Companion::start(kind, None);
            server.map(|server| server.url()).map_err(|error| format!("another server: {error}"))
        };
        // One route meets Ollama, so that the libraries of both APIs meet both.
        let kind = match self.route {
            "plan" => CompanionKind::Ollama,
            _ => CompanionKind::OpenAi,
        };
        let home = environment::folder().join("home");
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatmock-server"));
        command.args(["--demo", "--host", "127.0.0.1", "--port", "0", "--route", self.route]);
        command.arg("--embeddings-url").arg(companion(kind)?);
        command.arg("--audio-url").arg(companion(CompanionKind::OpenAi)?);
        command.args(self.key.into_iter().flat_map(|key| ["--api-key", key]));
        for (name, _) in std::env::vars_os().filter(|(name, _)| steers(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        command.env("CHATGPT_LOCAL_HOME", &home).env("CODEX_HOME", &home);
        command.env("CHATMOCK_CONFIG", "none");
        // A killed program leaves its temporary folder, so that must be in a folder of these tests.
        let temporary = environment::folder().join("temporary");
        std::fs::create_dir_all(&temporary).map_err(|error| format!("a folder: {error}"))?;
        command.envs(["TMPDIR", "TEMP", "TMP"].map(|name| (name, &temporary)));
        BackgroundProgram::start(&mut command, "listening on ", START)
    }
}

/// Whether a variable of the caller's environment would change what the server does.
fn steers(name: &str) -> bool {
    ["CHATMOCK_", "CHATGPT_LOCAL_", "CODEX_", "RUST_LOG"]
        .iter()
        .any(|start| name.starts_with(start))
        || ["HOST", "PORT", "VERBOSE", "DEBUG_MODEL"].contains(&name)
}
