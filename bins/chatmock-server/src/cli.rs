//! The command line as it is typed, with the variables of the environment, before anything is resolved.

mod admin;
mod usage;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use chatmock_server::auth::{self, Secret};
use chatmock_server::translate::catalog::Alias;
use chatmock_server::upstream::Identity;
use chatmock_server::{HostName, OLLAMA_VERSION, Origin};
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(crate) use self::admin::AdminArgs;
pub(crate) use self::usage::UsageArgs;
use crate::commands::{AFTER_HELP, CONFIG_EXAMPLES, ConfigCommand, Tool, USAGE_EXAMPLES};
use crate::value_parsers::{SizeOrOff, SocketPath};
use crate::{env, value_parsers};

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
    pub(crate) sign_in: SignInArgs,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
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
    /// Shows the effective settings, or the path of the configuration file; accepts every flag
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

/// The flags about sockets and their limits.
#[derive(Debug, Args)]
#[command(next_help_heading = "Listening")]
pub(crate) struct ListenArgs {
    /// Listens on this address or name; localhost means 127.0.0.1 and, where the machine has it, ::1
    ///
    /// An address that other machines can reach requires an API key.
    #[arg(long, env = env::HOST, default_value = "localhost", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) host: String,
    /// Listens on this port; 0 picks a free one
    #[arg(long, env = env::PORT, default_value_t = 8000)]
    pub(crate) port: u16,
    /// Set if the port is set anywhere, and not by default
    #[arg(skip)]
    pub(crate) is_port_set: bool,
    /// Listens on a socket in the file system, such as unix:/run/user/1000/chatmock, which only you can use
    ///
    /// It replaces the address, unless --port is set: then the server listens on both.
    #[arg(long, env = env::LISTEN, value_name = "unix:PATH", value_parser = value_parsers::socket_path)]
    pub(crate) listen: Option<SocketPath>,
    /// Limits the size of a request body: bytes, or a unit as in 512k, 64m, 1g
    #[arg(long, env = env::MAX_BODY, value_name = "SIZE", default_value = "64m", value_parser = value_parsers::size)]
    pub(crate) max_body: usize,
    /// Limits the number of open connections, also to four fifths of the limit of open files
    #[arg(long, env = env::MAX_CONNECTIONS, value_name = "NUMBER", default_value = "4096", value_parser = value_parsers::count)]
    pub(crate) max_connections: usize,
    /// Limits the number of answers that the backend gives at once; more requests wait, for 10 seconds at most
    #[arg(long, env = env::MAX_TURNS, value_name = "NUMBER", default_value = "1024", value_parser = value_parsers::count)]
    pub(crate) max_turns: usize,
    /// Limits the same for each key's label, or for each address where no keys are set [default: no limit]
    #[arg(long, env = env::MAX_TURNS_PER_LABEL, value_name = "NUMBER", value_parser = value_parsers::count)]
    pub(crate) max_turns_per_label: Option<usize>,
    /// Waits this long for open answers after SIGTERM or Ctrl-C; a second signal ends them at once
    #[arg(long, env = env::DRAIN, value_name = "SECONDS", default_value = "30", value_parser = value_parsers::seconds)]
    pub(crate) drain: Duration,
    /// Reports this version to clients of Ollama, which compare its numbers
    #[arg(long, env = env::OLLAMA_VERSION, value_name = "VERSION", default_value = OLLAMA_VERSION, value_parser = value_parsers::version)]
    pub(crate) ollama_version: String,
    /// Keeps responses in this folder, for previous_response_id and GET /v1/responses
    ///
    /// Without this flag, a limited number of responses is kept in memory until the server stops.
    #[arg(long, env = env::STATE_DIR, value_name = "FOLDER")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// The flags about who may send requests.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessArgs {
    /// Requires one of the API keys in this file, one per line: KEY or LABEL:KEY
    #[arg(long, env = env::API_KEY_FILE, value_name = "FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// Requires this API key, also written LABEL:KEY; a file or the variable is safer
    ///
    /// Other users of this machine can see the arguments of a program. May be given several times;
    /// in the environment, separate keys with commas.
    #[arg(long, env = env::API_KEY, value_name = "KEY", value_delimiter = ',', value_parser = value_parsers::secret)]
    pub(crate) api_key: Vec<Secret>,
    /// Accepts requests from other machines, and through proxies, without a key; warns about this at each start
    #[arg(long, env = env::ALLOW_UNAUTHENTICATED)]
    pub(crate) allow_unauthenticated: bool,
    /// Accepts requests for this name or address, in addition to those that the server knows
    ///
    /// A name that other machines may use requires an API key; names of this machine and of a container's host do not.
    /// May be given several times; in the environment, separate names with commas.
    #[arg(long, env = env::ALLOW_HOST, value_name = "NAME", value_delimiter = ',', value_parser = value_parsers::host)]
    pub(crate) allow_host: Vec<HostName>,
    /// Accepts requests from web pages of this origin, such as http://localhost:3000 or vscode-webview://*
    ///
    /// May be given several times; in the environment, separate origins with commas.
    #[arg(long, env = env::ALLOW_ORIGIN, value_name = "ORIGIN", value_delimiter = ',', value_parser = value_parsers::origin)]
    pub(crate) allow_origin: Vec<Origin>,
}

/// The flags about requests and their answers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Answers")]
pub(crate) struct ReplyArgs {
    /// Sets the effort when neither the request nor the model's name does [default: the model's own]
    #[arg(long, env = env::REASONING_EFFORT, value_name = "EFFORT", ignore_case = true, value_parser = PossibleValuesParser::new(EFFORTS))]
    pub(crate) reasoning_effort: Option<String>,
    /// Sets the reasoning summary when the request does not [default: auto when reasoning is shown]
    #[arg(long, env = env::REASONING_SUMMARY, value_name = "SUMMARY", ignore_case = true, value_parser = PossibleValuesParser::new(SUMMARIES))]
    pub(crate) reasoning_summary: Option<String>,
    /// Selects how chat completions show reasoning
    #[arg(long, env = env::REASONING_COMPAT, value_name = "STYLE", ignore_case = true, value_enum, default_value_t = ReasoningCompat::ReasoningContent)]
    pub(crate) reasoning_compat: ReasoningCompat,
    /// Remembers what the model thought before it called tools, for clients that cannot send it back
    ///
    /// auto: for 7 days, up to 64 MiB; in memory, or encrypted in the folder of --state-dir. off: the model begins to think
    /// again after each call.
    #[arg(long, env = env::REASONING_REPLAY, value_name = "auto|off", ignore_case = true, value_enum, default_value_t = ReasoningReplay::Auto)]
    pub(crate) reasoning_replay: ReasoningReplay,
    /// Requests the fast tier when the model offers it and the request names no tier
    #[arg(long, env = env::FAST_MODE)]
    pub(crate) fast_mode: bool,
    /// Lets the model search the web when the request does not mention web search
    #[arg(long, env = env::ENABLE_WEB_SEARCH)]
    pub(crate) enable_web_search: bool,
    /// Hides what the model says between tool calls
    #[arg(long, env = env::HIDE_COMMENTARY)]
    pub(crate) hide_commentary: bool,
    /// Sets the instructions when the request has none: `none`, `builtin` or a text file
    #[arg(long, env = env::INSTRUCTIONS, value_name = "none|builtin|FILE", default_value = "none")]
    pub(crate) instructions: PathBuf,
    /// Rejects requests with a field that would have no effect, instead of naming it in a header
    #[arg(long, env = env::STRICT)]
    pub(crate) strict: bool,
    /// Uses this model for every request, whichever the request names
    #[arg(long, env = env::DEBUG_MODEL, value_name = "MODEL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) debug_model: Option<String>,
    /// Limits the number of answers that one request may have: its choices (`n`) times its prompts
    #[arg(long, env = env::MAX_ANSWERS, value_name = "NUMBER", default_value = "16", value_parser = value_parsers::count)]
    pub(crate) max_answers: usize,
}

/// The flags about the list of models.
#[derive(Debug, Args)]
#[command(next_help_heading = "Models")]
pub(crate) struct ModelArgs {
    /// Fetches the list of models that the account may use
    #[arg(
        long, env = env::MODEL_SYNC, value_name = "BOOL",
        action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true",
        default_value = "true", value_parser = value_parsers::boolean
    )]
    pub(crate) model_sync: bool,
    /// Fetches the list again at this interval
    #[arg(long, env = env::MODEL_REFRESH_INTERVAL, value_name = "SECONDS", default_value = "3600", value_parser = value_parsers::interval)]
    pub(crate) model_refresh_interval: Duration,
    /// Lists every effort of a model as a separate model, such as MODEL-high
    #[arg(long, env = env::EXPOSE_REASONING_MODELS)]
    pub(crate) expose_reasoning_models: bool,
    /// Defines a name for a model, optionally with an effort: opus=gpt-6-sol:high
    ///
    /// With ! behind it, the effort holds whatever a request says. An alias of opus, sonnet, haiku or fable
    /// also means such names of Anthropic's models. May be given several times; in the environment,
    /// separate names with commas.
    #[arg(long, env = env::ALIAS, value_name = "NAME=MODEL", value_delimiter = ',', value_parser = value_parsers::alias)]
    pub(crate) alias: Vec<Alias>,
    /// Lists these models instead of fetching the backend's list
    ///
    /// For a server without /models. May be given several times; separate names with commas.
    #[arg(long, env = env::MODEL_LIST, value_name = "MODEL", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub(crate) model_list: Vec<String>,
}

/// The flags about the backend, and about how the program identifies itself there.
#[derive(Debug, Args)]
#[command(next_help_heading = "Backend")]
pub(crate) struct BackendArgs {
    /// Selects the way to the models: `codex`, `plan` or `api`; the server never switches by itself
    ///
    /// codex: the sign-in of the Codex CLI and its backend, which OpenAI does not document for other programs.
    /// plan: "Sign in with ChatGPT", OpenAI's documented way to use a Plus or Pro plan (a preview).
    /// api: an API key, or any server that speaks the Responses API; see --upstream-url.
    #[arg(long, env = env::ROUTE, value_name = "ROUTE", ignore_case = true, default_value = "codex", value_parser = PossibleValuesParser::new(ROUTES))]
    pub(crate) route: String,
    /// Calls the backend below this address, at /responses and /models: https, or http on this machine [default: the route's own]
    ///
    /// With --route api, OPENAI_BASE_URL is used when this flag is not set.
    #[arg(long, env = env::UPSTREAM_URL, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) upstream_url: Option<String>,
    /// Reads the key for the backend from this file; with --route api only
    ///
    /// OPENAI_API_KEY is used when this flag is not set. A server that requires no key needs neither.
    #[arg(long, env = env::UPSTREAM_KEY_FILE, value_name = "FILE")]
    pub(crate) upstream_key_file: Option<PathBuf>,
    /// Selects the request fields that the server of --route api accepts [default: by its address]
    ///
    /// openai: OpenAI's platform and Azure. generic: vLLM, Ollama, LM Studio, llama.cpp, gateways.
    /// A field that the server does not accept is emulated here or named in a header.
    #[arg(long, env = env::PROFILE, value_name = "PROFILE", ignore_case = true, value_enum)]
    pub(crate) profile: Option<ApiProfile>,
    /// Compresses request bodies of this size or more, if the backend accepts that; `off` never does [default: 256k, off for a backend on this machine]
    #[arg(long, env = env::COMPRESS_ABOVE, value_name = "SIZE", value_parser = value_parsers::size_or_off)]
    pub(crate) compress_above: Option<SizeOrOff>,
    /// Selects how turns go to the backend of the routes `codex` and `plan`; HTTP is used wherever a socket cannot be
    #[arg(long, env = env::UPSTREAM_TRANSPORT, value_name = "TRANSPORT", ignore_case = true, value_enum, default_value = "auto")]
    pub(crate) upstream_transport: UpstreamTransport,
    /// Requests the models of this Codex version [default: that of a Codex CLI here, at least the newest known]
    ///
    /// `latest` takes the newest that the files version.json of Codex CLIs on this machine name. No network is used for it.
    #[arg(long, env = env::CLIENT_VERSION, value_name = "VERSION|latest", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) client_version: Option<String>,
    /// Sends this name of the program in the header `originator`
    #[arg(long, env = env::ORIGINATOR, value_name = "NAME", default_value_t = Identity::default().originator)]
    pub(crate) originator: String,
    /// Sends this text in the header `user-agent`
    #[arg(long, env = env::USER_AGENT, value_name = "TEXT", default_value_t = Identity::default().user_agent)]
    pub(crate) user_agent: String,
}

/// The flags about the sign-in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sign-in")]
pub(crate) struct SignInArgs {
    /// Keeps the sign-in and the model cache in this folder [default: ~/.chatgpt-local]
    #[arg(long, env = env::HOME, value_name = "FOLDER")]
    pub(crate) home: Option<PathBuf>,
    /// Uses the Codex CLI's sign-in ($CODEX_HOME or ~/.codex) until you sign in with chatmock-auth
    ///
    /// The server never renews or changes that sign-in; the Codex CLI does.
    #[arg(long, env = env::BORROW_CODEX)]
    pub(crate) borrow_codex: bool,
    /// Renews the sign-in at this issuer
    #[arg(long, env = env::ISSUER, value_name = "URL", default_value = auth::ISSUER)]
    pub(crate) issuer: String,
    /// Renews the sign-in as this OAuth client, which made it
    #[arg(long, env = env::CLIENT_ID, value_name = "ID", default_value = auth::CLIENT_ID)]
    pub(crate) client_id: String,
}

const ROUTES: [&str; 3] = ["codex", "plan", "api"];

const EFFORTS: [&str; 8] = ["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"];

const SUMMARIES: [&str; 4] = ["auto", "concise", "detailed", "none"];

/// The values of `--upstream-transport`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum UpstreamTransport {
    /// A socket from the second turn of a conversation on
    Auto,
    /// Never a socket
    Http,
    /// A socket from the first turn on
    Websocket,
}

/// The values of `--profile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ApiProfile {
    /// OpenAI's platform, or Azure
    Openai,
    /// Any other server
    Generic,
}

/// The values of `--log-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Human,
    /// One JSON object per line
    Json,
}

/// The values of `--reasoning-replay`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReasoningReplay {
    /// Where the client did not send it back
    Auto,
    /// Never
    Off,
}

/// The values of `--reasoning-compat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReasoningCompat {
    /// In the field reasoning_content
    ReasoningContent,
    /// At the start of the text, between <think> and </think>
    ThinkTags,
    /// In the field reasoning, as a list of parts
    O3,
    /// In the fields reasoning_summary and reasoning
    #[value(alias = "current")]
    Legacy,
    /// Nowhere; reasoning is not shown
    None,
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
