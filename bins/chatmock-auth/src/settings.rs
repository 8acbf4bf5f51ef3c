//! The step from what was typed to what is needed; each struct is taken apart completely.

use std::path::{PathBuf, absolute};

use anyhow::Context;
use chatmock_auth::{
    Endpoint, EndpointError, EndpointSettings, Home, KeeperSettings, LoopbackSettings,
    RedirectHost, StoreChoice,
};
use chatmock_server::upstream::{self, Identity, Route};

use crate::cli::{self, Cli, Everywhere, Host, Program, Store};
use crate::env::Folders;

/// Everything that this program needs to know.
#[derive(Debug)]
pub(crate) struct Decided {
    /// What is to be done.
    pub(crate) task: Task,
    /// What it is done with.
    pub(crate) means: Means,
    /// Whether more is told.
    pub(crate) verbose: bool,
}

/// What every task works with.
#[derive(Debug)]
pub(crate) struct Means {
    /// Where the sign-ins are.
    pub(crate) home: Home,
    /// Where new ones are put.
    pub(crate) store: StoreChoice,
    /// The issuer, and who calls it.
    pub(crate) keeper: KeeperSettings,
    /// The backend, and who calls it.
    pub(crate) upstream: upstream::Config,
    /// Folders of other programs.
    pub(crate) folders: Folders,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Task {
    /// Sign in.
    Login(Login),
    /// Tell who is signed in.
    Status {
        /// For programs.
        json: bool,
        /// Perhaps by the Codex CLI's file.
        borrowed: Option<PathBuf>,
    },
    /// Sign out, perhaps another account than the active one.
    Logout(Option<String>),
    /// Renew.
    Refresh,
    /// Look at another program's sign-in.
    Import(Import),
    /// List accounts.
    Accounts,
    /// Make another account the active one.
    Use(String),
    /// Look for faults.
    Doctor,
}

/// How to sign in.
#[derive(Debug)]
pub(crate) struct Login {
    /// What the person said about the way.
    pub(crate) wanted: Wanted,
    /// Where the browser comes back to.
    pub(crate) loopback: LoopbackSettings,
    /// The workspaces that are allowed.
    pub(crate) workspaces: Vec<String>,
    /// A name for the account.
    pub(crate) name: Option<String>,
    /// Whether another account is replaced without a question.
    pub(crate) replace: bool,
}

/// What the person said about the way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing.
    Either,
    /// Open no browser.
    Address,
    /// A code.
    Device,
}

/// What to look at.
#[derive(Debug)]
pub(crate) struct Import {
    /// The files, the first that is there counts.
    pub(crate) files: Vec<PathBuf>,
    /// Whether the tokens are taken over.
    pub(crate) take_over: bool,
    /// How to sign in otherwise.
    pub(crate) login: Login,
}

impl Means {
    /// The issuer's endpoints.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, EndpointError> {
        Endpoint::new(EndpointSettings {
            issuer: &self.keeper.issuer,
            client_id: &self.keeper.client_id,
            originator: &self.keeper.originator,
            user_agent: &self.keeper.user_agent,
        })
    }
}

/// Decides what a command line means.
pub(crate) fn decide(cli: Cli, folders: Folders) -> anyhow::Result<Decided> {
    let Cli { task, everywhere } = cli;
    let Everywhere {
        home,
        store,
        verbose,
        issuer,
        client_id,
        upstream_url,
        originator,
        user_agent,
    } = everywhere;
    let keeper = KeeperSettings {
        issuer,
        client_id,
        ..KeeperSettings::new(originator.as_str(), user_agent.as_str())
    };
    let upstream = upstream::Config {
        route: Route::codex().at(upstream_url),
        identity: Identity { originator, user_agent, ..Identity::default() },
        ..upstream::Config::default()
    };
    let store = self::store(store);
    let home = Home::new(self::home(home, &folders)?, store);
    let task = self::task(task, &folders)?;
    let means = Means { home, store, keeper, upstream, folders };
    Ok(Decided { task, means, verbose })
}

fn home(home: Option<PathBuf>, folders: &Folders) -> anyhow::Result<PathBuf> {
    let home = home
        .or_else(|| folders.person.as_ref().map(|person| person.join(".chatgpt-local")))
        .context("your home folder is not known: name one with --home or CHATGPT_LOCAL_HOME")?;
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
        cli::Task::Login(login) => Task::Login(self::login(login)),
        cli::Task::Status(cli::Status { json, borrow_codex }) => {
            let codex = folders.codex.as_ref().map(|codex| codex.join("auth.json"));
            Task::Status { json, borrowed: codex.filter(|_| borrow_codex) }
        }
        cli::Task::Logout(cli::Logout { account }) => Task::Logout(account),
        cli::Task::Refresh => Task::Refresh,
        cli::Task::Import(import) => Task::Import(self::import(import, folders)?),
        cli::Task::Accounts => Task::Accounts,
        cli::Task::Use(cli::Use { account }) => Task::Use(account),
        cli::Task::Doctor => Task::Doctor,
    })
}

fn login(login: cli::Login) -> Login {
    let cli::Login {
        no_browser,
        device,
        redirect_host,
        workspace,
        account,
        yes,
        bind,
        callback_port,
    } = login;
    let wanted = match (no_browser, device) {
        (_, true) => Wanted::Device,
        (true, _) => Wanted::Address,
        _ => Wanted::Either,
    };
    let host = match redirect_host {
        Host::Ip => RedirectHost::Ip,
        Host::Localhost => RedirectHost::Localhost,
    };
    let mut loopback = LoopbackSettings { host, bind, ..LoopbackSettings::default() };
    if let Some(port) = callback_port {
        loopback.ports = vec![port];
    }
    Login { wanted, loopback, workspaces: workspace, name: account, replace: yes }
}

fn import(import: cli::Import, folders: &Folders) -> anyhow::Result<Import> {
    let cli::Import { program, path, take_over, login } = import;
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
    anyhow::ensure!(!files.is_empty(), "your home folder is not known: name the file");
    Ok(Import { files, take_over, login: self::login(login) })
}

#[cfg(test)]
mod tests {
    use chatmock_auth::{CALLBACK_PORTS, CLIENT_ID, ISSUER};

    use super::*;

    fn decided(arguments: &[&str]) -> anyhow::Result<Decided> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let codex = Some(root.join("codex"));
        decide(Cli::typed(arguments).unwrap(), Folders { person: Some(root), codex })
    }

    fn login(arguments: &[&str]) -> Login {
        let arguments: Vec<&str> =
            std::iter::once("login").chain(arguments.iter().copied()).collect();
        let Task::Login(login) = decided(&arguments).unwrap().task else { panic!("no login") };
        login
    }

    #[test]
    fn what_nobody_says_is_as_for_the_server() {
        let Decided { means, verbose, .. } = decided(&["refresh"]).unwrap();
        assert!(!verbose && means.home.path().ends_with(".chatgpt-local"));
        assert_eq!((&*means.keeper.issuer, &*means.keeper.client_id), (ISSUER, CLIENT_ID));
        assert_eq!(means.upstream.route, Route::codex());
        assert_eq!(means.upstream.identity, Identity::default());
        assert_eq!(means.keeper.originator, means.upstream.identity.originator);
        assert_eq!(means.store, StoreChoice::Auto);
    }

    #[test]
    fn flags_of_login_arrive_where_they_are_needed() {
        let plain = login(&[]);
        assert_eq!((plain.wanted, plain.replace), (Wanted::Either, false));
        assert_eq!(plain.loopback.ports, CALLBACK_PORTS);
        assert_eq!(login(&["--device"]).wanted, Wanted::Device);
        assert_eq!(login(&["--no-browser"]).wanted, Wanted::Address);
        let full = login(&[
            "--redirect-host=localhost",
            "--workspace=a,b",
            "--workspace=c",
            "--account=work",
            "-y",
            "--bind=0.0.0.0",
            "--callback-port=7",
        ]);
        assert_eq!(full.loopback.host, RedirectHost::Localhost);
        assert_eq!((full.loopback.ports, full.workspaces.len()), (vec![7], 3));
        assert!(full.replace && full.loopback.bind.is_some());
        assert_eq!(full.name.as_deref(), Some("work"));
    }

    #[test]
    fn an_import_looks_where_the_programs_keep_their_files() {
        let files = |arguments: &[&str]| match decided(arguments).unwrap().task {
            Task::Import(import) => import.files,
            task => panic!("{task:?}"),
        };
        assert!(files(&["import", "codex"])[0].ends_with("codex/auth.json"));
        assert_eq!(files(&["import"]).len(), 2);
        assert_eq!(files(&["import", "codex", "x.json"]), [PathBuf::from("x.json")]);
        let folder = env!("CARGO_MANIFEST_DIR");
        assert!(files(&["import", "chatmock", folder])[0].ends_with("auth.json"));
    }

    #[test]
    fn a_home_is_needed() {
        let error = decide(Cli::typed(&["refresh"]).unwrap(), Folders::default()).unwrap_err();
        assert!(error.to_string().contains("--home"), "{error}");
    }
}
