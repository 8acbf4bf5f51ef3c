//! The program `chatmock-server`: reads its settings, starts the server, and stops it on a signal.

mod api_keys;
mod backend;
mod banner;
mod cli;
mod client_version;
mod command;
mod commands;
mod companion;
mod config;
mod connect;
mod demo;
mod env;
mod exit;
mod explain;
mod first_run;
mod health;
mod invocation;
mod line_limit;
mod listen;
mod log_level;
mod log_rows;
mod log_writer;
mod logging;
mod memory_limit;
mod models_table;
mod open_files;
mod otlp;
mod port_owner;
mod release;
mod service;
mod settings;
mod signals;
mod systemd;
mod terminal;
mod text_file;
mod tool;
mod tool_context;
mod usage;
mod value_parsers;

use std::io::{self, Write, stderr};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use chatmock_server::auth::harden_process;
use chatmock_server::upstream::UpstreamRoute;
use chatmock_server::{Listener, Served, Server, Settings};
use chatmock_simulator::Cassettes;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::api_keys::KeyFile;
use crate::banner::{AccountStatus, BannerFacts, Offer};
use crate::cli::Cli;
use crate::config::Config;
use crate::demo::Demo;
use crate::env::{Folders, OpenAiVariables};
use crate::exit::ExitError;
use crate::invocation::Invocation;
use crate::listen::{BoundSockets, Endpoint};
use crate::log_writer::LogWriter;
use crate::logging::Log;
use crate::otlp::Telemetry;
use crate::settings::ResolvedSettings;
use crate::signals::Signals;
use crate::systemd::ServiceState;
use crate::tool_context::ToolContext;

/// The time for which the start waits for the account, whose tokens may have to be renewed first.
const ACCOUNT_WAIT: Duration = Duration::from_secs(3);

/// The time for which the end of a demo waits for what is still being written.
const DEMO_END: Duration = Duration::from_secs(1);

/// The size of two common pictures, in bytes. A thread that handles large requests may keep twice
/// that.
const RETAINED_BUFFER: usize = 5 * 1024 * 1024;

fn main() -> ExitCode {
    // Before anything else: no token and no prompt may come to lie in a core dump.
    let hardened = harden_process();
    tune_allocator();
    match LogWriter::start(stderr()).context("cannot start the log") {
        Ok(mut writer) => {
            if let Err(error) = hardened {
                let warning = format!("core dumps and tracing could not be disabled: {error}\n");
                writer.enqueue(warning.as_bytes());
            }
            let ended = execute(&writer);
            let code = ended.unwrap_or_else(|error| error.report(&mut writer));
            writer.finish();
            code
        }
        Err(error) => ExitError::Other(error).report(&mut stderr()),
    }
}

/// Makes the system's allocator keep the pages of a few large buffers.
///
/// The allocator of glibc returns a buffer to the system at once if it is larger than the largest
/// that was freed before, and of the rest what exceeds twice that size. So each request with a
/// picture got fresh pages, and their page faults took a third of its time. Freeing one buffer of
/// this size at the start raises both limits. It is never touched, so it costs no memory itself.
/// With mimalloc the pages are kept as well, but the program starts with 23 MB of memory instead of
/// 11. The figures are in docs/performance.md.
fn tune_allocator() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(RETAINED_BUFFER)));
}

fn execute(writer: &LogWriter) -> Result<ExitCode, ExitError> {
    let folders = Folders::read();
    match Invocation::read(&folders)? {
        Invocation::Serve(cli, config) => {
            let ended = start(*cli, &config, &folders, writer);
            ended.map_err(|error| config.explain(error))
        }
        Invocation::Tool(tool, cli, config) => {
            let context = ToolContext { cli: *cli, folders: &folders, writer };
            tool.run(context).map_err(|error| config.explain(error))
        }
        Invocation::Print(text) => {
            io::stdout().write_all(text.as_bytes()).context("cannot print")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn start(
    cli: Cli,
    config: &Config,
    folders: &Folders,
    writer: &LogWriter,
) -> Result<ExitCode, ExitError> {
    let sockets = systemd::sockets().map_err(ExitError::Settings)?;
    let resolved = settings::resolve(cli, folders, &OpenAiVariables::read(), sockets);
    let mut resolved = resolved.map_err(ExitError::Settings)?;
    if let Some(code) = first_run::ask(&mut resolved)? {
        return Ok(code);
    }
    let ResolvedSettings {
        listen,
        metrics_address,
        demo,
        cassettes,
        log,
        verbose,
        stay,
        key_file,
        mut warnings,
        mut server,
    } = resolved;
    warnings.extend(memory_limit::bound(&mut server.http.sizes));
    let log = Log::start(writer, log, verbose);
    for warning in config.warnings().iter().chain(&warnings) {
        tracing::warn!("{warning}");
    }
    open_files::raise_limit(server.http.sizes.max_connections);
    let sockets = listen.bind()?.with_metrics(metrics_address)?;
    let runtime = runtime().context("cannot start the runtime")?;
    runtime.spawn(log.limit().clone().run());
    let mut running_demo = None;
    let options = RunOptions { demo, running_demo: &mut running_demo, cassettes, stay, key_file };
    let ended = runtime.block_on(run(server, options, sockets, &log));
    log.limit().report();
    match running_demo {
        // What is still being written into its folder would make that anew.
        Some(demo) => {
            runtime.shutdown_timeout(DEMO_END);
            drop(demo);
        }
        // Running tasks must not delay a program that was asked to end.
        None => runtime.shutdown_background(),
    }
    ended
}

/// Creates a runtime with one thread for all connections.
///
/// A proxy waits more than it computes, and waking another thread for an event costs more than
/// handling most events: a runtime with a worker thread took a tenth more processor time for a
/// short answer. Large requests are parsed and planned on blocking threads, so that they do not
/// delay the streams.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// The parts of a run that are not the server's.
struct RunOptions<'d> {
    demo: bool,
    /// The place of a demo, which outlives the run.
    running_demo: &'d mut Option<Demo>,
    /// The recordings that answer, in place of the demo's own answers.
    cassettes: Option<Cassettes>,
    stay: bool,
    key_file: Option<KeyFile>,
}

async fn run(
    mut settings: Settings,
    RunOptions { demo, running_demo, cassettes, stay, key_file }: RunOptions<'_>,
    sockets: BoundSockets,
    log: &Log,
) -> Result<ExitCode, ExitError> {
    let signals = Signals::listen(stay).context("cannot receive signals")?;
    signals::switch_level(log.level().clone()).context("cannot receive signals")?;
    settings.http.admin.log = Some(Arc::new(log.level().clone()));
    let replays = cassettes.is_some();
    if demo {
        *running_demo = Some(Demo::start(&mut settings, cassettes).await?);
    }
    let telemetry = Telemetry::start(&mut settings);
    let folder = settings.http.responses.directory.clone();
    let server = Server::new(settings).map_err(|error| ExitError::Settings(anyhow!("{error}")))?;
    server.check_shared().await.map_err(|why| ExitError::Settings(anyhow!(why)))?;
    let (listeners, endpoints) = sockets.listeners().context("cannot listen")?;
    refuse_own_address(server.route(), &endpoints)?;
    server.check_guard().await.map_err(|why| ExitError::Settings(anyhow!(why)))?;
    if let Some(file) = key_file {
        tokio::spawn(file.watch(server.key_switch()));
    }
    if let Some((listener, address)) = sockets.metrics().context("cannot listen")? {
        tracing::info!("metrics at http://{address}/metrics");
        server.serve_metrics(listener);
    }
    if let Some(folder) = folder {
        usage::note(&folder, &endpoints);
    }
    let account_status = match running_demo {
        Some(_) if replays => AccountStatus::Replay,
        Some(_) => AccountStatus::Demo,
        None => account_status(&server).await,
    };
    let offer = if log.is_on_terminal() { Offer::of(&server).await } else { Offer::default() };
    let facts = BannerFacts { endpoints: &endpoints, route: server.route(), account_status, offer };
    banner::show(&facts, log);
    systemd::notify(ServiceState::Ready);
    let code = serve(server, listeners, signals).await;
    telemetry.finish().await;
    Ok(code)
}

/// Returns an error if the backend is this server itself.
fn refuse_own_address(route: &UpstreamRoute, endpoints: &[Endpoint]) -> Result<(), ExitError> {
    let Some((host, port)) = route.host_and_port() else { return Ok(()) };
    let mut addresses = endpoints.iter().filter_map(Endpoint::address);
    let ours = |address: &SocketAddr| {
        let same = match host.parse::<IpAddr>() {
            Ok(ip) => ip == address.ip() || (address.ip().is_unspecified() && ip.is_loopback()),
            Err(_) => backend::is_loopback(&host),
        };
        address.port() == port && same
    };
    match addresses.find(ours) {
        Some(_) => Err(ExitError::Settings(anyhow!(
            "--upstream-url {} is the address of this server itself",
            route.base()
        ))),
        None => Ok(()),
    }
}

async fn account_status(server: &Server) -> AccountStatus {
    match tokio::time::timeout(ACCOUNT_WAIT, server.account()).await {
        Ok(Ok(Some(account))) => AccountStatus::Account(account),
        Ok(Ok(None)) => AccountStatus::Key,
        Ok(Err(why)) => AccountStatus::Unavailable(format!("not signed in; {why}")),
        Err(_) => AccountStatus::Unavailable("the sign-in is still being renewed".to_owned()),
    }
}

/// Serves until a first signal and the drain after it, or until a second signal.
async fn serve(server: Server, listeners: Vec<Listener>, mut signals: Signals) -> ExitCode {
    let (stop, stopped) = oneshot::channel::<()>();
    let second_signal = async {
        signals.next().await;
        systemd::notify(ServiceState::Stopping);
        tracing::info!(
            "stopping: open answers may finish; a second signal ends the program at once"
        );
        // The receiver is gone if the server has ended by itself.
        let _ = stop.send(());
        signals.next().await
    };
    let shutdown = async {
        let _ = stopped.await;
    };
    tokio::select! {
        served = server.serve(listeners, shutdown) => {
            if let Served::Aborted { open } = served {
                tracing::warn!(open, "answers were cut off because they took longer than --drain");
            }
            exit::of(served)
        }
        code = second_signal => ExitCode::from(code),
    }
}
