//! The command line as it is typed, with the variables of the environment, before anything is resolved.

mod admin;
mod backend;
mod companion;
mod listen;
mod models;
mod record;
mod reply;
mod shared;
mod usage;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(crate) use self::admin::AdminArgs;
pub(crate) use self::backend::{ApiProfile, BackendArgs, SignInArgs, UpstreamTransport};
pub(crate) use self::companion::CompanionArgs;
pub(crate) use self::listen::{AccessArgs, ListenArgs};
pub(crate) use self::models::ModelArgs;
pub(crate) use self::record::RecordArgs;
pub(crate) use self::reply::{ReasoningCompat, ReasoningReplay, ReplyArgs};
pub(crate) use self::shared::SharedArgs;
pub(crate) use self::usage::UsageArgs;
use crate::commands::{AFTER_HELP, CONFIG_EXAMPLES, ConfigCommand, Tool, USAGE_EXAMPLES};
use crate::env;

/// Serves the OpenAI and Ollama APIs on this machine, with your own ChatGPT sign-in or through any server that speaks
/// the Responses API.
///
/// Point a client at http://127.0.0.1:8000/v1. Any API key is accepted unless you set some. To try it without an
/// account, pass --demo.
#[derive(Debug, Parser)]
#[command(name = "chatmock-server", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<ServerCommand>,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
    #[command(flatten)]
    pub(crate) replies: ReplyArgs,
    #[command(flatten)]
    pub(crate) models: ModelArgs,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) companions: CompanionArgs,
    #[command(flatten)]
    pub(crate) sign_in: SignInArgs,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    #[command(flatten)]
    pub(crate) shared: SharedArgs,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
}

impl Cli {
    /// Reads the flags that were parsed; `file` says whether the configuration file sets a flag.
    pub(crate) fn of(
        matches: &ArgMatches,
        file: impl Fn(&str) -> bool,
    ) -> Result<Self, clap::Error> {
        let mut cli = Self::from_arg_matches(matches)?;
        let by_default = matches.value_source("port") == Some(ValueSource::DefaultValue);
        cli.listen.is_port_set = !by_default || file("port");
        Ok(cli)
    }
}

/// A command to run instead of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// A command with a module of its own
    #[command(flatten)]
    Tool(Tool),
    /// Shows the effective settings, or the path of the configuration file, or writes one; accepts every flag
    #[command(subcommand, after_help = CONFIG_EXAMPLES)]
    Config(ConfigCommand),
    /// Shows what was used, by day, model, client, key or dialect
    #[command(after_help = USAGE_EXAMPLES)]
    Usage(UsageArgs),
    /// Has no effect; ChatMock required this word before its flags
    #[command(hide = true)]
    Serve,
    /// An unknown word, and what follows it
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// The flags of the program as a whole.
#[derive(Debug, Args)]
pub(crate) struct ProgramArgs {
    /// Reads this configuration file [default: chatmock/chatmock.toml in the folder for settings]
    ///
    /// `chatmock-server config path` prints the path. `none` reads no file.
    #[arg(long, env = env::CONFIG, value_name = "none|FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Answers from a built-in simulator, without an account or the network; nothing is kept
    ///
    /// Overrides --upstream-url, --upstream-key-file, --issuer, --home and --borrow-codex. --route
    /// selects the backend that is simulated.
    #[arg(long, env = env::DEMO)]
    pub(crate) demo: bool,
    /// Logs more detail, but never the content of requests or answers
    #[arg(long, env = env::VERBOSE)]
    pub(crate) verbose: bool,
    /// Does the same as --verbose; raw payloads are never printed
    #[arg(long, env = env::VERBOSE_OBFUSCATION)]
    pub(crate) verbose_obfuscation: bool,
    /// Selects the format of the log
    #[arg(long, env = env::LOG_FORMAT, value_name = "FORMAT", ignore_case = true, value_enum, default_value_t = LogFormat::Human)]
    pub(crate) log_format: LogFormat,
    /// Keeps running when the terminal is closed that the server was started from
    #[arg(long, env = env::STAY)]
    pub(crate) stay: bool,
    /// Logs request bodies: everything that is sent to the model. For debugging; turn it off afterwards
    #[arg(long, env = env::LOG_BODIES)]
    pub(crate) log_bodies: bool,
}

/// The values of `--log-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Human,
    /// One JSON object per line
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_takes_a_value_or_none() {
        assert!(Cli::typed(&["--verbose"]).unwrap().program.verbose);
        assert!(Cli::typed(&["--verbose=yes"]).unwrap().program.verbose);
        assert!(!Cli::typed(&["--verbose=off"]).unwrap().program.verbose);
        assert!(!Cli::typed(&[]).unwrap().program.verbose);
        assert!(Cli::typed(&["--verbose=maybe"]).is_err());
    }

    #[test]
    fn model_sync_is_on_unless_told_otherwise() {
        let on = |arguments: &[&str]| Cli::typed(arguments).unwrap().models.model_sync;
        assert!(on(&[]));
        assert!(on(&["--model-sync"]));
        assert!(on(&["--model-sync", "true", "--strict"]));
        assert!(!on(&["--model-sync", "false"]));
        assert!(!on(&["--model-sync=off"]));
    }

    #[test]
    fn the_last_of_a_switch_and_its_opposite_counts() {
        let fast = |arguments: &[&str]| Cli::typed(arguments).unwrap().replies.fast_mode;
        assert!(fast(&["--fast-mode"]));
        assert!(!fast(&["--fast-mode", "--no-fast-mode"]));
        assert!(fast(&["--no-fast-mode", "--fast-mode"]));
        assert!(!fast(&["--fast-mode", "--fast-mode=off"]));
        assert!(!Cli::typed(&["--model-sync", "--no-model-sync"]).unwrap().models.model_sync);
        assert!(!Cli::typed(&["--no-verbose"]).unwrap().program.verbose);
        for wrong in ["--no-fast", "--no-host", "--no-", "--no-config"] {
            assert!(Cli::typed(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_of_closed_sets_are_read_in_any_case() {
        let replies = Cli::typed(&["--reasoning-effort", "HIGH", "--reasoning-compat", "Current"]);
        let replies = replies.unwrap().replies;
        assert_eq!(replies.reasoning_compat, ReasoningCompat::Legacy);
        assert!(replies.reasoning_effort.unwrap().eq_ignore_ascii_case("high"));
    }
}
