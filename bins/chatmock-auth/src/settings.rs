//! The step from the command line to the settings of a task; each struct is destructured completely.

use std::net::IpAddr;
use std::path::{PathBuf, absolute};

use anyhow::{Context, ensure};
use chatmock_auth::{
    self as auth, AuthProfile, Home, KeeperSettings, LoopbackSettings, RedirectHost, SharedSource,
    StoreChoice,
};
use chatmock_server::upstream::{self, Identity, UpstreamRoute};

use crate::cli::{self, Cli, GlobalOptions, Host, Program, RouteName, Store};
use crate::env::Folders;

/// Everything that this program needs to know.
#[derive(Debug)]
pub(crate) struct ResolvedCommand {
    /// The task.
    pub(crate) task: Task,
    /// The configuration of the task.
    pub(crate) config: Config,
    /// True to log more.
    pub(crate) verbose: bool,
}

/// The configuration of every task.
#[derive(Debug)]
pub(crate) struct Config {
    /// The home of the sign-ins.
    pub(crate) home: Home,
    /// The store of new sign-ins.
    pub(crate) store: StoreChoice,
    /// The issuer, and who calls it.
    pub(crate) keeper: KeeperSettings,
    /// The identity for the backend.
    pub(crate) identity: Identity,
    /// The backend's address, where the person named one.
    pub(crate) upstream_url: Option<String>,
    /// Folders of other programs.
    pub(crate) folders: Folders,
}

/// The task to run, with its settings.
#[derive(Debug)]
pub(crate) enum Task {
    /// Sign in.
    Login(Login),
    /// Show who is signed in.
    Status {
        /// For programs.
        json: bool,
        /// Perhaps by the Codex CLI's file.
        borrowed: Option<PathBuf>,
    },
    /// Sign out.
    Logout(Logout),
    /// Renew.
    Refresh,
    /// Spend a credit that begins the windows anew.
    ResetCredit {
        /// Without a question.
        yes: bool,
    },
    /// Look at another program's sign-in.
    Import(Import),
    /// List accounts.
    Accounts,
    /// Make another account the active one.
    Use(String),
    /// Look for faults.
    Doctor,
    /// Print a text that needs no sign-in.
    Generate(cli::Generate),
}

/// The settings of a sign-out.
#[derive(Debug)]
pub(crate) struct Logout {
    /// The account, if another than the active one is meant.
    pub(crate) account: Option<String>,
    /// True if tokens that cannot be read may stay where they are.
    pub(crate) force: bool,
}

/// The settings of a sign-in.
#[derive(Debug)]
pub(crate) struct Login {
    /// The route, if the person chose one.
    pub(crate) route: Option<auth::SignInRoute>,
    /// The method that the person asked for.
    pub(crate) requested: RequestedMethod,
    /// This machine's name where the browser comes back to, where the person said so.
    pub(crate) host: Option<RedirectHost>,
    /// The port, likewise.
    pub(crate) port: Option<u16>,
    /// Another address to wait on.
    pub(crate) bind: Option<IpAddr>,
    /// The workspaces that are allowed.
    pub(crate) workspaces: Vec<String>,
    /// A name for the account.
    pub(crate) name: Option<String>,
    /// True if another account is replaced without a question.
    pub(crate) replace: bool,
    /// Another program's file that may hold the same tokens as the home.
    pub(crate) shared_with: Option<PathBuf>,
}

/// The method to sign in that the person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestedMethod {
    /// Nothing.
    Either,
    /// Open no browser.
    Address,
    /// A code.
    Device,
}

/// The settings of an import.
#[derive(Debug)]
pub(crate) struct Import {
    /// The files, of which the first that exists is used.
    pub(crate) files: Vec<PathBuf>,
    /// True if the tokens are taken over.
    pub(crate) take_over: bool,
    /// The settings of the sign-in otherwise.
    pub(crate) login: Login,
}

impl Config {
    /// The backend of a sign-in for a route, and who calls it.
    pub(crate) fn upstream(&self, route: &auth::SignInRoute) -> upstream::Config {
        let backend = route.as_str().parse().unwrap_or_else(|_| UpstreamRoute::codex());
        let base = self.upstream_url.clone().unwrap_or_else(|| backend.base().to_owned());
        let (route, identity) = (backend.at(base), self.identity.clone());
        upstream::Config { route, identity, ..upstream::Config::default() }
    }
}

/// Resolves a command line to what will be done.
pub(crate) fn resolve(cli: Cli, folders: Folders) -> anyhow::Result<ResolvedCommand> {
    let Cli { task, global } = cli;
    let GlobalOptions {
        home,
        store,
        shared,
        shared_file,
        shared_key_file,
        shared_prefix,
        verbose,
        issuer,
        client_id,
        upstream_url,
        originator,
        user_agent,
    } = global;
    let keeper = KeeperSettings {
        issuer,
        client_id,
        ..KeeperSettings::new(originator.as_str(), user_agent.as_str())
    };
    let identity = Identity { originator, user_agent, ..Identity::default() };
    let store = self::store(store);
    let home = Home::new(self::home(home, &folders)?, store);
    let home = home.with_runtime_folder(folders.runtime.clone());
    let shared = SharedSource {
        address: shared,
        address_file: shared_file,
        key_file: shared_key_file,
        prefix: Some(shared_prefix),
        lease: None,
    };
    let home = match shared.open()? {
        Some(shared) => home.with_shared(shared),
        None => home,
    };
    let task = self::task(task, &folders)?;
    let config = Config { home, store, keeper, identity, upstream_url, folders };
    Ok(ResolvedCommand { task, config, verbose })
}

fn home(home: Option<PathBuf>, folders: &Folders) -> anyhow::Result<PathBuf> {
    let home = home
        .or_else(|| folders.person.as_ref().map(|person| person.join(".chatgpt-local")))
        .context("your home folder is not known: pass one with --home or CHATGPT_LOCAL_HOME")?;
    absolute(&home).with_context(|| format!("cannot use the folder {}", home.display()))
}

fn store(store: Store) -> StoreChoice {
    match store {
        Store::Auto => StoreChoice::Auto,
        Store::Keyring => StoreChoice::Keyring,
        Store::File => StoreChoice::File,
    }
}

fn task(task: cli::Task, folders: &Folders) -> anyhow::Result<Task> {
    Ok(match task {
        cli::Task::Login(cli::Login { route, how }) => {
            let route = route.map(|name| match name {
                RouteName::Codex => auth::SignInRoute::CODEX,
                RouteName::Plan => auth::SignInRoute::PLAN,
            });
            Task::Login(login(how, route))
        }
        cli::Task::Status(cli::Status { json, borrow_codex }) => {
            let codex = folders.codex.as_ref().map(|codex| codex.join("auth.json"));
            Task::Status { json, borrowed: codex.filter(|_| borrow_codex) }
        }
        cli::Task::Logout(cli::Logout { account, force }) => {
            Task::Logout(Logout { account, force })
        }
        cli::Task::Refresh => Task::Refresh,
        cli::Task::ResetCredit(cli::ResetCredit { yes }) => Task::ResetCredit { yes },
        cli::Task::Import(import) => Task::Import(self::import(import, folders)?),
        cli::Task::Accounts => Task::Accounts,
        cli::Task::Use(cli::Use { account }) => Task::Use(account),
        cli::Task::Doctor => Task::Doctor,
        cli::Task::Generate(what) => Task::Generate(what),
    })
}

fn login(how: cli::How, route: Option<auth::SignInRoute>) -> Login {
    let cli::How {
        no_browser,
        device,
        redirect_host,
        workspace,
        account,
        yes,
        bind,
        callback_port,
    } = how;
    let requested = match (no_browser, device) {
        (_, true) => RequestedMethod::Device,
        (true, _) => RequestedMethod::Address,
        _ => RequestedMethod::Either,
    };
    let host = redirect_host.map(|host| match host {
        Host::Ip => RedirectHost::Ip,
        Host::Localhost => RedirectHost::Localhost,
    });
    Login {
        route,
        requested,
        host,
        port: callback_port,
        bind,
        workspaces: workspace,
        name: account,
        replace: yes,
        shared_with: None,
    }
}

impl Login {
    /// Returns the settings of the listener on a route.
    pub(crate) fn loopback(&self, profile: &AuthProfile) -> LoopbackSettings {
        LoopbackSettings {
            host: self.host.unwrap_or_default(),
            ports: self.port.map_or_else(|| profile.callback_ports.to_vec(), |port| vec![port]),
            bind: self.bind,
        }
    }

    /// Refuses an option that a route does not offer.
    pub(crate) fn check(&self, profile: &AuthProfile) -> anyhow::Result<()> {
        let route = profile.name;
        ensure!(
            profile.localhost || self.host.is_none(),
            "--redirect-host cannot be used on the {route} route: the browser returns to \
             127.0.0.1 only"
        );
        ensure!(
            profile.device_codes || self.requested != RequestedMethod::Device,
            "--device cannot be used on the {route} route: use --no-browser, and open the address \
             on any machine"
        );
        ensure!(
            profile.workspaces || self.workspaces.is_empty(),
            "--workspace cannot be used on the {route} route, which is for personal workspaces"
        );
        Ok(())
    }
}

fn import(import: cli::Import, folders: &Folders) -> anyhow::Result<Import> {
    let cli::Import { program, path, take_over, how } = import;
    let codex = folders.codex.as_ref().map(|codex| codex.join("auth.json"));
    let python = folders.person.as_ref().map(|person| person.join(".chatgpt-local/auth.json"));
    let in_folder = |path: PathBuf| if path.is_dir() { path.join("auth.json") } else { path };
    let places = match (path, program) {
        (Some(path), _) => vec![Some(in_folder(path))],
        (None, Some(Program::Codex)) => vec![codex],
        (None, Some(Program::Chatmock)) => vec![python],
        (None, None) => vec![codex, python],
    };
    let files: Vec<PathBuf> = places.into_iter().flatten().collect();
    anyhow::ensure!(!files.is_empty(), "your home folder is not known: pass the path of the file");
    // The file that is found says what its sign-in is for.
    Ok(Import { files, take_over, login: login(how, None) })
}

#[cfg(test)]
mod tests;
