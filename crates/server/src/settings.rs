//! Settings of a server: plain values, decided by whoever starts it.

mod admin;
mod admission;
pub(crate) mod api_key;
mod companion;
mod guard;
mod host;
mod models;
mod observer;
mod origin;
mod record;

use std::path::{Path, PathBuf};
use std::time::Duration;

use chatmock_auth::{KeeperSettings, Secret};
use chatmock_shared::Shared;
use chatmock_translate::Policy;

pub use self::admin::{AdminSettings, LogControl, LogLevel};
pub use self::admission::AdmissionSettings;
pub use self::api_key::ApiKey;
pub use self::companion::{CompanionServer, CompanionSettings};
pub use self::guard::{Budget, GuardRule, RuleFault};
pub(crate) use self::guard::{Then, When};
pub(crate) use self::host::Host;
pub use self::host::HostName;
pub use self::models::ModelSettings;
pub use self::observer::{EndedTurn, TraceHeaders, TurnObserver};
pub use self::origin::Origin;
pub use self::record::RecordSettings;

/// Everything that a server needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Admission, and the limits of size and time for requests.
    pub http: HttpSettings,
    /// The operator's settings for all requests.
    pub policy: Policy,
    /// The backend.
    pub upstream: chatmock_upstream::Config,
    /// With what the backend is called.
    pub access: Access,
    /// The catalogue of models.
    pub models: ModelSettings,
    /// Servers for what the backend does not do.
    pub companions: CompanionSettings,
}

/// The release of Ollama whose API is kept to, of May 2026.
pub const OLLAMA_VERSION: &str = "0.33.0";

/// The listening side.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The number of threads that serve connections.
    pub workers: usize,
    /// The rules for who may send requests.
    pub admission: AdmissionSettings,
    /// The largest requests, and the most that the server holds.
    pub sizes: SizeLimits,
    /// The number of calls of the backend that run at once.
    pub turns: TurnLimits,
    /// The answers that are made without their clients.
    pub background: BackgroundLimits,
    /// The time limits of clients and of the shutdown.
    pub timeouts: Timeouts,
    /// When a stream begins, and how it shows that it is alive.
    pub streams: StreamSettings,
    /// The times of WebSockets.
    pub sockets: SocketSettings,
    /// True if request bodies are logged; they hold what people wrote.
    pub log_bodies: bool,
    /// The version that Ollama's clients are given; numeric, as they compare it.
    pub ollama_version: String,
    /// The store of responses.
    pub responses: StoreSettings,
    /// What the server shows of itself, and lets be changed.
    pub admin: AdminSettings,
    /// True if reasoning before calls is remembered for clients that cannot send it back.
    pub replay_reasoning: bool,
    /// What several servers share, where they do.
    pub shared: Option<Shared>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            workers: 1,
            admission: AdmissionSettings::default(),
            sizes: SizeLimits::default(),
            turns: TurnLimits::default(),
            background: BackgroundLimits::default(),
            timeouts: Timeouts::default(),
            streams: StreamSettings::default(),
            sockets: SocketSettings::default(),
            log_bodies: false,
            ollama_version: OLLAMA_VERSION.to_owned(),
            responses: StoreSettings::default(),
            admin: AdminSettings::default(),
            replay_reasoning: true,
            shared: None,
        }
    }
}

/// The largest requests, and the most that the server holds. Sizes are in bytes.
#[derive(Clone, Copy, Debug)]
pub struct SizeLimits {
    /// The most connections; four fifths of the process's limit of open files bound it too.
    pub max_connections: usize,
    /// The largest head of a request.
    pub max_head: usize,
    /// The longest request target.
    pub max_target: usize,
    /// The largest request body, as it is sent and as it is decoded.
    pub max_body: usize,
    /// The most that all request bodies together may hold; at least twice `max_body`.
    pub max_in_flight: usize,
}

impl Default for SizeLimits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            max_head: 32 * 1024,
            max_target: 8 * 1024,
            max_body: 64 * 1024 * 1024,
            max_in_flight: 256 * 1024 * 1024,
        }
    }
}

/// The number of calls of the backend that run at once; each answer of a request is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnLimits {
    /// The most in all.
    pub max: usize,
    /// The most of one key's label, or, where no keys are set, of one address; as many as there are without.
    pub max_per_label: Option<usize>,
    /// The time for which a turn waits for a place.
    pub wait: Duration,
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self { max: 1024, max_per_label: None, wait: Duration::from_secs(10) }
    }
}

/// The answers that are made without their clients, beside what [`TurnLimits`] allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackgroundLimits {
    /// The most at once in all.
    pub all: usize,
    /// The most at once of one key's label, or, where no keys are set, of one address.
    pub each: usize,
    /// The longest time that one may take.
    pub life: Duration,
}

impl Default for BackgroundLimits {
    fn default() -> Self {
        Self { all: 16, each: 4, life: Duration::from_secs(3600) }
    }
}

/// The time limits of clients and of the shutdown.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// The time limit of a connection's first byte, and of a request's head from its first byte to
    /// its end.
    pub head: Duration,
    /// The longest time that a connection may be idle before a request.
    pub idle: Duration,
    /// The longest time that a request's body may go without 1 KiB of progress.
    pub body_progress: Duration,
    /// The least that comes of a request's body in a second, in bytes: on average, once it has taken longer than
    /// `body_progress`.
    pub body_rate: usize,
    /// The longest time that a client may read nothing of the bytes that wait for it.
    pub write_progress: Duration,
    /// The time for which the rest of a refused request is read, so that its client gets to read why.
    pub linger: Duration,
    /// The time that open answers have once the server is asked to stop.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            // Longer than the 90 s for which common clients keep idle connections, so that they
            // close first and never write into a closing one.
            idle: Duration::from_secs(120),
            body_progress: Duration::from_secs(30),
            body_rate: 8 * 1024,
            write_progress: Duration::from_secs(60),
            linger: Duration::from_secs(5),
            drain: Duration::from_secs(30),
        }
    }
}

/// When a stream begins, and how it shows that it is alive.
#[derive(Clone, Copy, Debug)]
pub struct StreamSettings {
    /// The time for which a stream's head waits for the first output, so that a failure in its place gets a
    /// status; then the head is sent alone.
    pub hold: Duration,
    /// The silence after which a stream of server-sent events gets a comment.
    pub heartbeat: Duration,
    /// The time for which an answer that can be asked for again goes on without a client, and waits for its retry; with
    /// zero, retries are requests like others.
    pub rejoin: Duration,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            hold: Duration::from_secs(10),
            heartbeat: Duration::from_secs(15),
            rejoin: Duration::from_secs(60),
        }
    }
}

/// The times of WebSockets.
#[derive(Clone, Copy, Debug)]
pub struct SocketSettings {
    /// The time between two pings; a client from which nothing comes for two of them is gone.
    pub ping: Duration,
    /// The longest time without a request.
    pub idle: Duration,
    /// The longest life; the next request after it is refused, and the client opens another socket.
    pub life: Duration,
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(25),
            idle: Duration::from_secs(30 * 60),
            life: Duration::from_secs(60 * 60),
        }
    }
}

/// With what the backend is called.
#[derive(Clone, Debug)]
pub enum Access {
    /// A person's sign-in, renewed as it expires.
    SignIn(SignInSettings),
    /// A key, or nothing.
    Key(KeySettings),
}

impl Access {
    /// The folder for cache files next to the sign-in, if there is one.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        match self {
            Self::SignIn(settings) => Some(&settings.home),
            Self::Key(settings) => settings.home.as_deref(),
        }
    }
}

/// A key for the backend.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// The key; `None` for a backend that asks for none.
    pub key: Option<Secret>,
    /// The folder for the model cache, where it is there; without one, nothing is kept.
    pub home: Option<PathBuf>,
}

/// The place of the sign-in, and its renewal.
#[derive(Clone, Debug)]
pub struct SignInSettings {
    /// The folder that holds `auth.json`, or the note that it is in the keyring, and what belongs to it.
    pub home: PathBuf,
    /// The Codex CLI's own folder, to read its sign-in while ours is absent.
    pub borrow_codex: Option<PathBuf>,
    /// The issuer and our name there.
    pub keeper: KeeperSettings,
}

/// The store of responses: its bounds, and where it is saved.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// The folder of the database, made when it is not there; without one, nothing outlives the
    /// process.
    pub directory: Option<PathBuf>,
    /// The most responses.
    pub max_count: usize,
    /// The most memory that they may take together, in bytes.
    pub max_bytes: usize,
    /// The time for which a response is kept.
    pub max_age: Duration,
    /// True if the answers that are on the disk are not in memory, too: only what is needed to find them is.
    pub lean: bool,
}

impl StoreSettings {
    /// The bounds where the backend stores the responses, and only their owners are remembered here: small
    /// records, for as long as OpenAI's platform keeps what they name.
    pub(crate) fn of_claims(self) -> Self {
        let month = Duration::from_secs(30 * 24 * 3600);
        Self { max_count: self.max_count.max(20_000), max_age: self.max_age.max(month), ..self }
    }

    /// The bounds of reasoning, in a folder below that of the responses: a conversation of agents goes on for days, and
    /// a record takes some kilobytes.
    pub(crate) fn of_reasoning(&self) -> Self {
        Self {
            directory: self.directory.as_ref().map(|folder| folder.join("reasoning")),
            max_count: 20_000,
            max_bytes: 64 * 1024 * 1024,
            max_age: Duration::from_secs(7 * 24 * 3600),
            lean: false,
        }
    }

    /// The bounds of answers that are given again, in a folder below that of the responses.
    pub(crate) fn of_answers(&self) -> Self {
        let directory = self.directory.as_ref().map(|folder| folder.join("answers"));
        let max_bytes = if directory.is_some() { 256 } else { 64 } * 1024 * 1024;
        let max_age = Duration::from_secs(24 * 3600);
        Self { lean: directory.is_some(), directory, max_count: 20_000, max_bytes, max_age }
    }

    /// The bounds of those that may not be on the disk, where others are.
    pub(crate) fn of_unstored_answers() -> Self {
        Self { max_count: 20_000, ..Self::default() }
    }

    /// The bounds of what connections keep for themselves, all of them together.
    pub(crate) fn of_connections() -> Self {
        Self { directory: None, max_count: 20_000, ..Self::default() }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            directory: None,
            max_count: 1_000,
            max_bytes: 64 * 1024 * 1024,
            max_age: Duration::from_secs(24 * 3600),
            lean: false,
        }
    }
}
