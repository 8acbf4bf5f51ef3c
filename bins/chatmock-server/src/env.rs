//! The environment: every variable that this program reads, and the folders that it finds there.

mod telemetry;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use anyhow::{anyhow, ensure};

use chatmock_server::auth::Secret;

#[cfg(feature = "otlp")]
pub(crate) use self::telemetry::BatchVariables;
pub(crate) use self::telemetry::TelemetryVariables;

/// The configuration file.
pub(crate) const CONFIG: &str = "CHATMOCK_CONFIG";
/// The address or name to listen on.
pub(crate) const HOST: &str = "CHATMOCK_HOST";
/// The port to listen on.
pub(crate) const PORT: &str = "PORT";
/// The socket in the file system to listen on.
pub(crate) const LISTEN: &str = "CHATMOCK_LISTEN";
/// Set to log more detail.
pub(crate) const VERBOSE: &str = "VERBOSE";
/// An older switch with the effect of [`VERBOSE`].
pub(crate) const VERBOSE_OBFUSCATION: &str = "VERBOSE_OBFUSCATION";
/// The format of the log.
pub(crate) const LOG_FORMAT: &str = "CHATMOCK_LOG_FORMAT";
/// Set to keep running without the terminal.
pub(crate) const STAY: &str = "CHATMOCK_STAY";
/// Set to log request bodies.
pub(crate) const LOG_BODIES: &str = "CHATMOCK_LOG_BODIES";
/// The number of threads that serve connections.
pub(crate) const WORKERS: &str = "CHATMOCK_WORKERS";
/// The largest number of connections.
pub(crate) const MAX_CONNECTIONS: &str = "CHATMOCK_MAX_CONNECTIONS";
/// The largest number of answers of the backend at once.
pub(crate) const MAX_TURNS: &str = "CHATMOCK_MAX_TURNS";
/// The same for each label.
pub(crate) const MAX_TURNS_PER_LABEL: &str = "CHATMOCK_MAX_TURNS_PER_LABEL";
/// The largest number of answers to one request.
pub(crate) const MAX_ANSWERS: &str = "CHATMOCK_MAX_ANSWERS";
/// API keys.
pub(crate) const API_KEY: &str = "CHATMOCK_API_KEY";
/// The file of API keys.
pub(crate) const API_KEY_FILE: &str = "CHATMOCK_API_KEY_FILE";
/// Set to allow requests of other machines without a key.
pub(crate) const ALLOW_UNAUTHENTICATED: &str = "CHATMOCK_ALLOW_UNAUTHENTICATED";
/// Names under which this server is reached.
pub(crate) const ALLOW_HOST: &str = "CHATMOCK_ALLOW_HOST";
/// Origins of web pages that may send requests.
pub(crate) const ALLOW_ORIGIN: &str = "CHATMOCK_ALLOW_ORIGIN";
/// The version that is reported to clients of Ollama.
pub(crate) const OLLAMA_VERSION: &str = "CHATMOCK_OLLAMA_VERSION";
/// The folder for responses.
pub(crate) const STATE_DIR: &str = "CHATMOCK_STATE_DIR";
/// The time for which records of turns are kept.
pub(crate) const HISTORY: &str = "CHATMOCK_HISTORY";
/// Rules of the quota guard.
pub(crate) const GUARD: &str = "CHATMOCK_GUARD";
/// Budgets of labels.
pub(crate) const BUDGET: &str = "CHATMOCK_BUDGET";
/// Set to serve the page.
pub(crate) const UI: &str = "CHATMOCK_UI";
/// The folder for recordings.
pub(crate) const RECORD: &str = "CHATMOCK_RECORD";
/// The largest size of that folder.
pub(crate) const RECORD_MAX: &str = "CHATMOCK_RECORD_MAX";
/// Set to record hashes of texts.
pub(crate) const RECORD_HASH_TEXT: &str = "CHATMOCK_RECORD_HASH_TEXT";
/// The folder of recordings that answer.
pub(crate) const REPLAY: &str = "CHATMOCK_REPLAY";
/// The answer to a request that was not recorded.
pub(crate) const REPLAY_ORDER: &str = "CHATMOCK_REPLAY_ORDER";
/// Set to play recordings in their own time.
pub(crate) const REPLAY_PACE: &str = "CHATMOCK_REPLAY_PACE";
/// Set to explain requests below `/explain`.
pub(crate) const EXPLAIN: &str = "CHATMOCK_EXPLAIN";
/// Set to show the figures without a key.
pub(crate) const METRICS_OPEN: &str = "CHATMOCK_METRICS_OPEN";
/// The address of the figures.
pub(crate) const METRICS_ADDRESS: &str = "CHATMOCK_METRICS_ADDRESS";
/// The user's own names for models.
pub(crate) const ALIAS: &str = "CHATMOCK_ALIAS";
/// The largest request body.
pub(crate) const MAX_BODY: &str = "CHATMOCK_MAX_BODY";
/// The time that open answers have to finish after a stop.
pub(crate) const DRAIN: &str = "CHATMOCK_DRAIN";
/// Set to replace the backend by a built-in simulator.
pub(crate) const DEMO: &str = "CHATMOCK_DEMO";

/// The address of what several servers share.
pub(crate) const SHARED: &str = "CHATMOCK_SHARED";
/// The file with that address.
pub(crate) const SHARED_FILE: &str = "CHATMOCK_SHARED_FILE";
/// The file with the keys that seal what is shared.
pub(crate) const SHARED_KEY_FILE: &str = "CHATMOCK_SHARED_KEY_FILE";
/// The beginning of every name in the shared engine.
pub(crate) const SHARED_PREFIX: &str = "CHATMOCK_SHARED_PREFIX";
/// The time of a lease.
pub(crate) const SHARED_LEASE: &str = "CHATMOCK_SHARED_LEASE";

/// The effort when a request names none.
pub(crate) const REASONING_EFFORT: &str = "CHATGPT_LOCAL_REASONING_EFFORT";
/// The reasoning summary when a request names none.
pub(crate) const REASONING_SUMMARY: &str = "CHATGPT_LOCAL_REASONING_SUMMARY";
/// Whether reasoning before calls is remembered.
pub(crate) const REJOIN: &str = "CHATMOCK_REJOIN";
pub(crate) const REASONING_REPLAY: &str = "CHATMOCK_REASONING_REPLAY";
/// The style in which reasoning is shown.
pub(crate) const REASONING_COMPAT: &str = "CHATGPT_LOCAL_REASONING_COMPAT";
/// Set to request the fast tier.
pub(crate) const FAST_MODE: &str = "CHATGPT_LOCAL_FAST_MODE";
/// The model used for every request.
pub(crate) const DEBUG_MODEL: &str = "CHATGPT_LOCAL_DEBUG_MODEL";
/// Set to offer a web search to the model.
pub(crate) const ENABLE_WEB_SEARCH: &str = "CHATGPT_LOCAL_ENABLE_WEB_SEARCH";
/// Set to hide the text between tool calls.
pub(crate) const HIDE_COMMENTARY: &str = "CHATMOCK_HIDE_COMMENTARY";
/// The instructions when a request has none.
pub(crate) const INSTRUCTIONS: &str = "CHATMOCK_INSTRUCTIONS";
/// Set to reject requests with a field that has no effect.
pub(crate) const STRICT: &str = "CHATMOCK_STRICT";

/// Set to list every effort of a model as a separate model.
pub(crate) const EXPOSE_REASONING_MODELS: &str = "CHATGPT_LOCAL_EXPOSE_REASONING_MODELS";
/// Set to fetch the list of models.
pub(crate) const MODEL_SYNC: &str = "CHATGPT_LOCAL_MODEL_SYNC";
/// The interval between two fetches of the list.
pub(crate) const MODEL_REFRESH_INTERVAL: &str = "CHATGPT_LOCAL_MODEL_REFRESH_INTERVAL";

/// The route to the models.
pub(crate) const ROUTE: &str = "CHATMOCK_ROUTE";
/// The file with the key for the backend.
pub(crate) const UPSTREAM_KEY_FILE: &str = "CHATMOCK_UPSTREAM_KEY_FILE";
/// The request fields that a server of the route `api` accepts.
pub(crate) const PROFILE: &str = "CHATMOCK_PROFILE";
/// Models that replace the backend's list.
pub(crate) const MODEL_LIST: &str = "CHATMOCK_MODEL_LIST";
/// The size from which requests are compressed.
pub(crate) const COMPRESS_ABOVE: &str = "CHATMOCK_COMPRESS_ABOVE";
/// How turns go to the backend.
pub(crate) const UPSTREAM_TRANSPORT: &str = "CHATMOCK_UPSTREAM_TRANSPORT";
/// The address of the server that makes embeddings.
pub(crate) const EMBEDDINGS_URL: &str = "CHATMOCK_EMBEDDINGS_URL";
/// The file with the key for it.
pub(crate) const EMBEDDINGS_KEY_FILE: &str = "CHATMOCK_EMBEDDINGS_KEY_FILE";
/// The address of the server that reads and makes speech.
pub(crate) const AUDIO_URL: &str = "CHATMOCK_AUDIO_URL";
/// The file with the key for it.
pub(crate) const AUDIO_KEY_FILE: &str = "CHATMOCK_AUDIO_KEY_FILE";
/// OpenAI's own name for a key; used on the route `api` only.
const OPENAI_API_KEY: &str = "OPENAI_API_KEY";
/// OpenAI's own name for the address; used on the route `api` only.
const OPENAI_BASE_URL: &str = "OPENAI_BASE_URL";
/// The address of the backend.
pub(crate) const UPSTREAM_URL: &str = "CHATMOCK_UPSTREAM_URL";
/// The client version that is sent to the backend.
pub(crate) const CLIENT_VERSION: &str = "CHATMOCK_CLIENT_VERSION";
/// The program name that is sent to the backend and the issuer.
pub(crate) const ORIGINATOR: &str = "CHATMOCK_ORIGINATOR";
/// The `user-agent` that is sent to the backend and the issuer.
pub(crate) const USER_AGENT: &str = "CHATMOCK_USER_AGENT";

/// The folder of the sign-in and the model cache.
pub(crate) const HOME: &str = "CHATGPT_LOCAL_HOME";
/// The issuer of the sign-in.
pub(crate) const ISSUER: &str = "CHATGPT_LOCAL_ISSUER";
/// The OAuth client of the sign-in.
pub(crate) const CLIENT_ID: &str = "CHATGPT_LOCAL_CLIENT_ID";
/// Set to use the Codex CLI's sign-in.
pub(crate) const BORROW_CODEX: &str = "CHATMOCK_BORROW_CODEX";
/// The Codex CLI's own folder; `.codex` in the home folder when unset.
const CODEX_HOME: &str = "CODEX_HOME";
/// The variable for the platform's folder for settings, on platforms that have one.
const CONFIG_FOLDER: &str = if cfg!(windows) { "APPDATA" } else { "XDG_CONFIG_HOME" };
/// The variable for the folder that programs from Unix use for settings on every system.
const XDG_CONFIG_FOLDER: &str = "XDG_CONFIG_HOME";
/// The user's folder for files that last until they log out of the machine.
const RUNTIME_FOLDER: &str = "XDG_RUNTIME_DIR";
/// The folder for settings in the home folder, when the variable is unset.
const DEFAULT_CONFIG_FOLDER: &str = if cfg!(windows) {
    "AppData/Roaming"
} else if cfg!(target_os = "macos") {
    "Library/Application Support"
} else {
    ".config"
};

/// Older names that are used when the name before them is unset or empty.
const LEGACY: [(&str, &str); 2] = [
    (VERBOSE, "CHATGPT_LOCAL_VERBOSE"),
    (VERBOSE_OBFUSCATION, "CHATGPT_LOCAL_VERBOSE_OBFUSCATION"),
];

/// The variable that sets a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// The flag's own variable, set or not.
    Own,
    /// An older variable, because the flag's own is unset or empty.
    Legacy(&'static str),
    /// No variable, because the flag's own is empty.
    Empty,
}

impl Variable {
    /// Finds the variable for the flag whose own variable has this name.
    pub(crate) fn of(name: &OsStr) -> Self {
        if value(name).is_some() {
            return Self::Own;
        }
        let mut older = LEGACY.iter().filter(|(own, _)| *own == name).map(|(_, older)| *older);
        match older.find(|older| value(older).is_some()) {
            Some(older) => Self::Legacy(older),
            None if std::env::var_os(name).is_some() => Self::Empty,
            None => Self::Own,
        }
    }
}

fn value(name: impl AsRef<OsStr>) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The variables that every program for OpenAI's API reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenAiVariables {
    /// A key.
    pub(crate) key: Option<Secret>,
    /// The address before `/responses`.
    pub(crate) base: Option<String>,
}

impl OpenAiVariables {
    /// Returns the variable that replaces the flag of this name, if it is set.
    pub(crate) fn fallback_for(flag: &str) -> Option<&'static str> {
        let name = match flag {
            "upstream-url" => OPENAI_BASE_URL,
            "upstream-key-file" => OPENAI_API_KEY,
            _ => return None,
        };
        value(name).map(|_| name)
    }

    /// Reads the variables.
    pub(crate) fn read() -> Self {
        let text = |name| value(name).and_then(|value| value.into_string().ok());
        Self { key: text(OPENAI_API_KEY).map(|key| Secret::new(&key)), base: text(OPENAI_BASE_URL) }
    }
}

/// Reads a key from a variable that the command line names.
pub(crate) fn key(name: &str) -> anyhow::Result<String> {
    let key = value(name).and_then(|key| key.into_string().ok());
    let key = key.ok_or_else(|| anyhow!("the variable {name} of --key-from-env is not set"))?;
    let key = key.trim();
    ensure!(key.bytes().all(|byte| byte.is_ascii_graphic()), "the variable {name} holds no key");
    Ok(key.to_owned())
}

/// Returns whether OpenTelemetry's variables say which service this is.
#[cfg(feature = "otlp")]
pub(crate) fn names_service() -> bool {
    let attributes = value("OTEL_RESOURCE_ATTRIBUTES").and_then(|all| all.into_string().ok());
    let named = attributes
        .is_some_and(|all| all.split(',').any(|one| one.trim_start().starts_with("service.name=")));
    named || value("OTEL_SERVICE_NAME").is_some()
}

/// Returns whether colours are wanted on a terminal.
pub(crate) fn wants_colour() -> bool {
    value("NO_COLOR").is_none() && value("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// The folders that are known without any flag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folders {
    /// The user's home folder.
    pub(crate) home: Option<PathBuf>,
    /// The Codex CLI's folder.
    pub(crate) codex: Option<PathBuf>,
    /// The platform's folder for settings.
    pub(crate) config: Option<PathBuf>,
    /// The folder for settings of programs that use the same one on every system.
    pub(crate) xdg: Option<PathBuf>,
    /// The user's folder for files that last until they log out of the machine.
    pub(crate) runtime: Option<PathBuf>,
}

impl Folders {
    /// Reads the variables, and asks the system for the home folder.
    pub(crate) fn read() -> Self {
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let below = |folder: &str| home.as_ref().map(|home| home.join(folder));
        let codex = value(CODEX_HOME).map(PathBuf::from).or_else(|| below(".codex"));
        // The XDG specification says that a relative path there is to be ignored.
        let config = value(CONFIG_FOLDER).filter(|_| !cfg!(target_os = "macos")).map(PathBuf::from);
        let config = config.filter(|folder| folder.is_absolute());
        let xdg = value(XDG_CONFIG_FOLDER).map(PathBuf::from).filter(|folder| folder.is_absolute());
        let xdg = xdg.or_else(|| below(".config"));
        let runtime = value(RUNTIME_FOLDER).map(PathBuf::from);
        let runtime = runtime.filter(|folder| folder.is_absolute());
        Self { runtime, xdg, codex, config: config.or_else(|| below(DEFAULT_CONFIG_FOLDER)), home }
    }
}
