//! The flags about the backend, about how the program identifies itself there, and about the sign-in.

use std::path::PathBuf;

use chatmock_server::auth;
use chatmock_server::upstream::Identity;
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, ValueEnum};

use crate::value_parsers::SizeOrOff;
use crate::{env, value_parsers};

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
    /// `latest` takes the newest that is named on this machine: by the files version.json of Codex CLIs, and by the backend
    /// itself in the lists of models that were kept. No network is used for it.
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
