//! The step from flags to settings.
//!
//! Every struct of flags is destructured completely, without `..`, so that a flag that is forgotten
//! here does not compile. A generic mapping from names to values would be shorter, but it would
//! move that mistake to run time.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use chatmock_server::auth::{self, KeeperSettings};
use chatmock_server::translate::Policy;
use chatmock_server::translate::policy::Instructions;
use chatmock_server::translate::reasoning_style::ReasoningStyle;
use chatmock_server::upstream::{self, UpstreamRoute};
use chatmock_server::{Access, HttpSettings, KeySettings, ModelSettings, Settings, SignInSettings};

use crate::api_keys::LoadedKeys;
use crate::cli::{
    AccessArgs, AdminArgs, Cli, ListenArgs, LogFormat, ModelArgs, ProgramArgs, ReasoningCompat,
    ReasoningReplay, ReplyArgs, SignInArgs,
};
use crate::env::{Folders, OpenAiVariables};
use crate::listen::ListenTarget;
use crate::value_parsers::SocketPath;
use crate::{backend, client_version};

const BASE: &str = include_str!("../../../prompts/base.md");
const CODEX: &str = include_str!("../../../prompts/codex.md");

/// All settings of this run.
#[derive(Debug)]
pub(crate) struct ResolvedSettings {
    /// The addresses to listen on.
    pub(crate) listen: ListenTarget,
    /// The address of the figures, where they have one of their own.
    pub(crate) metrics_address: Option<SocketAddr>,
    /// True if a simulator replaces the backend.
    pub(crate) demo: bool,
    /// The format of the log.
    pub(crate) log: LogFormat,
    /// True to log more detail.
    pub(crate) verbose: bool,
    /// True if the end of the terminal does not end the server.
    pub(crate) stay: bool,
    /// The warnings to log at each start.
    pub(crate) warnings: Vec<String>,
    /// The server's own settings. In a demo, the backend and the sign-in are set later.
    pub(crate) server: Settings,
}

/// Resolves a command line to settings. Sockets that are open already replace the address.
pub(crate) fn resolve(
    cli: Cli,
    folders: &Folders,
    openai: &OpenAiVariables,
    sockets: Vec<TcpListener>,
) -> anyhow::Result<ResolvedSettings> {
    let Cli { command: _, program, listen, access, replies, models, backend, sign_in, admin } = cli;
    let ProgramArgs {
        config: _,
        demo,
        verbose,
        verbose_obfuscation,
        log_format: log,
        stay,
        log_bodies,
    } = program;
    let (listen, mut http) = http(listen, sockets)?;
    http.log_bodies = log_bodies;
    http.replay_reasoning = replies.reasoning_replay == ReasoningReplay::Auto;
    let AdminArgs { history, guard, budget, ui, metrics_open, metrics_address } = admin;
    http.admin.history = history;
    http.admission.metrics_open = metrics_open;
    http.admission.ui = ui;
    (http.admin.guard, http.admin.budgets) = (guard, budget);
    let mut warnings = self::access(access, &listen, &mut http)?;
    budgets(&http)?;
    if log_bodies {
        let warning = "--log-bodies is on: everything that is sent to the model is logged; turn it off after debugging";
        warnings.push(warning.to_owned());
    }
    let mut backend = if demo { backend.for_demo() } else { backend };
    if !demo {
        let version = client_version::resolve(backend.client_version.as_deref(), folders);
        backend.client_version = Some(version);
    }
    let resolved = backend::resolve(backend, openai)?;
    warnings.extend(resolved.warnings);
    let access = if resolved.config.route.uses_key() {
        Access::Key(KeySettings { key: resolved.key, home: home(sign_in.home, folders).ok() })
    } else {
        Access::SignIn(self::sign_in(sign_in, &resolved.config, folders, demo)?)
    };
    let (policy, models) = (policy(replies)?, self::models(models));
    let server = Settings { http, policy, upstream: resolved.config, access, models };
    let verbose = verbose || verbose_obfuscation;
    Ok(ResolvedSettings { listen, metrics_address, demo, log, verbose, stay, warnings, server })
}

fn http(
    args: ListenArgs,
    sockets: Vec<TcpListener>,
) -> anyhow::Result<(ListenTarget, HttpSettings)> {
    let ListenArgs {
        host,
        port,
        is_port_set,
        listen: path,
        max_body,
        max_connections,
        max_turns,
        max_turns_per_label,
        drain,
        ollama_version,
        state_dir,
    } = args;
    let listen = match (sockets.is_empty(), &path) {
        (false, _) => ListenTarget::from_sockets(sockets)?,
        (true, Some(_)) if !is_port_set => ListenTarget::default(),
        (true, _) => ListenTarget::resolve(&host, port)?,
    };
    let listen = listen.with_path(path.map(|SocketPath(path)| path));
    let hosts: Result<_, String> = listen.host_name().into_iter().map(str::parse).collect();
    let hosts = hosts.map_err(anyhow::Error::msg).context("--host")?;
    let mut http = HttpSettings { ollama_version, ..HttpSettings::default() };
    http.admission.hosts = hosts;
    (http.sizes.max_body, http.sizes.max_connections) = (max_body, max_connections);
    (http.turns.max, http.turns.max_per_label) = (max_turns, max_turns_per_label);
    http.timeouts.drain = drain;
    http.responses.directory = state_dir;
    Ok((listen, http))
}

/// Refuses budgets of labels that no key has.
fn budgets(http: &HttpSettings) -> anyhow::Result<()> {
    let keys = &http.admission.keys;
    let known = |label: &str| label == "*" || keys.iter().any(|key| key.label() == label);
    match http.admin.budgets.iter().find(|budget| keys.is_empty() || !known(budget.label())) {
        Some(budget) if keys.is_empty() => {
            bail!(
                "--budget {}: budgets are of keys' labels, and no key is set (--api-key-file)",
                budget.label()
            )
        }
        Some(budget) => bail!("--budget: no key has the label {}", budget.label()),
        None => Ok(()),
    }
}

/// Resolves who may send requests; returns the warnings.
fn access(
    args: AccessArgs,
    listen: &ListenTarget,
    http: &mut HttpSettings,
) -> anyhow::Result<Vec<String>> {
    let AccessArgs { api_key, api_key_file, allow_unauthenticated, allow_host, allow_origin } =
        args;
    let LoadedKeys { keys, mut warnings } = LoadedKeys::read(&api_key, api_key_file.as_deref())?;
    if let Some(address) = listen.exposed_address().filter(|_| keys.is_empty()) {
        ensure!(
            allow_unauthenticated,
            "cannot listen on {address}: an address that other machines can reach needs an inbound \
             key (--api-key-file FILE)\nhint: make a key with  openssl rand -hex 24 > keys && chmod 600 keys ; use \
             --host 127.0.0.1 for this machine alone, or --allow-unauthenticated if you trust everyone who can connect"
        );
        warnings.push(format!(
            "--allow-unauthenticated: anyone who can connect to {address} can use your account"
        ));
    }
    let others = allow_host.iter().find(|host| !host.is_of_this_machine());
    if let Some(host) = others.filter(|_| keys.is_empty()) {
        ensure!(
            allow_unauthenticated,
            "--allow-host {host}: a name that other machines may use needs an inbound key: add the \
             line  api-key-file = \"keys\"  to the configuration file, or pass --api-key-file FILE; \
             or pass --allow-unauthenticated if you trust everyone who can reach {host}"
        );
        warnings.push(format!(
            "--allow-unauthenticated: anyone who can reach {host} can use your account"
        ));
    }
    if let Some(origin) = allow_origin.iter().find(|origin| keys.is_empty() && origin.needs_key()) {
        bail!(
            "--allow-origin {}: every extension of the browser has such an origin, so a key is needed: add the line  \
             api-key-file = \"keys\"  to the configuration file, or pass --api-key-file FILE; or list the one extension by \
             its id",
            origin.as_str()
        );
    }
    http.admission.unauthenticated = allow_unauthenticated;
    http.admission.hosts.extend(allow_host);
    http.admission.origins = allow_origin;
    http.admission.keys = keys;
    Ok(warnings)
}

fn policy(args: ReplyArgs) -> anyhow::Result<Policy> {
    let ReplyArgs {
        reasoning_effort,
        reasoning_summary,
        reasoning_compat,
        reasoning_replay: _,
        fast_mode,
        enable_web_search,
        hide_commentary,
        instructions,
        strict,
        debug_model,
        max_answers,
    } = args;
    let effort = reasoning_effort.map(|word| word.parse()).transpose();
    Ok(Policy {
        reasoning_style: reasoning_style(reasoning_compat),
        effort: effort.context("--reasoning-effort")?,
        summary: reasoning_summary.map(|word| word.to_ascii_lowercase()),
        fast: fast_mode,
        web_search: enable_web_search,
        hide_commentary,
        strict,
        debug_model,
        max_calls: max_answers,
        instructions: self::instructions(&instructions)?,
        tokenizer: chatmock_server::tokenizer(),
        // The server fills in what its backend accepts.
        ..Policy::default()
    })
}

fn reasoning_style(compat: ReasoningCompat) -> ReasoningStyle {
    match compat {
        ReasoningCompat::ReasoningContent => ReasoningStyle::ReasoningContent,
        ReasoningCompat::ThinkTags => ReasoningStyle::ThinkTags,
        ReasoningCompat::O3 => ReasoningStyle::O3,
        ReasoningCompat::Legacy => ReasoningStyle::Legacy,
        ReasoningCompat::None => ReasoningStyle::None,
    }
}

fn instructions(source: &Path) -> anyhow::Result<Instructions> {
    match source.to_str() {
        Some("none" | "") => Ok(Instructions::Empty),
        Some("builtin") => Ok(Instructions::Builtin { base: BASE.into(), codex: CODEX.into() }),
        _ => {
            let context = || format!("cannot read the instructions in {}", source.display());
            let text = std::fs::read_to_string(source).with_context(context)?;
            Ok(Instructions::Text(Arc::from(text)))
        }
    }
}

fn models(args: ModelArgs) -> ModelSettings {
    let ModelArgs {
        model_sync,
        model_refresh_interval,
        expose_reasoning_models,
        alias,
        model_list,
    } = args;
    ModelSettings {
        sync: model_sync,
        refresh: model_refresh_interval,
        expose_efforts: expose_reasoning_models,
        aliases: alias,
        list: model_list,
    }
}

fn sign_in(
    args: SignInArgs,
    upstream: &upstream::Config,
    folders: &Folders,
    demo: bool,
) -> anyhow::Result<SignInSettings> {
    let SignInArgs { home, borrow_codex, issuer, client_id } = args;
    let upstream::Config { route, identity, .. } = upstream;
    ensure!(
        !borrow_codex || route == &UpstreamRoute::codex().at(route.base()),
        "--borrow-codex needs --route codex"
    );
    let keeper = KeeperSettings {
        issuer,
        client_id,
        route: auth::SignInRoute::named(route.name()),
        runtime_folder: folders.runtime.clone(),
        ..KeeperSettings::new(identity.originator.as_str(), identity.user_agent.as_str())
    };
    // A demo creates its own folder and does not need the user's.
    let home = if demo { PathBuf::new() } else { self::home(home, folders)? };
    let borrow_codex = folders.codex.clone().filter(|_| borrow_codex && !demo);
    Ok(SignInSettings { home, borrow_codex, keeper })
}

fn home(home: Option<PathBuf>, folders: &Folders) -> anyhow::Result<PathBuf> {
    let home = home
        .or_else(|| folders.home.as_ref().map(|home| home.join(".chatgpt-local")))
        .context("your home folder is unknown: set --home or CHATGPT_LOCAL_HOME")?;
    absolute(&home).with_context(|| format!("cannot use the folder {}", home.display()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chatmock_server::upstream::Identity;

    use super::*;

    fn resolved(arguments: &[&str]) -> anyhow::Result<ResolvedSettings> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = Folders {
            home: Some(root.into()),
            codex: Some(root.join("codex")),
            ..Folders::default()
        };
        resolve(Cli::typed(arguments).unwrap(), &folders, &OpenAiVariables::default(), Vec::new())
    }

    fn signed_in(settings: &Settings) -> &SignInSettings {
        match &settings.access {
            Access::SignIn(settings) => settings,
            Access::Key(_) => panic!("a key is set"),
        }
    }

    #[test]
    fn nothing_typed_means_the_defaults_of_the_crates() {
        let ResolvedSettings {
            listen,
            metrics_address,
            demo,
            log,
            verbose,
            stay,
            warnings,
            server,
        } = resolved(&[]).unwrap();
        assert_eq!(metrics_address, None);
        assert_eq!((log, warnings.is_empty()), (LogFormat::Human, true));
        let usual = ListenTarget::resolve("localhost", 8000).unwrap();
        assert_eq!(format!("{listen:?}"), format!("{usual:?}"));
        assert!(!demo && !verbose && !stay);
        let http = HttpSettings::default();
        assert_eq!(
            (server.http.sizes.max_body, server.http.timeouts.drain),
            (http.sizes.max_body, http.timeouts.drain)
        );
        assert_eq!(server.http.sizes.max_connections, http.sizes.max_connections);
        assert_eq!(server.http.turns, http.turns);
        assert!(server.http.admission.keys.is_empty() && server.http.admission.origins.is_empty());
        assert!(server.http.admission.hosts.is_empty() && !server.http.log_bodies);
        assert_eq!(server.upstream.route, UpstreamRoute::codex());
        assert_eq!(server.upstream.identity, Identity::default());
        let models = ModelSettings::default();
        assert_eq!((server.models.sync, server.models.refresh), (models.sync, models.refresh));
        assert!(signed_in(&server).home.ends_with(".chatgpt-local"));
        assert_eq!(signed_in(&server).borrow_codex, None);
        assert!(matches!(server.policy.instructions, Instructions::Empty));
        assert_eq!(server.policy.reasoning_style, ReasoningStyle::ReasoningContent);
        assert_eq!((server.policy.effort, server.policy.summary), (None, None));
    }

    #[test]
    fn every_word_of_effort_is_one_that_the_policy_knows() {
        for word in ["none", "minimal", "low", "medium", "high", "xhigh", "max", "ULTRA"] {
            let server = resolved(&["--reasoning-effort", word]).unwrap().server;
            let effort = server.policy.effort.unwrap();
            assert_eq!(effort.as_str(), word.to_ascii_lowercase());
        }
    }

    #[test]
    fn flags_arrive_where_they_are_needed() {
        let arguments = [
            "--drain=2",
            "--max-body=1k",
            "--fast-mode",
            "--enable-web-search",
            "--strict",
            "--hide-commentary",
            "--debug-model=m",
            "--model-sync=false",
            "--originator=o",
            "--user-agent=u",
            "--client-version=1.2.3",
            "--issuer=https://i.test",
            "--client-id=c",
            "--borrow-codex",
            "--verbose-obfuscation",
            "--reasoning-summary=Detailed",
            "--model-refresh-interval=90",
            "--expose-reasoning-models",
            "--reasoning-compat=o3",
        ];
        let ResolvedSettings { verbose, server, .. } = resolved(&arguments).unwrap();
        assert!(verbose);
        assert_eq!(
            (server.http.sizes.max_body, server.http.timeouts.drain),
            (1024, Duration::from_secs(2))
        );
        let policy = &server.policy;
        assert!(policy.fast && policy.web_search && policy.strict && policy.hide_commentary);
        assert_eq!(policy.debug_model.as_deref(), Some("m"));
        assert_eq!(policy.summary.as_deref(), Some("detailed"));
        assert_eq!(policy.reasoning_style, ReasoningStyle::O3);
        assert!(!server.models.sync && server.models.expose_efforts);
        assert_eq!(server.models.refresh, Duration::from_secs(90));
        let keeper = &signed_in(&server).keeper;
        assert_eq!((&*keeper.issuer, &*keeper.client_id), ("https://i.test", "c"));
        assert_eq!((&*keeper.originator, &*keeper.user_agent), ("o", "u"));
        assert_eq!(server.upstream.identity.client_version, "1.2.3");
        assert!(signed_in(&server).borrow_codex.as_ref().unwrap().ends_with("codex"));
    }

    #[test]
    fn what_others_can_reach_needs_a_key_or_a_clear_word() {
        for host in ["0.0.0.0", "::", "192.0.2.1", "[2001:db8::1]"] {
            let error = resolved(&["--host", host]).unwrap_err().to_string();
            assert!(error.contains("--api-key-file"), "{host}: {error}");
            let keyed = resolved(&["--host", host, "--api-key", "0123456789abcdef"]).unwrap();
            assert!(keyed.warnings.is_empty(), "{:?}", keyed.warnings);
            let open = resolved(&["--host", host, "--allow-unauthenticated"]).unwrap();
            assert_eq!(open.warnings.len(), 1, "{:?}", open.warnings);
        }
        assert!(resolved(&["--allow-unauthenticated"]).unwrap().warnings.is_empty());
    }

    #[test]
    fn sockets_that_were_handed_over_need_a_key_by_their_own_address() {
        let handed = |address: &str| {
            let sockets = vec![TcpListener::bind(address).unwrap()];
            let cli = Cli::typed(&["--demo", "--host=0.0.0.0"]).unwrap();
            resolve(cli, &Folders::default(), &OpenAiVariables::default(), sockets)
        };
        assert!(handed("127.0.0.1:0").is_ok());
        let error = handed("0.0.0.0:0").unwrap_err().to_string();
        assert!(error.contains("--api-key-file"), "{error}");
    }

    #[test]
    fn callers_arrive_where_they_are_needed() {
        let arguments = [
            "--api-key=ann:0123456789abcdef,0123456789abcdeg",
            "--allow-host=nas.lan",
            "--allow-host=192.168.1.5,[2001:db8::1]",
            "--allow-origin=http://localhost:3000,app://obsidian.md",
            "--max-connections=7",
            "--max-turns=5",
            "--max-turns-per-label=2",
            "--max-answers=3",
            "--log-bodies",
            "--log-format=JSON",
        ];
        let ResolvedSettings { log, warnings, server, .. } = resolved(&arguments).unwrap();
        assert_eq!(log, LogFormat::Json);
        assert!(warnings.len() == 1 && warnings[0].contains("--log-bodies"), "{warnings:?}");
        let (http, policy) = (server.http, server.policy);
        assert_eq!(policy.max_calls, 3);
        assert_eq!((http.turns.max, http.turns.max_per_label), (5, Some(2)));
        let labels: Vec<&str> = http.admission.keys.iter().map(|key| key.label()).collect();
        assert_eq!(labels, ["ann", "key-2"]);
        assert_eq!(
            (http.admission.hosts.len(), http.admission.origins.len(), http.sizes.max_connections),
            (3, 2, 7)
        );
    }

    #[test]
    fn a_scheme_is_listed_as_a_whole_and_that_of_extensions_only_with_a_key() {
        let key = "--api-key=ann:0123456789abcdef";
        assert!(resolved(&["--allow-origin=vscode-webview://*"]).is_ok());
        for scheme in ["moz-extension", "safari-web-extension"] {
            let flag = format!("--allow-origin={scheme}://*");
            let error = resolved(&[&flag]).unwrap_err().to_string();
            assert!(error.contains("--api-key-file"), "{error}");
            assert!(resolved(&[&flag, key]).is_ok());
            assert!(resolved(&[&format!("--allow-origin={scheme}://id")]).is_ok());
        }
    }

    #[test]
    fn origins_and_hosts_that_cannot_be_meant_are_refused_with_a_reason() {
        for (argument, reason) in [
            ("--allow-origin=*", "every page"),
            ("--allow-origin=http://localhost:*", "every page"),
            ("--allow-origin=https://*", "every page"),
            ("--allow-origin=file://*", "every page"),
            ("--allow-origin=chrome-extension://*", "name its id"),
            ("--allow-origin=null", "sandboxed"),
            ("--allow-origin=http://localhost:3000/", "no slash"),
            ("--allow-origin=https://Example.com", "lower case"),
            ("--allow-origin=http://localhost:80", "leave :80 out"),
            ("--allow-origin=localhost:3000", "http://localhost:3000"),
            ("--allow-host=*.lan", "name every host"),
            ("--allow-host=nas.lan:8000", "no port"),
            ("--allow-host=http://nas.lan", "no port"),
            ("--max-connections=0", "at least 1"),
            ("--max-turns=0", "at least 1"),
            ("--max-turns-per-label=0", "at least 1"),
            ("--max-answers=0", "at least 1"),
        ] {
            let error = Cli::typed(&[argument]).unwrap_err().to_string();
            assert!(error.contains(reason), "{argument}: {error}");
        }
    }

    #[test]
    fn instructions_are_none_built_in_or_a_file() {
        let of = |source: &str| resolved(&["--instructions", source]).map(|d| d.server.policy);
        let builtin = of("builtin").unwrap().instructions;
        assert!(matches!(builtin, Instructions::Builtin { base, codex } if base != codex));
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../prompts/base.md");
        let text = of(file).unwrap().instructions;
        assert!(matches!(text, Instructions::Text(text) if &*text == BASE));
        let error = of("no-such-file.md").unwrap_err().to_string();
        assert!(error.contains("no-such-file.md"), "{error}");
    }

    #[test]
    fn a_demo_needs_no_home_folder() {
        let resolved = |arguments: &[&str]| {
            let cli = Cli::typed(arguments).unwrap();
            resolve(cli, &Folders::default(), &OpenAiVariables::default(), Vec::new())
        };
        assert!(resolved(&["--demo", "--route=api"]).unwrap().demo);
        assert!(resolved(&["--route=api", "--upstream-url=http://[::1]:1/v1"]).is_ok());
        let error = resolved(&[]).unwrap_err();
        assert!(error.to_string().contains("--home"), "{error}");
    }
}
