//! The program `chatmock-server`: flags and environment in, a running server out.

mod asked;
mod backend;
mod banner;
mod cli;
mod command;
mod config;
mod demo;
mod env;
mod exit;
mod files;
mod keys;
mod listen;
mod logging;
mod outlet;
mod settings;
mod signals;
mod systemd;
mod text_file;
mod values;

use std::io::{self, Write, stderr};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use chatmock_server::upstream::Route;
use chatmock_server::{Served, Server, Settings};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::asked::Asked;
use crate::banner::Payer;
use crate::cli::Cli;
use crate::demo::Demo;
use crate::env::{Folders, OpenAi};
use crate::exit::Fault;
use crate::logging::Log;
use crate::outlet::Outlet;
use crate::settings::Decided;
use crate::signals::Signals;
use crate::systemd::News;

/// How long the start waits for the account, whose tokens may first have to be renewed.
const ACCOUNT_WAIT: Duration = Duration::from_secs(3);

/// As large as two common pictures, in bytes. A thread that handles large requests may keep twice that.
const KEPT: usize = 5 * 1024 * 1024;

fn main() -> ExitCode {
    keep_pages();
    match Outlet::over(stderr()).context("cannot start the log") {
        Ok(mut outlet) => {
            let ended = answer(&outlet);
            let code = ended.unwrap_or_else(|fault| fault.report(&mut outlet));
            outlet.finish();
            code
        }
        Err(error) => Fault::Other(error).report(&mut stderr()),
    }
}

/// Has the system's allocator keep the pages of a few large buffers.
///
/// That of glibc gives back at once what is larger than the largest buffer that it has seen let go, and
/// of the rest what goes beyond twice as much. So each request with a picture got fresh pages, which
/// took a third of its time. Nothing of this buffer is ever touched.
fn keep_pages() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT)));
}

fn answer(outlet: &Outlet) -> Result<ExitCode, Fault> {
    let folders = Folders::read();
    match Asked::read(&folders).map_err(Fault::Settings)? {
        Asked::Serve(cli, config) => {
            let ended = start((*cli, config.warnings()), &folders, outlet);
            ended.map_err(|fault| config.explain(fault))
        }
        Asked::Tell(text) => {
            io::stdout().write_all(text.as_bytes()).context("cannot print")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn start(
    (cli, noticed): (Cli, &[String]),
    folders: &Folders,
    outlet: &Outlet,
) -> Result<ExitCode, Fault> {
    let sockets = systemd::sockets().map_err(Fault::Settings)?;
    let decided = settings::decide(cli, folders, &OpenAi::read(), sockets);
    let decided = decided.map_err(Fault::Settings)?;
    let Decided { listen, demo, log, verbose, warnings, server } = decided;
    let log = Log::start(outlet, log, verbose);
    for warning in noticed.iter().chain(&warnings) {
        tracing::warn!("{warning}");
    }
    files::make_room(server.http.max_connections);
    let listeners = listen.bind()?;
    let runtime = runtime().context("cannot start the runtime")?;
    let ended = runtime.block_on(run(server, demo, listeners, &log));
    // Whatever still runs must not hold up a program that was told to end.
    runtime.shutdown_background();
    ended
}

/// One thread for all connections: a proxy waits more than it computes, and waking another thread for
/// an event costs more than most events do. Large requests are read and planned on threads beside it.
fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

async fn run(
    mut settings: Settings,
    demo: bool,
    listeners: Vec<std::net::TcpListener>,
    log: &Log,
) -> Result<ExitCode, Fault> {
    let signals = Signals::listen().context("cannot receive signals")?;
    let demo = if demo { Some(Demo::start(&mut settings).await?) } else { None };
    let server = Server::new(settings).map_err(|error| Fault::Settings(anyhow!("{error}")))?;
    let listeners: io::Result<Vec<_>> = listeners.into_iter().map(TcpListener::from_std).collect();
    let listeners = listeners.context("cannot listen")?;
    let addresses: io::Result<Vec<SocketAddr>> =
        listeners.iter().map(TcpListener::local_addr).collect();
    let addresses = addresses.context("cannot listen")?;
    ensure_other(server.route(), &addresses)?;
    let payer = if demo.is_some() { Payer::Demo } else { payer(&server).await };
    banner::show(&addresses, server.route(), &payer, log);
    systemd::tell(News::Ready);
    Ok(serve(server, listeners, signals).await)
}

/// Refuses a backend that is this server itself.
fn ensure_other(route: &Route, addresses: &[SocketAddr]) -> Result<(), Fault> {
    let Some((host, port)) = route.host_and_port() else { return Ok(()) };
    let ours = |address: &&SocketAddr| {
        let same = match host.parse::<IpAddr>() {
            Ok(ip) => ip == address.ip() || (address.ip().is_unspecified() && ip.is_loopback()),
            Err(_) => backend::is_here(&host),
        };
        address.port() == port && same
    };
    match addresses.iter().find(ours) {
        Some(_) => Err(Fault::Settings(anyhow!(
            "--upstream-url {} is the address of this server itself",
            route.base()
        ))),
        None => Ok(()),
    }
}

async fn payer(server: &Server) -> Payer {
    match tokio::time::timeout(ACCOUNT_WAIT, server.account()).await {
        Ok(Ok(Some(account))) => Payer::Account(account),
        Ok(Ok(None)) => Payer::Key,
        Ok(Err(why)) => Payer::Nobody(format!("not signed in; {why}")),
        Err(_) => Payer::Nobody("the sign-in is still being renewed".to_owned()),
    }
}

/// Serves until a first signal and the drain after it, or until a second signal.
async fn serve(server: Server, listeners: Vec<TcpListener>, mut signals: Signals) -> ExitCode {
    let (stop, stopped) = oneshot::channel::<()>();
    let told = async {
        signals.next().await;
        systemd::tell(News::Stopping);
        tracing::info!("stopping: open answers may finish; a second signal ends them");
        // Nobody listens when the server has ended by itself.
        let _ = stop.send(());
        signals.next().await
    };
    let shutdown = async {
        let _ = stopped.await;
    };
    tokio::select! {
        served = server.serve(listeners, shutdown) => {
            if let Served::Aborted { open } = served {
                tracing::warn!(open, "answers were cut off, since they took longer than --drain");
            }
            ExitCode::SUCCESS
        }
        code = told => ExitCode::from(code),
    }
}
