//! The choice of the backend and of the key for it, from flags and environment.

use std::path::Path;

use anyhow::{Context, ensure};
use chatmock_server::auth::Secret;
use chatmock_server::upstream::{
    self, ApiFlavor, CLIENT_VERSION, Identity, Transport, UpstreamRoute,
};

use crate::cli::{ApiProfile, BackendArgs, UpstreamTransport};
use crate::env::OpenAiVariables;
use crate::text_file::TextFile;
use crate::value_parsers::SizeOrOff;

/// The size in bytes from which requests to a backend on another machine are compressed.
const COMPRESS_ABOVE: usize = 256 * 1024;

/// The start of every token of a sign-in. Such a token in place of an API key is a common mistake.
const JWT_PREFIX: &str = "eyJ";

/// The backend as it will be called.
#[derive(Debug)]
pub(crate) struct ResolvedBackend {
    /// The configuration of the client that calls it.
    pub(crate) config: upstream::Config,
    /// The key, if the backend is called with one.
    pub(crate) key: Option<Secret>,
    /// Sentences for the log.
    pub(crate) warnings: Vec<String>,
}

impl BackendArgs {
    /// Returns the flags for a demo: the simulator will replace the address, and no key of the user
    /// is needed.
    pub(crate) fn for_demo(self) -> Self {
        let upstream_url = Some("http://127.0.0.1:1/v1".to_owned());
        Self { upstream_url, upstream_key_file: None, ..self }
    }
}

/// Resolves the backend, its address and its key.
pub(crate) fn resolve(
    args: BackendArgs,
    openai: &OpenAiVariables,
) -> anyhow::Result<ResolvedBackend> {
    let BackendArgs {
        route,
        upstream_url,
        upstream_key_file,
        profile,
        compress_above,
        upstream_transport,
        client_version,
        originator,
        user_agent,
    } = args;
    let mut warnings = Vec::new();
    let named: UpstreamRoute = route.to_ascii_lowercase().parse()?;
    let (route, key) = if named.uses_key() {
        let base = upstream_url.or_else(|| openai.base.clone());
        let base = base.unwrap_or_else(|| UpstreamRoute::PLATFORM.to_owned());
        let file = upstream_key_file.as_deref();
        let key =
            file.map(|file| read_key(file, "--upstream-key-file", &mut warnings)).transpose()?;
        let key = key.or_else(|| openai.key.clone());
        (api(base, profile, key.as_ref(), &mut warnings)?, key)
    } else {
        let route = named.name();
        ensure!(upstream_key_file.is_none(), "--upstream-key-file needs --route api, not {route}");
        ensure!(profile.is_none(), "--profile needs --route api, not {route}");
        let base = upstream_url.unwrap_or_else(|| named.base().to_owned());
        (named.at(base), None)
    };
    let far = !route.host_and_port().is_some_and(|(host, _)| is_loopback(&host));
    let compress_above = match compress_above {
        Some(SizeOrOff::Size(size)) => Some(size),
        Some(SizeOrOff::Off) => None,
        None => far.then_some(COMPRESS_ABOVE),
    };
    let client_version = client_version.unwrap_or_else(|| CLIENT_VERSION.to_owned());
    let identity = Identity { originator, user_agent, client_version };
    let transport = match upstream_transport {
        UpstreamTransport::Auto => Transport::Auto,
        UpstreamTransport::Http => Transport::Http,
        UpstreamTransport::Websocket => Transport::WebSocket,
    };
    let config =
        upstream::Config { route, identity, compress_above, transport, ..Default::default() };
    Ok(ResolvedBackend { config, key, warnings })
}

/// Returns whether the route of this name is called with a key.
pub(crate) fn uses_key(route: &str) -> bool {
    route.to_ascii_lowercase().parse::<UpstreamRoute>().is_ok_and(|route| route.uses_key())
}

fn api(
    base: String,
    profile: Option<ApiProfile>,
    key: Option<&Secret>,
    warnings: &mut Vec<String>,
) -> anyhow::Result<UpstreamRoute> {
    let profile = match profile {
        Some(ApiProfile::Openai) => ApiFlavor::OpenAi,
        Some(ApiProfile::Generic) => ApiFlavor::Generic,
        None => ApiFlavor::of(&base),
    };
    let own = base.trim_end_matches('/') == UpstreamRoute::PLATFORM;
    ensure!(
        key.is_some() || !own,
        "--route api needs a key for {base}: --upstream-key-file FILE, or OPENAI_API_KEY"
    );
    let token = key.is_some_and(|key| key.expose().starts_with(JWT_PREFIX));
    ensure!(!token || !own, "the key for --route api is the token of a sign-in, not an API key");
    let rest = base.split_once("://").map_or("", |(_, rest)| rest).trim_end_matches('/');
    if !rest.contains('/') {
        warnings.push(format!("--upstream-url {base} has no path; most servers expect {base}/v1"));
    }
    Ok(UpstreamRoute::api(profile).at(base))
}

/// Reads a key from a file of one line. No error message repeats the key.
pub(crate) fn read_key(
    path: &Path,
    flag: &str,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Secret> {
    let shown = path.display();
    let file = TextFile::read(path).with_context(|| format!("{flag} {shown}"))?;
    if file.is_open_to_others() {
        warnings.push(format!("other users can read the key file: run chmod 600 {shown}"));
    }
    let mut lines = file.text().lines().map(str::trim).filter(|line| !line.is_empty());
    let (key, more) = (lines.next(), lines.next());
    let fits = |key: &&str| more.is_none() && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = key.filter(fits).with_context(|| {
        format!("{flag} {shown}: the file must hold the key alone, on one line")
    })?;
    Ok(Secret::new(key))
}

/// Returns whether a host is this machine, without asking a resolver.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::cli::Cli;

    fn resolved(arguments: &[&str], openai: &OpenAiVariables) -> anyhow::Result<ResolvedBackend> {
        resolve(Cli::typed(arguments).unwrap().backend, openai)
    }

    fn environment() -> OpenAiVariables {
        let base = Some("http://127.0.0.1:11434/v1".to_owned());
        OpenAiVariables { key: Some(Secret::new("sk-of-environment")), base }
    }

    #[test]
    fn what_the_environment_says_of_openai_counts_on_its_route_only() {
        for route in ["codex", "plan"] {
            let resolved = resolved(&["--route", route], &environment()).unwrap();
            let config = resolved.config;
            let usual: UpstreamRoute = route.parse().unwrap();
            assert_eq!((config.route, resolved.key.is_none()), (usual, true));
            assert_eq!(config.compress_above, Some(COMPRESS_ABOVE));
        }
        let resolved = resolved(&["--route", "API"], &environment()).unwrap();
        let local = UpstreamRoute::api(ApiFlavor::Generic).at("http://127.0.0.1:11434/v1");
        assert_eq!((resolved.config.route, resolved.config.compress_above), (local, None));
        assert_eq!(resolved.key.unwrap().expose(), "sk-of-environment");
    }

    #[test]
    fn the_profile_is_known_by_the_address_or_said() {
        let of = |arguments: &[&str]| {
            let arguments = [&["--route=api"], arguments].concat();
            resolved(&arguments, &environment()).unwrap().config.route.accepts().contains(&"store")
        };
        assert!(of(&["--upstream-url=https://api.openai.com/v1"]));
        assert!(of(&["--upstream-url=https://me.openai.azure.com/openai/v1"]));
        assert!(!of(&["--upstream-url=https://openai.azure.com.example.org/v1"]));
        assert!(!of(&[]));
        assert!(of(&["--profile=openai"]));
    }

    #[test]
    fn a_key_comes_from_a_file_of_one_line_and_is_never_shown() {
        let file = |text: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        };
        let of = |text: &str| {
            let file = file(text);
            let path = file.path().to_str().unwrap();
            let arguments = ["--route=api", "--upstream-key-file", path];
            resolved(&arguments, &OpenAiVariables::default())
        };
        assert_eq!(of("\n  sk-secret \n").unwrap().key.unwrap().expose(), "sk-secret");
        for text in ["", "\n", "sk-secret\nsk-secret-2", "sk secret", "sk-s\u{e4}cret"] {
            let error = format!("{:#}", of(text).unwrap_err());
            assert!(error.contains("--upstream-key-file") && !error.contains("cret"), "{error}");
        }
        let none =
            resolved(&["--route=api", "--upstream-key-file=/no/such"], &OpenAiVariables::default());
        assert!(format!("{:#}", none.unwrap_err()).contains("/no/such"));
    }

    #[test]
    fn settings_that_do_not_belong_together_are_told_at_the_start() {
        for (arguments, named) in [
            (&["--upstream-key-file=f"][..], "--route api"),
            (&["--route=plan", "--profile=openai"], "--profile needs --route api, not plan"),
            (&["--route=api"], "--upstream-key-file FILE"),
        ] {
            let error = resolved(arguments, &OpenAiVariables::default()).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let token = OpenAiVariables { key: Some(Secret::new("eyJhbGciOi.x.y")), base: None };
        let error = resolved(&["--route=api"], &token).unwrap_err().to_string();
        assert!(error.contains("not an API key") && !error.contains("eyJ"), "{error}");
        let bare = ["--route=api", "--upstream-url=http://127.0.0.1:1"];
        let warnings = resolved(&bare, &OpenAiVariables::default()).unwrap().warnings;
        assert!(warnings[0].contains("http://127.0.0.1:1/v1"), "{warnings:?}");
    }
}
