//! The environment: every variable that this program reads, and what follows from them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Logs more.
pub(crate) const VERBOSE: &str = "VERBOSE";
/// The port of the server.
pub(crate) const PORT: &str = "PORT";
/// The folder of the sign-ins.
pub(crate) const HOME: &str = "CHATGPT_LOCAL_HOME";
/// The issuer of the sign-in.
pub(crate) const ISSUER: &str = "CHATGPT_LOCAL_ISSUER";
/// The OAuth client of the sign-in.
pub(crate) const CLIENT_ID: &str = "CHATGPT_LOCAL_CLIENT_ID";
/// Another address to wait on for the browser.
pub(crate) const LOGIN_BIND: &str = "CHATGPT_LOCAL_LOGIN_BIND";
/// The port to wait on for the browser.
pub(crate) const CALLBACK_PORT: &str = "CHATMOCK_CALLBACK_PORT";
/// The store of sign-ins.
pub(crate) const STORE: &str = "CHATMOCK_STORE";
/// The address of what several servers share.
pub(crate) const SHARED: &str = "CHATMOCK_SHARED";
/// The file with that address.
pub(crate) const SHARED_FILE: &str = "CHATMOCK_SHARED_FILE";
/// The file with the keys that seal what is shared.
pub(crate) const SHARED_KEY_FILE: &str = "CHATMOCK_SHARED_KEY_FILE";
/// The beginning of every name in the shared engine.
pub(crate) const SHARED_PREFIX: &str = "CHATMOCK_SHARED_PREFIX";
/// The address of the backend.
pub(crate) const UPSTREAM_URL: &str = "CHATMOCK_UPSTREAM_URL";
/// The program's name for the backend and the issuer.
pub(crate) const ORIGINATOR: &str = "CHATMOCK_ORIGINATOR";
/// The `user-agent` for the backend and the issuer.
pub(crate) const USER_AGENT: &str = "CHATMOCK_USER_AGENT";
/// Reads the Codex CLI's sign-in.
pub(crate) const BORROW_CODEX: &str = "CHATMOCK_BORROW_CODEX";

/// The Codex CLI's own folder; `.codex` in the person's home folder when unset.
const CODEX_HOME: &str = "CODEX_HOME";
/// The person's folder for files that last until they log out of the machine.
const RUNTIME: &str = "XDG_RUNTIME_DIR";
/// The person's browsers, separated by colons.
const BROWSER: &str = "BROWSER";
/// Set when the person sits at another machine.
const REMOTE: [&str; 2] = ["SSH_CONNECTION", "SSH_TTY"];
/// Set where windows can be shown.
const DISPLAYS: [&str; 2] = ["DISPLAY", "WAYLAND_DISPLAY"];
/// Set in a Linux inside Windows.
const WSL: [&str; 2] = ["WSL_DISTRO_NAME", "WSL_INTEROP"];
/// Opens an address in a browser of Windows, from a Linux inside it.
pub(crate) const WINDOWS_OPENER: &str = "wslview";
/// Set in containers, by those who run them.
const CONTAINERS: [&str; 2] = ["container", "KUBERNETES_SERVICE_HOST"];
/// There in containers.
const CONTAINER_FILES: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];
/// Choose a proxy, or none.
const PROXIES: [&str; 8] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];
/// Name the encoding of text; the first one that is set is used.
const LOCALES: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];

/// Returns a variable; an empty one is the same as an unset one.
pub(crate) fn value(name: impl AsRef<OsStr>) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn is_set(name: &&str) -> bool {
    value(name).is_some()
}

/// Folders that are known without any flag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folders {
    /// The person's home folder.
    pub(crate) person: Option<PathBuf>,
    /// The Codex CLI's folder.
    pub(crate) codex: Option<PathBuf>,
    /// The person's folder for files that last until they log out of the machine.
    pub(crate) runtime: Option<PathBuf>,
}

impl Folders {
    /// Asks the environment and, for the person's folder, the system.
    pub(crate) fn read() -> Self {
        let person = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let codex = value(CODEX_HOME).map(PathBuf::from);
        let codex = codex.or_else(|| person.as_ref().map(|home| home.join(".codex")));
        Self { codex, person, runtime: value(RUNTIME).map(PathBuf::from) }
    }
}

/// The facts that decide whether a browser can be opened here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// The browsers that the person named.
    pub(crate) browser: Option<OsString>,
    /// True if windows can be shown.
    pub(crate) display: bool,
    /// True if this is a Linux inside Windows that opens addresses in the browsers of Windows.
    pub(crate) windows_browser: bool,
    /// True if the person sits at another machine.
    pub(crate) remote: bool,
    /// True if this is a container.
    pub(crate) container: bool,
}

impl Environment {
    /// Reads it from the variables and files that this program knows.
    pub(crate) fn read() -> Self {
        let windows = cfg!(any(target_os = "macos", windows));
        let windows_browser = WSL.iter().any(is_set) && is_program(WINDOWS_OPENER);
        Self {
            browser: value(BROWSER),
            display: windows || windows_browser || DISPLAYS.iter().any(is_set),
            windows_browser,
            remote: REMOTE.iter().any(is_set),
            container: CONTAINERS.iter().any(is_set)
                || CONTAINER_FILES.iter().any(|file| Path::new(file).exists()),
        }
    }
}

/// Returns whether there is a program of that name.
fn is_program(name: &str) -> bool {
    let folders = value("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}

/// The proxies that are set, by name.
pub(crate) fn proxies() -> Vec<(String, String)> {
    let set = |name: &str| Some((name.to_owned(), value(name)?.to_string_lossy().into_owned()));
    PROXIES.iter().filter_map(|name| set(name)).collect()
}

/// Returns whether colours are wanted.
pub(crate) fn wants_colour() -> bool {
    !is_set(&"NO_COLOR") && value("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Returns whether block characters can be shown.
pub(crate) fn is_unicode() -> bool {
    let locale = LOCALES.iter().find_map(value);
    let locale = locale.map(|locale| locale.to_string_lossy().to_ascii_lowercase());
    cfg!(any(target_os = "macos", windows))
        || locale.is_some_and(|locale| locale.contains("utf-8") || locale.contains("utf8"))
}
