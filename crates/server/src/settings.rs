//! What a server is made of: plain values, decided by whoever starts it.

use std::path::PathBuf;
use std::time::Duration;

use chatmock_auth::KeeperSettings;
use chatmock_translate::Policy;
use chatmock_translate::catalog::Alias;

use crate::store::StoreSettings;

/// Everything that a server needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may connect, and how large and slow requests may be.
    pub http: HttpSettings,
    /// What is decided for all requests.
    pub policy: Policy,
    /// The backend.
    pub upstream: chatmock_upstream::Config,
    /// The sign-in.
    pub sign_in: SignInSettings,
    /// The catalogue of models.
    pub models: ModelSettings,
}

/// The release of Ollama whose API is kept to, of May 2026.
pub const OLLAMA_VERSION: &str = "0.23.2";

/// The listening side.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Host names that a request may be for, beside `localhost` and loopback addresses.
    pub hosts: Vec<String>,
    /// The largest request body, in bytes.
    pub max_body: usize,
    /// How long a connection may take to send a request's head; also how long it may be idle.
    pub head: Duration,
    /// How long a request's body may make no progress.
    pub body_progress: Duration,
    /// The version of Ollama that its clients are told; numeric, as they compare it.
    pub ollama_version: String,
    /// How long open answers may go on once the server is told to stop.
    pub drain: Duration,
    /// How long a stream's head waits for the first output, so that a failure in its place gets a
    /// status; then the head goes out alone.
    pub hold: Duration,
    /// After how long a silence a stream of server-sent events gets a comment.
    pub heartbeat: Duration,
    /// What is kept of responses.
    pub responses: StoreSettings,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            max_body: 64 * 1024 * 1024,
            // Longer than the 90 s for which common clients keep idle connections, so that they
            // close first and never write into a closing one.
            head: Duration::from_secs(120),
            body_progress: Duration::from_secs(30),
            ollama_version: OLLAMA_VERSION.to_owned(),
            drain: Duration::from_secs(30),
            hold: Duration::from_secs(10),
            heartbeat: Duration::from_secs(15),
            responses: StoreSettings::default(),
        }
    }
}

/// Where the sign-in is kept and who renews it.
#[derive(Clone, Debug)]
pub struct SignInSettings {
    /// The folder that holds `auth.json` and what belongs to it.
    pub home: PathBuf,
    /// The Codex CLI's own folder, to read its sign-in while ours is absent.
    pub borrow_codex: Option<PathBuf>,
    /// The issuer and our name there.
    pub keeper: KeeperSettings,
}

/// How the catalogue of models is kept up to date.
#[derive(Clone, Debug)]
pub struct ModelSettings {
    /// Whether the backend's list is fetched at all.
    pub sync: bool,
    /// How often it is fetched anew.
    pub refresh: Duration,
    /// Whether a model's efforts are listed as models of their own.
    pub expose_efforts: bool,
    /// Names of the person's own.
    pub aliases: Vec<Alias>,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            sync: true,
            refresh: Duration::from_secs(3600),
            expose_efforts: false,
            aliases: Vec::new(),
        }
    }
}
