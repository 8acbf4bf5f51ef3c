//! The command line: what was typed, or said by the environment, before anything is decided.

use std::net::IpAddr;
use std::path::PathBuf;

use chatmock_auth::{CLIENT_ID, ISSUER};
use chatmock_server::upstream::Identity;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{
    Arg, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
};

use crate::env;

const AFTER_HELP: &str = "\
Tokens are never printed. A flag wins over its environment variable; an empty variable counts as \
unset. HTTPS_PROXY, ALL_PROXY and NO_PROXY lead calls through a proxy.

Exit codes: 0 done, 1 another failure or a doctor that found one, 2 flags or settings that cannot \
be used, 3 nobody is signed in or the sign-in has ended, 4 a question was answered with no or could \
not be asked, 130 and 143 stopped by Ctrl-C or SIGTERM.";

/// Signs in to ChatGPT for chatmock-server, and looks after the sign-in.
#[derive(Debug, Parser)]
#[command(name = "chatmock-auth", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) task: Task,
    #[command(flatten)]
    pub(crate) global: GlobalOptions,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Signs in: with the browser, or with a code where there is none
    Login(Login),
    /// Tells who is signed in, and how much of the limits is used
    #[command(visible_alias = "info")]
    Status(Status),
    /// Ends the sign-in at the sign-in service, then deletes the tokens
    Logout(Logout),
    /// Renews the tokens now; otherwise that happens by itself
    Refresh,
    /// Looks at the sign-in of another program, and makes one of its own for the same account
    Import(Import),
    /// Lists the accounts
    Accounts,
    /// Makes another account the one in use
    Use(Use),
    /// Looks for whatever may be wrong, and says what mends it
    Doctor,
}

/// What to sign in for, and how.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// What the sign-in is for. At a terminal you are asked, and codex is the default
    #[arg(long, value_name = "ROUTE", value_enum)]
    pub(crate) route: Option<RouteName>,
    #[command(flatten)]
    pub(crate) how: How,
}

/// How to sign in.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Opens no browser: prints the address, and takes the one where it led by paste
    #[arg(long, visible_alias = "headless", conflicts_with = "device")]
    pub(crate) no_browser: bool,
    /// Signs in with a code typed at a page on any machine; so by itself where no browser can be
    #[arg(long)]
    pub(crate) device: bool,
    /// This machine's name in the address that the browser comes back to [default: 127.0.0.1]
    #[arg(long, value_name = "NAME", value_enum)]
    pub(crate) redirect_host: Option<Host>,
    /// Allows this workspace only. May be given several times; commas part them
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub(crate) workspace: Vec<String>,
    /// A name for the account. The account in use so far is kept aside, not replaced
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) account: Option<String>,
    /// Replaces another account without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Waits for the browser on this address instead, for containers
    #[arg(long, env = env::LOGIN_BIND, value_name = "ADDRESS")]
    pub(crate) bind: Option<IpAddr>,
    /// Waits for the browser on this port; for issuers other than ChatGPT's [default: 1455, else 1457, or any on the plan route]
    #[arg(long, env = env::CALLBACK_PORT, value_name = "PORT")]
    pub(crate) callback_port: Option<u16>,
}

/// How to tell the status.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// One JSON object for programs, without tokens
    #[arg(long)]
    pub(crate) json: bool,
    /// Looks at the Codex CLI's sign-in ($CODEX_HOME or ~/.codex) while there is none of our own
    #[arg(long, env = env::BORROW_CODEX, value_parser = BoolishValueParser::new())]
    pub(crate) borrow_codex: bool,
}

/// Which account to sign out.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// Another account than the one in use: its name, e-mail address, workspace or key
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
}

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The program whose sign-in it is [default: whichever has one]
    #[arg(value_enum)]
    pub(crate) program: Option<Program>,
    /// Its file, or the folder of it [default: where the program keeps it]
    pub(crate) path: Option<PathBuf>,
    /// Takes its tokens over, once that program is out of use: it will be signed out
    #[arg(long)]
    pub(crate) take_over: bool,
    #[command(flatten)]
    pub(crate) how: How,
}

/// Which account to use.
#[derive(Debug, Args)]
pub(crate) struct Use {
    /// Its name, e-mail address, workspace or key, as `accounts` shows them
    #[arg(value_name = "NAME")]
    pub(crate) account: String,
}

/// What counts for every task.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct GlobalOptions {
    /// The folder of the sign-ins [default: ~/.chatgpt-local]
    #[arg(long, global = true, env = env::HOME, value_name = "FOLDER")]
    pub(crate) home: Option<PathBuf>,
    /// Where a sign-in is put
    #[arg(long, global = true, env = env::STORE, value_name = "PLACE", ignore_case = true, value_enum, default_value_t = Store::Auto)]
    pub(crate) store: Store,
    /// Tells more of what happens, but no tokens
    #[arg(long, global = true, env = env::VERBOSE, value_parser = BoolishValueParser::new())]
    pub(crate) verbose: bool,
    /// The issuer of the sign-in: https, or http on this machine
    #[arg(long, global = true, env = env::ISSUER, value_name = "URL", default_value = ISSUER, hide_short_help = true)]
    pub(crate) issuer: String,
    /// The OAuth client that signs in
    #[arg(long, global = true, env = env::CLIENT_ID, value_name = "ID", default_value = CLIENT_ID, hide_short_help = true)]
    pub(crate) client_id: String,
    /// The backend's address before /responses and /models [default: the route's own]
    #[arg(long, global = true, env = env::UPSTREAM_URL, value_name = "URL", hide_short_help = true)]
    pub(crate) upstream_url: Option<String>,
    /// The program's name in the header `originator`
    #[arg(long, global = true, env = env::ORIGINATOR, value_name = "NAME", default_value_t = Identity::default().originator, hide_short_help = true)]
    pub(crate) originator: String,
    /// The header `user-agent`
    #[arg(long, global = true, env = env::USER_AGENT, value_name = "TEXT", default_value_t = Identity::default().user_agent, hide_short_help = true)]
    pub(crate) user_agent: String,
}

/// The words for what a sign-in is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RouteName {
    /// The Codex sign-in, which OpenAI does not document for other programs
    Codex,
    /// "Sign in with ChatGPT", documented and in preview, for Plus and Pro
    Plan,
}

/// The words for this machine in the address that the browser comes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Host {
    /// As the Codex CLI sends it today
    #[value(name = "127.0.0.1")]
    Ip,
    /// As it sent it before; waits on ::1 as well
    Localhost,
}

/// The words for where a sign-in is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    /// In the system's keyring; in the file, with a warning, where that does not work
    Auto,
    /// In the system's keyring, or not at all
    Keyring,
    /// In auth.json, which only you can read
    File,
}

/// The programs whose files are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Program {
    /// The Codex CLI
    Codex,
    /// The Python ChatMock
    Chatmock,
}

impl Cli {
    /// Reads the command line and the environment; ends the program on `--help` and on mistakes.
    pub(crate) fn read() -> Self {
        Self::from(&mut command().get_matches()).unwrap_or_else(|error| error.exit())
    }

    fn from(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(matches)
    }
}

/// The command, with what all its flags have in common.
fn command() -> Command {
    Cli::command().mut_args(environment).mut_subcommands(|task| task.mut_args(environment))
}

/// Keeps the value of a variable out of the help text, and an empty one out of everything.
fn environment(arg: Arg) -> Arg {
    let Some(name) = arg.get_env() else { return arg };
    let says_nothing = env::value(name).is_none();
    let arg = arg.hide_env_values(true);
    // The name stays in the help text as long as it is not set to nothing.
    if says_nothing && std::env::var_os(arg.get_env().unwrap_or_default()).is_some() {
        arg.env(None::<&str>)
    } else {
        arg
    }
}

#[cfg(test)]
impl Cli {
    /// What a command line alone says.
    pub(crate) fn typed(arguments: &[&str]) -> Result<Self, clap::Error> {
        let silent = |arg: Arg| arg.env(None::<&str>);
        let command = Self::command().mut_args(silent);
        let command = command.mut_subcommands(|task| task.mut_args(silent));
        let words = std::iter::once("chatmock-auth").chain(arguments.iter().copied());
        Self::from(&mut command.try_get_matches_from(words)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn older_words_of_login_and_status_hold() {
        let cli = Cli::typed(&["login", "--headless"]).unwrap();
        let Task::Login(Login { how: How { no_browser: true, .. }, route: None }) = cli.task else {
            panic!("{cli:?}")
        };
        let cli = Cli::typed(&["info", "--json"]).unwrap();
        assert!(matches!(cli.task, Task::Status(Status { json: true, .. })));
    }

    #[test]
    fn flags_for_every_task_stand_before_or_behind_it() {
        for arguments in [["--store", "file", "refresh"], ["refresh", "--store", "FILE"]] {
            assert_eq!(Cli::typed(&arguments).unwrap().global.store, Store::File);
        }
    }

    #[test]
    fn there_is_no_task_that_prints_tokens() {
        assert!(Cli::typed(&["export"]).is_err());
        assert!(Cli::typed(&[]).is_err());
    }

    #[test]
    fn a_code_and_a_browser_exclude_each_other() {
        assert!(Cli::typed(&["login", "--device", "--no-browser"]).is_err());
    }
}
