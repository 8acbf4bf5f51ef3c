//! The command line: what was typed, or said by the environment, before anything is decided.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use chatmock_server::auth::{self, Secret};
use chatmock_server::translate::catalog::Alias;
use chatmock_server::upstream::{CLIENT_VERSION, Identity};
use chatmock_server::{HostName, OLLAMA_VERSION, Origin};
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::value_parsers::SizeOrOff;
use crate::{env, value_parsers};

const AFTER_HELP: &str = "\
A flag wins over its environment variable, that over the configuration file, and that over the \
default. An empty variable counts as unset. A switch may be given a value: --verbose=false turns \
off what the environment or the file turned on.

In the file every flag has a key, its name without the dashes: port = 9000.

HTTPS_PROXY, ALL_PROXY and NO_PROXY lead calls to the backend through a proxy.

Exit codes: 0 stopped as asked, 1 another failure, 2 flags, variables, a configuration file or
settings that cannot be used, 3 port in use, 130 and 143 ended at once by a second Ctrl-C or SIGTERM.";

/// Serves OpenAI's and Ollama's APIs on this machine and answers with your own ChatGPT sign-in, or through any server
/// that speaks the Responses API.
///
/// Point a client at http://127.0.0.1:8000/v1, with any API key unless you set some. Try it without an account: --demo
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
}

/// What is to be done instead of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// Shows the settings, or where their file is looked for; flags may come along
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The word that ChatMock wanted before its flags; it changes nothing.
    #[command(hide = true)]
    Serve,
    /// A word that means nothing here, and what follows it.
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// What to look at.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Prints every setting and where it comes from
    Show {
        /// One JSON object, for programs
        #[arg(long)]
        json: bool,
    },
    /// Prints the path at which the configuration file is looked for
    Path,
}

/// The program as a whole.
#[derive(Debug, Args)]
pub(crate) struct ProgramArgs {
    /// The configuration file [default: chatmock/chatmock.toml where programs keep their settings]
    ///
    /// `chatmock-server config path` prints where that is; `none` reads no file.
    #[arg(long, env = env::CONFIG, value_name = "none|FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Answers from a built-in simulator: no account, no network, nothing kept
    ///
    /// Wins over --upstream-url, --upstream-key-file, --issuer, --home and --borrow-codex. The
    /// simulated backend is that of --route.
    #[arg(long, env = env::DEMO)]
    pub(crate) demo: bool,
    /// Logs more of what happens; not what a request or an answer says
    #[arg(long, env = env::VERBOSE)]
    pub(crate) verbose: bool,
    /// ChatMock's older switch, now the same as --verbose: raw payloads are never printed
    #[arg(long, env = env::VERBOSE_OBFUSCATION)]
    pub(crate) verbose_obfuscation: bool,
    /// How the log is written: for people, or one JSON object a line
    #[arg(long, env = env::LOG_FORMAT, value_name = "FORMAT", ignore_case = true, value_enum, default_value_t = LogFormat::Human)]
    pub(crate) log_format: LogFormat,
    /// Logs request bodies: all that people say to the model. For searching a fault, and no longer
    #[arg(long, env = env::LOG_BODIES)]
    pub(crate) log_bodies: bool,
}

/// Where requests come in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Listening")]
pub(crate) struct ListenArgs {
    /// An address or a name; localhost is 127.0.0.1 and ::1
    ///
    /// One that other machines can reach needs an API key.
    #[arg(long, env = env::HOST, default_value = "127.0.0.1", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) host: String,
    /// The port; 0 takes a free one
    #[arg(long, env = env::PORT, default_value_t = 8000)]
    pub(crate) port: u16,
    /// The largest request body, in bytes or with a unit as in 512k, 64m, 1g
    #[arg(long, env = env::MAX_BODY, value_name = "SIZE", default_value = "64m", value_parser = value_parsers::size)]
    pub(crate) max_body: usize,
    /// The most connections at once; also at most four fifths of the limit of open files
    #[arg(long, env = env::MAX_CONNECTIONS, value_name = "NUMBER", default_value = "4096", value_parser = value_parsers::count)]
    pub(crate) max_connections: usize,
    /// How long open answers may go on after SIGTERM or Ctrl-C; a second signal ends at once
    #[arg(long, env = env::DRAIN, value_name = "SECONDS", default_value = "30", value_parser = value_parsers::seconds)]
    pub(crate) drain: Duration,
    /// The version that clients of Ollama are told; they compare its numbers
    #[arg(long, env = env::OLLAMA_VERSION, value_name = "VERSION", default_value = OLLAMA_VERSION, value_parser = value_parsers::version)]
    pub(crate) ollama_version: String,
    /// Keeps responses in this folder, for previous_response_id and GET /v1/responses
    ///
    /// Without it they are kept in memory, up to a bound, and gone when the server stops.
    #[arg(long, env = env::STATE_DIR, value_name = "FOLDER")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// Who is answered.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who may ask")]
pub(crate) struct AccessArgs {
    /// A file of API keys, one a line: KEY or LABEL:KEY. Requests then need one of them
    #[arg(long, env = env::API_KEY_FILE, value_name = "FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// An API key, perhaps as LABEL:KEY. Better in a file or in the variable
    ///
    /// Other users of this machine can see the arguments of a program. May be given several times;
    /// in the environment, commas part them.
    #[arg(long, env = env::API_KEY, value_name = "KEY", value_delimiter = ',', value_parser = value_parsers::secret)]
    pub(crate) api_key: Vec<Secret>,
    /// Lets other machines ask without a key, and warns of it at each start
    #[arg(long, env = env::ALLOW_UNAUTHENTICATED)]
    pub(crate) allow_unauthenticated: bool,
    /// A name or address under which this server is reached, beside those it knows by itself
    ///
    /// May be given several times; in the environment, commas part them.
    #[arg(long, env = env::ALLOW_HOST, value_name = "NAME", value_delimiter = ',', value_parser = value_parsers::host)]
    pub(crate) allow_host: Vec<HostName>,
    /// The origin of web pages that may ask, such as http://localhost:3000
    ///
    /// May be given several times; in the environment, commas part them.
    #[arg(long, env = env::ALLOW_ORIGIN, value_name = "ORIGIN", value_delimiter = ',', value_parser = value_parsers::origin)]
    pub(crate) allow_origin: Vec<Origin>,
}

/// What is decided for all requests.
#[derive(Debug, Args)]
#[command(next_help_heading = "Answers")]
pub(crate) struct ReplyArgs {
    /// Effort where neither the request nor the model's name says one [default: the model's own]
    #[arg(long, env = env::REASONING_EFFORT, value_name = "EFFORT", ignore_case = true, value_parser = PossibleValuesParser::new(EFFORTS))]
    pub(crate) reasoning_effort: Option<String>,
    /// Reasoning summary where the request says none [default: auto where reasoning is shown]
    #[arg(long, env = env::REASONING_SUMMARY, value_name = "SUMMARY", ignore_case = true, value_parser = PossibleValuesParser::new(SUMMARIES))]
    pub(crate) reasoning_summary: Option<String>,
    /// How chat completions show reasoning
    #[arg(long, env = env::REASONING_COMPAT, value_name = "STYLE", ignore_case = true, value_enum, default_value_t = ReasoningCompat::ReasoningContent)]
    pub(crate) reasoning_compat: ReasoningCompat,
    /// Asks for the fast tier where the model has it and the request names no tier
    #[arg(long, env = env::FAST_MODE)]
    pub(crate) fast_mode: bool,
    /// Lets the model search the web where the request does not speak of it
    #[arg(long, env = env::ENABLE_WEB_SEARCH)]
    pub(crate) enable_web_search: bool,
    /// Leaves out what the model says between tool calls
    #[arg(long, env = env::HIDE_COMMENTARY)]
    pub(crate) hide_commentary: bool,
    /// Instructions where the request has none: `none`, `builtin` or a file of your own
    #[arg(long, env = env::INSTRUCTIONS, value_name = "none|builtin|FILE", default_value = "none")]
    pub(crate) instructions: PathBuf,
    /// Refuses a request field that would have no effect, rather than naming it in a header
    #[arg(long, env = env::STRICT)]
    pub(crate) strict: bool,
    /// Uses this model whatever a request names
    #[arg(long, env = env::DEBUG_MODEL, value_name = "MODEL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) debug_model: Option<String>,
}

/// The list of models.
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
    /// How often the list is fetched anew
    #[arg(long, env = env::MODEL_REFRESH_INTERVAL, value_name = "SECONDS", default_value = "3600", value_parser = value_parsers::interval)]
    pub(crate) model_refresh_interval: Duration,
    /// Lists every effort of a model as a model of its own, such as MODEL-high
    #[arg(long, env = env::EXPOSE_REASONING_MODELS)]
    pub(crate) expose_reasoning_models: bool,
    /// A name of your own for a model, perhaps with an effort: opus=gpt-6-sol:high
    ///
    /// May be given several times; in the environment, commas part them.
    #[arg(long, env = env::ALIAS, value_name = "NAME=MODEL", value_delimiter = ',', value_parser = value_parsers::alias)]
    pub(crate) alias: Vec<Alias>,
    /// Models that stand in for the backend's list, which is not fetched then
    ///
    /// For a server without /models. May be given several times; commas part names.
    #[arg(long, env = env::MODEL_LIST, value_name = "MODEL", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub(crate) model_list: Vec<String>,
}

/// The backend, and the name under which it is called.
#[derive(Debug, Args)]
#[command(next_help_heading = "Backend")]
pub(crate) struct BackendArgs {
    /// The way to the models: `codex`, `plan` or `api`; it is never changed by itself
    ///
    /// codex: the sign-in of the Codex CLI and its backend, which OpenAI does not document for other programs.
    /// plan: "Sign in with ChatGPT", OpenAI's documented way to use a Plus or Pro plan (a preview).
    /// api: an API key, or any server that speaks the Responses API; see --upstream-url.
    #[arg(long, env = env::ROUTE, value_name = "ROUTE", ignore_case = true, default_value = "codex", value_parser = PossibleValuesParser::new(ROUTES))]
    pub(crate) route: String,
    /// The address before /responses and /models: https, or http on this machine [default: the route's own]
    ///
    /// With --route api, OPENAI_BASE_URL counts too.
    #[arg(long, env = env::UPSTREAM_URL, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) upstream_url: Option<String>,
    /// A file with the key for the backend; with --route api only
    ///
    /// OPENAI_API_KEY counts too, with --route api only. A server that asks for no key needs none.
    #[arg(long, env = env::UPSTREAM_KEY_FILE, value_name = "FILE")]
    pub(crate) upstream_key_file: Option<PathBuf>,
    /// Which fields the server of --route api takes [default: by its address]
    ///
    /// openai: OpenAI's platform and Azure. generic: vLLM, Ollama, LM Studio, llama.cpp, gateways.
    /// What a server does not take is done here or named in a header.
    #[arg(long, env = env::PROFILE, value_name = "PROFILE", ignore_case = true, value_enum)]
    pub(crate) profile: Option<ApiProfile>,
    /// Compresses request bodies from this size on, where the backend reads that; `off` never does [default: 256k, off for a backend on this machine]
    #[arg(long, env = env::COMPRESS_ABOVE, value_name = "SIZE", value_parser = value_parsers::size_or_off)]
    pub(crate) compress_above: Option<SizeOrOff>,
    /// The Codex version whose models are asked for
    #[arg(long, env = env::CLIENT_VERSION, value_name = "VERSION", default_value = CLIENT_VERSION)]
    pub(crate) client_version: String,
    /// The program's name in the header `originator`
    #[arg(long, env = env::ORIGINATOR, value_name = "NAME", default_value_t = Identity::default().originator)]
    pub(crate) originator: String,
    /// The header `user-agent`
    #[arg(long, env = env::USER_AGENT, value_name = "TEXT", default_value_t = Identity::default().user_agent)]
    pub(crate) user_agent: String,
}

/// The sign-in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sign-in")]
pub(crate) struct SignInArgs {
    /// The folder of the sign-in and the model cache [default: ~/.chatgpt-local]
    #[arg(long, env = env::HOME, value_name = "FOLDER")]
    pub(crate) home: Option<PathBuf>,
    /// Reads the Codex CLI's sign-in ($CODEX_HOME or ~/.codex) while there is none of our own
    ///
    /// It is never renewed or changed here: the Codex CLI does that.
    #[arg(long, env = env::BORROW_CODEX)]
    pub(crate) borrow_codex: bool,
    /// The issuer of the sign-in
    #[arg(long, env = env::ISSUER, value_name = "URL", default_value = auth::ISSUER)]
    pub(crate) issuer: String,
    /// The OAuth client that the sign-in was made with
    #[arg(long, env = env::CLIENT_ID, value_name = "ID", default_value = auth::CLIENT_ID)]
    pub(crate) client_id: String,
}

const ROUTES: [&str; 3] = ["codex", "plan", "api"];

const EFFORTS: [&str; 8] = ["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"];

const SUMMARIES: [&str; 4] = ["auto", "concise", "detailed", "none"];

/// The words for what a server of the API route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ApiProfile {
    /// OpenAI's platform, or Azure
    Openai,
    /// Any other server
    Generic,
}

/// The words for how the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Human,
    /// One JSON object a line
    Json,
}

/// The words for how reasoning is shown.
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
    /// Not at all
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
