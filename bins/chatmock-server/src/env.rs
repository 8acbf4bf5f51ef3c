//! The environment: every name that this program reads, and the folders it finds there.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use chatmock_server::auth::Secret;

/// The configuration file.
pub(crate) const CONFIG: &str = "CHATMOCK_CONFIG";
/// The address or name to listen on.
pub(crate) const HOST: &str = "CHATMOCK_HOST";
/// The port to listen on.
pub(crate) const PORT: &str = "PORT";
/// Whether more is logged.
pub(crate) const VERBOSE: &str = "VERBOSE";
/// An older switch that adds nothing to [`VERBOSE`] any more.
pub(crate) const VERBOSE_OBFUSCATION: &str = "VERBOSE_OBFUSCATION";
/// How the log is written.
pub(crate) const LOG_FORMAT: &str = "CHATMOCK_LOG_FORMAT";
/// Whether request bodies are logged.
pub(crate) const LOG_BODIES: &str = "CHATMOCK_LOG_BODIES";
/// The most connections.
pub(crate) const MAX_CONNECTIONS: &str = "CHATMOCK_MAX_CONNECTIONS";
/// API keys.
pub(crate) const API_KEY: &str = "CHATMOCK_API_KEY";
/// The file of API keys.
pub(crate) const API_KEY_FILE: &str = "CHATMOCK_API_KEY_FILE";
/// Whether other machines may ask without a key.
pub(crate) const ALLOW_UNAUTHENTICATED: &str = "CHATMOCK_ALLOW_UNAUTHENTICATED";
/// Names under which this server is reached.
pub(crate) const ALLOW_HOST: &str = "CHATMOCK_ALLOW_HOST";
/// Origins of web pages that may ask.
pub(crate) const ALLOW_ORIGIN: &str = "CHATMOCK_ALLOW_ORIGIN";
/// The version of Ollama that its clients are told.
pub(crate) const OLLAMA_VERSION: &str = "CHATMOCK_OLLAMA_VERSION";
/// The folder where responses are kept.
pub(crate) const STATE_DIR: &str = "CHATMOCK_STATE_DIR";
/// Names of the person's own for models.
pub(crate) const ALIAS: &str = "CHATMOCK_ALIAS";
/// The largest request body.
pub(crate) const MAX_BODY: &str = "CHATMOCK_MAX_BODY";
/// How long open answers may go on after a stop.
pub(crate) const DRAIN: &str = "CHATMOCK_DRAIN";
/// Whether a built-in simulator stands in for the backend.
pub(crate) const DEMO: &str = "CHATMOCK_DEMO";

/// The effort where a request names none.
pub(crate) const REASONING_EFFORT: &str = "CHATGPT_LOCAL_REASONING_EFFORT";
/// The reasoning summary where a request names none.
pub(crate) const REASONING_SUMMARY: &str = "CHATGPT_LOCAL_REASONING_SUMMARY";
/// How reasoning is worded.
pub(crate) const REASONING_COMPAT: &str = "CHATGPT_LOCAL_REASONING_COMPAT";
/// Whether the fast tier is asked for.
pub(crate) const FAST_MODE: &str = "CHATGPT_LOCAL_FAST_MODE";
/// The model used for every request.
pub(crate) const DEBUG_MODEL: &str = "CHATGPT_LOCAL_DEBUG_MODEL";
/// Whether a web search is offered to the model.
pub(crate) const ENABLE_WEB_SEARCH: &str = "CHATGPT_LOCAL_ENABLE_WEB_SEARCH";
/// Whether text between tool calls is left out.
pub(crate) const HIDE_COMMENTARY: &str = "CHATMOCK_HIDE_COMMENTARY";
/// Instructions where a request has none.
pub(crate) const INSTRUCTIONS: &str = "CHATMOCK_INSTRUCTIONS";
/// Whether a request field without effect is refused.
pub(crate) const STRICT: &str = "CHATMOCK_STRICT";

/// Whether every effort of a model is listed as a model of its own.
pub(crate) const EXPOSE_REASONING_MODELS: &str = "CHATGPT_LOCAL_EXPOSE_REASONING_MODELS";
/// Whether the list of models is fetched.
pub(crate) const MODEL_SYNC: &str = "CHATGPT_LOCAL_MODEL_SYNC";
/// How often the list of models is fetched.
pub(crate) const MODEL_REFRESH_INTERVAL: &str = "CHATGPT_LOCAL_MODEL_REFRESH_INTERVAL";

/// The way to the models.
pub(crate) const ROUTE: &str = "CHATMOCK_ROUTE";
/// The file with the key for the backend.
pub(crate) const UPSTREAM_KEY_FILE: &str = "CHATMOCK_UPSTREAM_KEY_FILE";
/// What a server of the API route takes.
pub(crate) const PROFILE: &str = "CHATMOCK_PROFILE";
/// Models that stand in for the backend's list.
pub(crate) const MODEL_LIST: &str = "CHATMOCK_MODEL_LIST";
/// From how many bytes on requests are compressed.
pub(crate) const COMPRESS_ABOVE: &str = "CHATMOCK_COMPRESS_ABOVE";
/// OpenAI's own name for a key; it counts on the API route only.
const OPENAI_API_KEY: &str = "OPENAI_API_KEY";
/// OpenAI's own name for the address; it counts on the API route only.
const OPENAI_BASE_URL: &str = "OPENAI_BASE_URL";
/// The address of the backend.
pub(crate) const UPSTREAM_URL: &str = "CHATMOCK_UPSTREAM_URL";
/// The client version that the backend is told.
pub(crate) const CLIENT_VERSION: &str = "CHATMOCK_CLIENT_VERSION";
/// The program name that the backend and the issuer are told.
pub(crate) const ORIGINATOR: &str = "CHATMOCK_ORIGINATOR";
/// The `user-agent` that the backend and the issuer are told.
pub(crate) const USER_AGENT: &str = "CHATMOCK_USER_AGENT";

/// The folder of the sign-in and the model cache.
pub(crate) const HOME: &str = "CHATGPT_LOCAL_HOME";
/// The issuer of the sign-in.
pub(crate) const ISSUER: &str = "CHATGPT_LOCAL_ISSUER";
/// The OAuth client of the sign-in.
pub(crate) const CLIENT_ID: &str = "CHATGPT_LOCAL_CLIENT_ID";
/// Whether the Codex CLI's sign-in is read.
pub(crate) const BORROW_CODEX: &str = "CHATMOCK_BORROW_CODEX";
/// The Codex CLI's own folder; `.codex` in the person's home folder when unset.
const CODEX_HOME: &str = "CODEX_HOME";
/// Where the platform keeps the settings of programs, where that is not fixed.
const CONFIG_FOLDER: &str = if cfg!(windows) { "APPDATA" } else { "XDG_CONFIG_HOME" };
/// Where it does so in the person's home folder otherwise.
const DEFAULT_CONFIG_FOLDER: &str = if cfg!(windows) {
    "AppData/Roaming"
} else if cfg!(target_os = "macos") {
    "Library/Application Support"
} else {
    ".config"
};

/// Older names that still count while the name before them says nothing.
const LEGACY: [(&str, &str); 2] = [
    (VERBOSE, "CHATGPT_LOCAL_VERBOSE"),
    (VERBOSE_OBFUSCATION, "CHATGPT_LOCAL_VERBOSE_OBFUSCATION"),
];

/// Which variable speaks for a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// The flag's own, set or not.
    Own,
    /// An older one, since the flag's own says nothing.
    Legacy(&'static str),
    /// None: an empty value counts as unset.
    Empty,
}

impl Variable {
    /// Finds the one for the flag whose own variable has this name.
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

/// What the environment says to every program that calls OpenAI's API.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenAiVariables {
    /// A key.
    pub(crate) key: Option<Secret>,
    /// The address before `/responses`.
    pub(crate) base: Option<String>,
}

impl OpenAiVariables {
    /// The variable that stands in for the flag of this name, where it says something.
    pub(crate) fn fallback_for(flag: &str) -> Option<&'static str> {
        let name = match flag {
            "upstream-url" => OPENAI_BASE_URL,
            "upstream-key-file" => OPENAI_API_KEY,
            _ => return None,
        };
        value(name).map(|_| name)
    }

    /// Asks the environment.
    pub(crate) fn read() -> Self {
        let text = |name| value(name).and_then(|value| value.into_string().ok());
        Self { key: text(OPENAI_API_KEY).map(|key| Secret::new(&key)), base: text(OPENAI_BASE_URL) }
    }
}

/// Folders that are known without any flag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folders {
    /// The person's home folder.
    pub(crate) home: Option<PathBuf>,
    /// The Codex CLI's folder.
    pub(crate) codex: Option<PathBuf>,
    /// Where programs keep their settings.
    pub(crate) config: Option<PathBuf>,
}

impl Folders {
    /// Asks the environment and, for the person's folder, the system.
    pub(crate) fn read() -> Self {
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let below = |folder: &str| home.as_ref().map(|home| home.join(folder));
        let codex = value(CODEX_HOME).map(PathBuf::from).or_else(|| below(".codex"));
        // A relative path there is to be ignored, says the XDG specification.
        let config = value(CONFIG_FOLDER).filter(|_| !cfg!(target_os = "macos")).map(PathBuf::from);
        let config = config.filter(|folder| folder.is_absolute());
        Self { codex, config: config.or_else(|| below(DEFAULT_CONFIG_FOLDER)), home }
    }
}
