//! The program `chatmock-auth`: signs in and manages the sign-in.

mod accounts;
mod cli;
mod dates;
mod doctor;
mod env;
mod exit;
mod generate;
mod import;
mod json;
mod keyboard;
mod let_go;
mod login;
mod logout;
mod refresh;
mod reset_credit;
mod screen;
mod settings;
mod status;
mod stop;
mod warnings;

use std::io::stderr;
use std::process::ExitCode;

use anyhow::Context;
use tokio::runtime::Builder;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::Cli;
use crate::env::Folders;
use crate::exit::CommandError;
use crate::keyboard::Keyboard;
use crate::screen::Screen;
use crate::settings::{Config, ResolvedCommand, Task};
use crate::stop::Stop;

/// The start of the crates' names.
const OURS: &str = "chatmock";

/// The context of a command: its configuration, and where it talks with a person.
#[derive(Debug)]
pub(crate) struct CommandContext {
    /// The configuration.
    pub(crate) config: Config,
    /// The output.
    pub(crate) screen: Screen,
    /// The input.
    pub(crate) keyboard: Keyboard,
    /// The request to stop.
    pub(crate) stop: Stop,
}

fn main() -> ExitCode {
    // Before anything else: no token may come to lie in a core dump.
    let hardened = chatmock_auth::harden_process();
    if let Err(error) = hardened {
        screen::warn(format_args!("core dumps and tracing could not be disabled: {error}"));
    }
    start(Cli::read()).unwrap_or_else(|fault| fault.report())
}

fn start(cli: Cli) -> Result<ExitCode, CommandError> {
    let resolved = settings::resolve(cli, Folders::read()).map_err(CommandError::Settings)?;
    log(resolved.verbose);
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let ended = runtime.block_on(run(resolved));
    // A keyring that hangs, or a line that nobody types, must not hold up the end.
    runtime.shutdown_background();
    ended
}

async fn run(resolved: ResolvedCommand) -> Result<ExitCode, CommandError> {
    let ResolvedCommand { task, config, verbose: _ } = resolved;
    let stop = Stop::listen().context("cannot receive signals")?;
    let context =
        CommandContext { config, screen: Screen::read(), keyboard: Keyboard::default(), stop };
    match task {
        Task::Login(login) => login::run(&context, &login).await,
        Task::Status { json, borrowed } => status::run(&context, json, borrowed.as_deref()).await,
        Task::Logout(logout) => logout::run(&context, &logout).await,
        Task::Refresh => refresh::run(&context).await,
        Task::ResetCredit { yes } => reset_credit::run(&context, yes).await,
        Task::Import(import) => import::run(&context, import).await,
        Task::Accounts => accounts::list(&context),
        Task::Use(account) => accounts::switch(&context, &account).await,
        Task::Doctor => doctor::run(&context).await,
        Task::Generate(what) => generate::run(&what),
    }
}

/// Starts the log on standard error: warnings, and more when `verbose`.
fn log(verbose: bool) {
    let level = if verbose { LevelFilter::DEBUG } else { LevelFilter::WARN };
    // Other crates log errors only: their finer messages may hold headers and bodies.
    let filter = Targets::new().with_default(LevelFilter::ERROR).with_target(OURS, level);
    let lines = fmt::layer().with_writer(stderr);
    let is_terminal = std::io::IsTerminal::is_terminal(&stderr());
    if is_terminal && !verbose {
        let lines = lines.event_format(warnings::Sentences);
        return tracing_subscriber::registry().with(lines).with(filter).init();
    }
    let lines =
        lines.without_time().with_target(verbose).with_ansi(is_terminal && env::wants_colour());
    tracing_subscriber::registry().with(lines).with(filter).init();
}
