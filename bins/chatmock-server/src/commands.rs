//! The commands besides serving, as they are typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use clap_complete::Shell;

/// A command that does something else than serving, and ends.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// Sets up a client on this machine, such as the Codex CLI, opencode or Zed
    #[command(after_help = CONNECT_EXAMPLES)]
    Connect(ConnectArgs),
    /// Runs a client with the right environment, and writes nothing
    #[command(after_help = LAUNCH_EXAMPLES)]
    Launch(LaunchArgs),
    /// Installs the server as a service of yours, looks at it, and removes it
    #[command(subcommand, after_help = SERVICE_EXAMPLES)]
    Service(ServiceCommand),
    /// Says whether the server on this machine is ready; for the health checks of containers
    #[command(after_help = HEALTH_EXAMPLES)]
    Health,
    /// Lists the models: their context, efforts and tiers, and their names in each API
    #[command(after_help = MODELS_EXAMPLES)]
    Models(ModelsArgs),
    /// Prints what would be sent for a request, with the reason for each change; sends nothing, needs no sign-in
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Prints the version, and on demand whether there is a newer one
    #[command(after_help = VERSION_EXAMPLES)]
    Version {
        /// Asks for the newest release; nothing asks by itself
        #[arg(long)]
        check: bool,
    },
    /// Prints a completion script for a shell
    #[command(after_help = COMPLETION_EXAMPLES)]
    Completions {
        /// The shell that reads the script
        shell: Shell,
    },
    /// Prints the man page
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
    /// Help topic: the exit codes of this program
    #[command(long_about = EXIT_CODES, after_help = EXIT_CODES_EXAMPLES)]
    ExitCodes,
}

/// The flags of `models`.
#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// Prints one JSON object, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// The flags of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Reads the body as one of this dialect: chat, completions, responses, messages, ollama-chat … [default: chat]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) dialect: Option<String>,
    /// Reads the request from a curl command, which is not run; without this flag, the body is read from the standard input
    #[arg(long, value_name = "COMMAND", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) curl: Option<String>,
    /// Prints one JSON object, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// The flags of `man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Writes the pages of all commands into this folder instead
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
}

/// The flags of `connect`.
#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    /// The client; without one, the clients are listed
    pub(crate) client: Option<String>,
    /// Takes out what was added
    #[arg(long, conflicts_with = "print")]
    pub(crate) undo: bool,
    /// Prints what would be added, and writes nothing
    #[arg(long)]
    pub(crate) print: bool,
    /// Does not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) server: ServerAddress,
}

/// The parts of `config`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Prints the effective settings and their source
    #[command(after_help = CONFIG_EXAMPLES)]
    Show {
        /// Prints one JSON object, for programs
        #[arg(long)]
        json: bool,
    },
    /// Prints the path of the configuration file, even if there is no file
    #[command(after_help = CONFIG_EXAMPLES)]
    Path,
    /// Says whether the settings can be used, and which of them do not fit together; starts nothing
    #[command(after_help = CONFIG_EXAMPLES)]
    Check,
    /// Writes a configuration file that explains every key and sets none, unless there is a file
    #[command(after_help = CONFIG_EXAMPLES)]
    Init,
}

/// The parts of `service`.
#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Installs the service and starts it; flags of the server that are given here are its flags
    #[command(after_help = SERVICE_EXAMPLES)]
    Install(ServiceInstall),
    /// Stops the service and removes it; the sign-in and the settings stay
    #[command(after_help = SERVICE_EXAMPLES)]
    Uninstall {
        /// Does not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Shows whether it runs and answers, and what is wrong
    #[command(after_help = SERVICE_EXAMPLES)]
    Status,
    /// Shows its log
    #[command(after_help = SERVICE_EXAMPLES)]
    Logs {
        /// Waits for further lines
        #[arg(long, short)]
        follow: bool,
    },
    /// Stops it and starts it again
    #[command(after_help = SERVICE_EXAMPLES)]
    Restart,
}

/// The flags of `service install`.
#[derive(Debug, Args)]
pub(crate) struct ServiceInstall {
    /// Does not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Writes the service and does not start it
    #[arg(long)]
    pub(crate) no_start: bool,
    /// Prints the unit for a service of the whole machine, and changes nothing
    #[arg(long)]
    pub(crate) system: bool,
}

/// The flags of `launch`.
#[derive(Debug, Args)]
pub(crate) struct LaunchArgs {
    /// The client
    pub(crate) client: String,
    #[command(flatten)]
    pub(crate) server: ServerAddress,
    /// The words for the client
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub(crate) arguments: Vec<OsString>,
}

/// The flags that say what clients are set up for.
#[derive(Debug, Args)]
pub(crate) struct ServerAddress {
    /// The address of the server, without /v1 [default: by --host and --port]
    #[arg(long, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) url: Option<String>,
    /// The model to use [default: the first that the server lists]
    #[arg(long, value_name = "MODEL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) model: Option<String>,
    /// The variable that has the key, where the server asks for one
    #[arg(long, value_name = "NAME", value_parser = variable_name)]
    pub(crate) key_from_env: Option<String>,
}

/// Accepts the name of a variable.
fn variable_name(word: &str) -> Result<String, String> {
    let is_name = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_name =
        is_name && word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if is_name {
        Ok(word.to_owned())
    } else {
        Err("this is not the name of a variable, such as CHATMOCK_KEY".to_owned())
    }
}

/// The end of the help of the server itself.
pub(crate) const AFTER_HELP: &str = "\
A flag overrides its environment variable, the variable overrides the configuration file, and the \
file overrides the default. An empty variable is ignored. A switch may be given a value: \
--verbose=false turns off what the environment or the file turned on.

In the file, every flag has a key, named like the flag without the dashes: port = 9000.

HTTPS_PROXY, ALL_PROXY and NO_PROXY select a proxy for calls to the backend.

Exit codes: 0 stopped as requested; 1 any other failure; 2 a flag, a variable, the configuration \
file or a setting cannot be used; 3 the port is in use. `chatmock-server help exit-codes` has all.

Examples:
  chatmock-server --demo             try it without an account or the network
  chatmock-auth login                sign in, once
  chatmock-server                    serve; clients use http://127.0.0.1:8000/v1
  chatmock-server models             list what your account may use
  chatmock-server --host 0.0.0.0 --api-key-file keys";

const SERVICE_EXAMPLES: &str = "\
Examples:
  chatmock-server service install              show the unit, ask, install it, start it
  chatmock-server service install --port 9000  the same with a flag of the server
  chatmock-server service status
  chatmock-server service logs --follow
  chatmock-server service uninstall";

/// Examples of `config`.
pub(crate) const CONFIG_EXAMPLES: &str = "\
Examples:
  chatmock-server config show
  chatmock-server config show --json --port 9000
  chatmock-server config path
  chatmock-server config check
  chatmock-server config init";

/// Examples of `usage`.
pub(crate) const USAGE_EXAMPLES: &str = "\
Examples:
  chatmock-server usage
  chatmock-server usage --since 24h --by client
  chatmock-server usage --json";

const HEALTH_EXAMPLES: &str = "\
It prints a word and ends with 0 if the server is ready, and with 1 if it is not or does not answer.

Examples:
  chatmock-server health
  chatmock-server health --port 9000
  HEALTHCHECK CMD [\"chatmock-server\", \"health\"]";

const EXIT_CODES_EXAMPLES: &str = "\
Examples:
  chatmock-server help exit-codes
  chatmock-server --demo; echo $?";

const VERSION_EXAMPLES: &str = "\
Examples:
  chatmock-server version
  chatmock-server version --check";

const CONNECT_EXAMPLES: &str = "\
Examples:
  chatmock-server connect                     list the clients, and which are installed here
  chatmock-server connect opencode            show the change, ask, write it
  chatmock-server connect opencode --undo     take it out again
  chatmock-server connect zed --print         print the lines, write nothing
  chatmock-server connect codex --key-from-env CHATMOCK_KEY";

const LAUNCH_EXAMPLES: &str = "\
Examples:
  chatmock-server launch codex -- exec \"say hello\"
  chatmock-server launch claude
  chatmock-server launch openai -- python3 program.py";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  chatmock-server explain < body.json
  chatmock-server explain --dialect messages --json < body.json | jq .changes
  chatmock-server explain --curl \"curl http://127.0.0.1:8000/api/chat -d @body.json\"";

const MODELS_EXAMPLES: &str = "\
Examples:
  chatmock-server models
  chatmock-server --demo models
  chatmock-server models --json | jq -r '.models[].id'";

const COMPLETION_EXAMPLES: &str = "\
Examples:
  chatmock-server completions bash > ~/.local/share/bash-completion/completions/chatmock-server
  chatmock-server completions zsh > ~/.zfunc/_chatmock-server
  chatmock-server completions fish > ~/.config/fish/completions/chatmock-server.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  chatmock-server man | man -l -
  chatmock-server man --dir ~/.local/share/man/man1";

/// The exit codes, as the help topic has them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:

    0  stopped as requested, or the command did what it was asked for
    1  any other failure
    2  a flag, a variable, the configuration file or a setting cannot be used
    3  the port is in use
    4  a question was answered with no, or could not be asked
  129  the terminal was closed, a second time while answers were finishing
  130  ended at once by a second Ctrl-C
  143  ended at once by a second SIGTERM

A first Ctrl-C or SIGTERM, and the end of the terminal that the server was
started from, let open answers finish (--drain) and end with 0.";
