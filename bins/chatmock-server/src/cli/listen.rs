//! The flags about sockets and their limits, and about who may send requests.

use std::path::PathBuf;
use std::time::Duration;

use chatmock_server::auth::Secret;
use chatmock_server::{HostName, OLLAMA_VERSION, Origin};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::value_parsers::SocketPath;
use crate::{env, value_parsers};

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
    #[arg(long, env = env::PORT, default_value = "8000", value_parser = value_parsers::port)]
    pub(crate) port: u16,
    /// Set if the port is set anywhere, and not by default
    #[arg(skip)]
    pub(crate) is_port_set: bool,
    /// Listens on a socket in the file system, such as unix:/run/user/1000/chatmock, which only you can use
    ///
    /// It replaces the address, unless --port is set: then the server listens on both.
    #[arg(long, env = env::LISTEN, value_name = "unix:PATH", value_parser = value_parsers::socket_path)]
    pub(crate) listen: Option<SocketPath>,
    /// Serves connections on this many threads; auto is one for each processor
    ///
    /// One is the cheapest as long as a single processor keeps up.
    #[arg(long, env = env::WORKERS, value_name = "NUMBER|auto", default_value = "1", value_parser = value_parsers::workers)]
    pub(crate) workers: usize,
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
    /// Lets an answer that can be asked for again go on this long without its client; 0 cancels it at once
    ///
    /// It is for requests with an Idempotency-Key, and for those of the vendors' libraries, which ask again after a
    /// lost connection. With 0, their retries are requests like others.
    #[arg(long, env = env::REJOIN, value_name = "SECONDS", default_value = "60", value_parser = value_parsers::seconds)]
    pub(crate) rejoin: Duration,
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
