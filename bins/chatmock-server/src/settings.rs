//! The step from flags to settings.
//!
//! Every struct of flags is destructured completely, without `..`, so that a flag that is forgotten
//! here does not compile. A generic mapping from names to values would be shorter, but it would
//! move that mistake to run time.

mod listen;
mod record;
mod reply;
mod sharing;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context, ensure};
use chatmock_server::auth::{self, KeeperSettings, Secret};
use chatmock_server::upstream::{self, UpstreamRoute};
use chatmock_server::{Access, HttpSettings, KeySettings, ModelSettings, Settings, SignInSettings};
use chatmock_simulator::Cassettes;

use crate::api_keys::KeyFile;
use crate::cli::{
    AdminArgs, BackendArgs, Cli, LogFormat, ModelArgs, ProgramArgs, ReasoningReplay, SignInArgs,
};
use crate::env::{Folders, OpenAiVariables};
use crate::listen::ListenTarget;
use crate::{backend, client_version, companion};

/// All settings of this run.
#[derive(Debug)]
pub(crate) struct ResolvedSettings {
    /// The addresses to listen on.
    pub(crate) listen: ListenTarget,
    /// The address of the figures, where they have one of their own.
    pub(crate) metrics_address: Option<SocketAddr>,
    /// True if a simulator replaces the backend.
    pub(crate) demo: bool,
    /// The recordings with which it answers, if it does.
    pub(crate) cassettes: Option<Cassettes>,
    /// The format of the log.
    pub(crate) log: LogFormat,
    /// True to log more detail.
    pub(crate) verbose: bool,
    /// True if the end of the terminal does not end the server.
    pub(crate) stay: bool,
    /// The file of API keys, which is read anew when it changes.
    pub(crate) key_file: Option<KeyFile>,
    /// The warnings to log at each start.
    pub(crate) warnings: Vec<String>,
    /// The server's own settings. In a demo, the backend and the sign-in are set later.
    pub(crate) server: Settings,
}

/// The backend as it is asked for: the simulator in a demo, else with the client version in force.
fn backend(given: BackendArgs, demo: bool, folders: &Folders, home: Option<&Path>) -> BackendArgs {
    if demo {
        return given.for_demo();
    }
    let version = client_version::resolve(given.client_version.as_deref(), folders, home);
    BackendArgs { client_version: Some(version), ..given }
}

/// Resolves a command line to settings. Sockets that are open already replace the address.
pub(crate) fn resolve(
    cli: Cli,
    folders: &Folders,
    openai: &OpenAiVariables,
    sockets: Vec<TcpListener>,
) -> anyhow::Result<ResolvedSettings> {
    let Cli {
        command: _,
        program,
        listen,
        access,
        replies,
        models,
        backend,
        companions,
        sign_in,
        admin,
        shared,
        record,
    } = cli;
    let ProgramArgs {
        config: _,
        demo,
        verbose,
        verbose_obfuscation,
        log_format: log,
        stay,
        log_bodies,
    } = program;
    let (listen, mut http) = listen::http(listen, sockets)?;
    http.log_bodies = log_bodies;
    http.replay_reasoning = replies.reasoning_replay == ReasoningReplay::Auto;
    let metrics_address = self::admin(admin, &mut http);
    let is_simulated = demo || record.replay.is_some();
    http.shared = if is_simulated { None } else { shared.source().open()? };
    let key_file = KeyFile::of(&access.api_key, access.api_key_file.as_deref());
    let mut warnings = listen::access(access, &listen, &mut http)?;
    listen::budgets(&http)?;
    warnings.extend(sharing::warnings(&http));
    if log_bodies {
        let warning = "--log-bodies is on: everything that is sent to the model is logged; turn it off after debugging";
        warnings.push(warning.to_owned());
    }
    let cassettes = record::recording(record, &mut http, &mut warnings)?;
    ensure!(!demo || cassettes.is_none(), "--demo and --replay exclude each other");
    let demo = demo || cassettes.is_some();
    let backend = self::backend(backend, demo, folders, sign_in.home.as_deref());
    let resolved = backend::resolve(backend, openai)?;
    warnings.extend(resolved.warnings);
    let access = self::access(resolved.key, sign_in, (&resolved.config, folders, demo))?;
    let companions = companion::resolve(companions, &mut warnings)?;
    let (policy, models) = (reply::policy(replies)?, self::models(models));
    let server = Settings { http, policy, upstream: resolved.config, access, models, companions };
    Ok(ResolvedSettings {
        listen,
        metrics_address,
        demo,
        cassettes,
        log,
        verbose: verbose || verbose_obfuscation,
        stay,
        key_file,
        warnings,
        server,
    })
}

/// Resolves with what the backend is called: a key, or a sign-in.
fn access(
    key: Option<Secret>,
    args: SignInArgs,
    (upstream, folders, demo): (&upstream::Config, &Folders, bool),
) -> anyhow::Result<Access> {
    if upstream.route.uses_key() {
        return Ok(Access::Key(KeySettings { key, home: home(args.home, folders).ok() }));
    }
    Ok(Access::SignIn(sign_in(args, upstream, folders, demo)?))
}

/// Sets what the server shows of itself; returns the address of the figures, where they have one of their own.
fn admin(args: AdminArgs, http: &mut HttpSettings) -> Option<SocketAddr> {
    let AdminArgs { history, guard, budget, ui, explain, metrics_open, metrics_address } = args;
    http.admin.history = history;
    http.admission.metrics_open = metrics_open;
    (http.admission.ui, http.admission.explain) = (ui, explain);
    (http.admin.guard, http.admin.budgets) = (guard, budget);
    metrics_address
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
mod tests;
