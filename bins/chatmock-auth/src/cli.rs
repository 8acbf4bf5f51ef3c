//! The command line and its environment variables, before anything is decided.

mod words;

use std::net::IpAddr;
use std::path::PathBuf;

use chatmock_auth::{CLIENT_ID, ISSUER, Secret};
use chatmock_server::upstream::Identity;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{
    Arg, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
};
use clap_complete::Shell;

use crate::env;
pub(crate) use words::EXIT_CODES;
use words::{
    AFTER_HELP, COMPLETION_EXAMPLES, IMPORT_EXAMPLES, LOGIN_EXAMPLES, LOGOUT_EXAMPLES,
    MORE_EXAMPLES, RESET_EXAMPLES, STATUS_EXAMPLES, USE_EXAMPLES,
};

/// Signs in to ChatGPT for chatmock-server, and manages the sign-in.
#[derive(Debug, Parser)]
#[command(name = "chatmock-auth", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) task: Task,
    #[command(flatten)]
    pub(crate) global: GlobalOptions,
}

/// The task to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Signs in with the browser, or with a code where no browser can be opened
    #[command(after_help = LOGIN_EXAMPLES)]
    Login(Login),
    /// Shows who is signed in, and how much of the limits is used
    #[command(visible_alias = "info", after_help = STATUS_EXAMPLES)]
    Status(Status),
    /// Ends the sign-in at the sign-in service, then deletes the tokens
    #[command(after_help = LOGOUT_EXAMPLES)]
    Logout(Logout),
    /// Renews the tokens now; otherwise this happens automatically
    #[command(after_help = MORE_EXAMPLES)]
    Refresh,
    /// Spends a reset credit, which restarts the windows of the limits; asks first
    #[command(after_help = RESET_EXAMPLES)]
    ResetCredit(ResetCredit),
    /// Finds the sign-in of another program, and makes a separate one for the same account
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
    /// Lists the accounts
    #[command(after_help = USE_EXAMPLES)]
    Accounts,
    /// Switches to another account
    #[command(after_help = USE_EXAMPLES)]
    Use(Use),
    /// Checks for problems, and says how to fix them
    #[command(after_help = MORE_EXAMPLES)]
    Doctor,
    /// Prints a completion script or a man page, or explains the exit codes
    #[command(flatten)]
    Generate(Generate),
}

/// Texts that need no sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Generate {
    /// Prints a completion script for a shell
    #[command(after_help = COMPLETION_EXAMPLES)]
    Completions {
        /// The shell that reads the script
        shell: Shell,
    },
    /// Prints the man page
    #[command(after_help = COMPLETION_EXAMPLES)]
    Man {
        /// Writes the pages of all commands into this folder instead
        #[arg(long, value_name = "FOLDER")]
        dir: Option<PathBuf>,
    },
    /// Help topic: the exit codes of this program
    #[command(long_about = EXIT_CODES, after_help = MORE_EXAMPLES)]
    ExitCodes,
}

/// Arguments of `reset-credit`.
#[derive(Debug, Args)]
pub(crate) struct ResetCredit {
    /// Spends one without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Arguments of `login`.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The route to sign in for [default: codex]
    #[arg(long, value_name = "ROUTE", value_enum)]
    pub(crate) route: Option<RouteName>,
    #[command(flatten)]
    pub(crate) how: How,
}

/// Arguments of every task that signs in.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Prints the address instead of opening a browser; paste the last one here
    #[arg(long, visible_alias = "headless", conflicts_with = "device")]
    pub(crate) no_browser: bool,
    /// Signs in with a code that you enter at a page on any machine; the default without a browser
    #[arg(long)]
    pub(crate) device: bool,
    /// The name of this machine in the address that the browser returns to [default: 127.0.0.1]
    #[arg(long, value_name = "NAME", value_enum)]
    pub(crate) redirect_host: Option<Host>,
    /// Allows only this workspace. Repeat it, or separate several with commas
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub(crate) workspace: Vec<String>,
    /// A name for the account. The account in use so far is set aside, not replaced
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) account: Option<String>,
    /// Replaces another account without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Waits for the browser on this address instead of 127.0.0.1, for containers
    #[arg(long, env = env::LOGIN_BIND, value_name = "ADDRESS")]
    pub(crate) bind: Option<IpAddr>,
    /// Waits for the browser on this port, for issuers other than ChatGPT's [default: 1455, else 1457, or any on the plan route]
    #[arg(long, env = env::CALLBACK_PORT, value_name = "PORT")]
    pub(crate) callback_port: Option<u16>,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Prints one JSON object for programs, without tokens
    #[arg(long)]
    pub(crate) json: bool,
    /// Shows the Codex CLI's sign-in ($CODEX_HOME or ~/.codex) when ChatMock has no sign-in of its own
    #[arg(long, env = env::BORROW_CODEX, value_parser = BoolishValueParser::new())]
    pub(crate) borrow_codex: bool,
}

/// Arguments of `logout`.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// The account to sign out, by name, e-mail address, workspace or key [default: the one in use]
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// Signs out although the keyring cannot be read: its tokens stay there, and valid at the service
    #[arg(long)]
    pub(crate) force: bool,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The program whose sign-in to import [default: whichever has one]
    #[arg(value_enum)]
    pub(crate) program: Option<Program>,
    /// Its sign-in file, or the folder of it [default: where the program keeps it]
    pub(crate) path: Option<PathBuf>,
    /// Takes over its tokens, once you no longer use that program: it will be signed out
    #[arg(long)]
    pub(crate) take_over: bool,
    #[command(flatten)]
    pub(crate) how: How,
}

/// Arguments of `use`.
#[derive(Debug, Args)]
pub(crate) struct Use {
    /// The account, by name, e-mail address, workspace or key, as `accounts` shows them
    #[arg(value_name = "NAME")]
    pub(crate) account: String,
}

/// Arguments of every task.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalOptions {
    /// The folder of the sign-ins [default: ~/.chatgpt-local]
    #[arg(long, global = true, env = env::HOME, value_name = "FOLDER")]
    pub(crate) home: Option<PathBuf>,
    /// Where to store the sign-in
    #[arg(long, global = true, env = env::STORE, value_name = "PLACE", ignore_case = true, value_enum, default_value_t = Store::Auto)]
    pub(crate) store: Store,
    /// Shares the sign-in with your servers in this Redis or Valkey: rediss://HOST:6380
    #[arg(long, global = true, env = env::SHARED, value_name = "URL", value_parser = secret, hide_short_help = true)]
    pub(crate) shared: Option<Secret>,
    /// Reads that address from this file, which only you may read
    #[arg(long, global = true, env = env::SHARED_FILE, value_name = "FILE", hide_short_help = true)]
    pub(crate) shared_file: Option<PathBuf>,
    /// The file with the key that seals what is shared, the same for every server
    #[arg(long, global = true, env = env::SHARED_KEY_FILE, value_name = "FILE", hide_short_help = true)]
    pub(crate) shared_key_file: Option<PathBuf>,
    /// The beginning of every name in the engine
    #[arg(long, global = true, env = env::SHARED_PREFIX, value_name = "NAME", default_value = "chatmock", hide_short_help = true)]
    pub(crate) shared_prefix: String,
    /// Logs more, but never tokens
    #[arg(long, global = true, env = env::VERBOSE, value_parser = BoolishValueParser::new())]
    pub(crate) verbose: bool,
    /// The sign-in service: https, or http on this machine
    #[arg(long, global = true, env = env::ISSUER, value_name = "URL", default_value = ISSUER, hide_short_help = true)]
    pub(crate) issuer: String,
    /// The OAuth client to sign in with
    #[arg(long, global = true, env = env::CLIENT_ID, value_name = "ID", default_value = CLIENT_ID, hide_short_help = true)]
    pub(crate) client_id: String,
    /// The backend's address, before /responses and /models [default: the route's own]
    #[arg(long, global = true, env = env::UPSTREAM_URL, value_name = "URL", hide_short_help = true)]
    pub(crate) upstream_url: Option<String>,
    /// The program's name in the `originator` header
    #[arg(long, global = true, env = env::ORIGINATOR, value_name = "NAME", default_value_t = Identity::default().originator, hide_short_help = true)]
    pub(crate) originator: String,
    /// The `user-agent` header
    #[arg(long, global = true, env = env::USER_AGENT, value_name = "TEXT", default_value_t = Identity::default().user_agent, hide_short_help = true)]
    pub(crate) user_agent: String,
}

/// Accepts any secret. An error here would be shown together with the text.
fn secret(word: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(word))
}

/// The names of the routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RouteName {
    /// The Codex sign-in, which OpenAI does not document for other programs
    Codex,
    /// "Sign in with ChatGPT", documented and in preview, for Plus and Pro
    Plan,
}

/// The names of this machine in the address that the browser returns to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Host {
    /// As the Codex CLI sends it today
    #[value(name = "127.0.0.1")]
    Ip,
    /// As the Codex CLI sent it before; also waits on ::1
    Localhost,
}

/// The names of the stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    /// In the system's keyring; in the file, with a warning, when that does not work
    Auto,
    /// In the system's keyring, or fail
    Keyring,
    /// In auth.json, readable only by you
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

/// Makes the command without any variable of the environment, for what is the same everywhere.
pub(crate) fn plain_command() -> Command {
    let silent = |arg: Arg| arg.env(None::<&str>);
    Cli::command().mut_args(silent).mut_subcommands(|task| task.mut_args(silent))
}

/// Makes the command, and treats the variables of all its flags alike.
fn command() -> Command {
    Cli::command().mut_args(environment).mut_subcommands(|task| task.mut_args(environment))
}

/// Hides the value of a variable in the help text, and ignores an empty variable.
fn environment(arg: Arg) -> Arg {
    let Some(name) = arg.get_env() else { return arg };
    let is_empty = env::value(name).is_none();
    let arg = arg.hide_env_values(true);
    // The name stays in the help text unless the variable is set to an empty value.
    if is_empty && std::env::var_os(arg.get_env().unwrap_or_default()).is_some() {
        arg.env(None::<&str>)
    } else {
        arg
    }
}

#[cfg(test)]
impl Cli {
    /// Parses a command line without the environment.
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
