//! `doctor`: one line for each check, with a fix where one is needed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use chatmock_auth::doctor::{self, Check, Health};
use chatmock_auth::{CALLBACK_PORTS, EndpointError, FaultKind, StoreChoice};
use time::OffsetDateTime;

use crate::exit::{CommandError, OTHER};
use crate::screen::{Paint, Screen, shown};
use crate::status::usage::{self, Usage, UsageError};
use crate::{CommandContext, dates, env};

/// The longest wait for a server on this machine.
const PATIENCE: Duration = Duration::from_millis(500);

/// The most of its answer that is read, in bytes.
const MAX_ANSWER: u64 = 4096;

/// Runs all checks and prints a line for each.
pub(crate) async fn run(context: &CommandContext) -> Result<ExitCode, CommandError> {
    let mut failed = false;
    let mut tell = |checks: &[Check]| {
        for check in checks {
            failed |= check.health == Health::Fail;
            context.screen.hanging(&row(context.screen, check), 21);
        }
    };
    tokio::select! {
        looked = look(context, &mut tell) => looked?,
        code = context.stop.asked() => return Err(CommandError::Stopped("not everything was checked", code)),
    }
    Ok(if failed { ExitCode::from(OTHER) } else { ExitCode::SUCCESS })
}

async fn look(
    context: &CommandContext,
    tell: &mut impl FnMut(&[Check]),
) -> Result<(), EndpointError> {
    let config = &context.config;
    let endpoint = config.keeper.endpoint()?;
    // Before anything is read, since a read closes what other users can read.
    let files = doctor::files(&config.home);
    let sign_in = doctor::sign_in(config.home.load(), OffsetDateTime::now_utc());
    let (sign_in, limits) = tried(context, sign_in).await?;
    tell(&[sign_in]);
    tell(&[files]);
    tell(limits.as_slice());
    tell(&[server()]);
    if config.store != StoreChoice::File {
        tell(&[doctor::keyring(&config.home).await]);
    }
    let codex = config.folders.codex.iter().map(|codex| codex.join("auth.json"));
    let python = config.folders.person.iter().map(|home| home.join(".chatgpt-local/auth.json"));
    let others: Vec<_> = codex.chain(python).collect();
    tell(&[doctor::sharing(&config.home, &others).await]);
    tell(&[doctor::registration(&config.home).await]);
    let route = context.route();
    let profile = route.profile();
    let ports = profile.map_or(&CALLBACK_PORTS[..], |profile| profile.callback_ports);
    tell(&[doctor::callback_port(ports).await]);
    tell(&doctor::network(&env::proxies()));
    tell(&doctor::issuer(&endpoint).await);
    tell(&[doctor::backend(config.upstream(&route).route.base()).await]);
    Ok(())
}

/// Tries a sign-in that looks well, as `status` does: that it has ended shows only where it is used.
async fn tried(
    context: &CommandContext,
    sign_in: Check,
) -> Result<(Check, Option<Check>), EndpointError> {
    if sign_in.health == Health::Fail {
        return Ok((sign_in, None));
    }
    let keeper = context.keeper(None)?;
    let usage = usage::read(context, &keeper).await;
    // A renewal that was begun is saved.
    keeper.finish().await;
    let check = |health, detail: String, fix: Option<String>| Check {
        name: "limits",
        health,
        detail,
        fix,
        code: None,
    };
    Ok(match usage {
        Ok(usage) => {
            // It may have been renewed for this.
            let sign_in = doctor::sign_in(context.config.home.load(), OffsetDateTime::now_utc());
            (sign_in, Some(check(Health::Ok, limits(&usage), None)))
        }
        Err(UsageError::SignedOut(why)) => {
            let login = context.route().login_command();
            let code = Some(FaultKind::RenewalRefused.fault().code);
            let fix = Some(login);
            (Check { health: Health::Fail, detail: why, fix, code, ..sign_in }, None)
        }
        // Why there is no answer is found out below.
        Err(_) => (sign_in, None),
    })
}

fn limits(usage: &Usage) -> String {
    let windows = usage.limits.iter().filter(|limit| limit.name.is_none());
    let windows = windows.flat_map(|limit| &limit.windows);
    let words = windows
        .map(|window| format!("{:.0} % of {} used", window.used, dates::window(window.minutes)));
    let words: Vec<String> = words.collect();
    if words.is_empty() { "the backend reports none".to_owned() } else { words.join(", ") }
}

/// Looks whether a server runs at the usual port.
fn server() -> Check {
    let port = env::value(env::PORT).and_then(|port| port.to_str()?.parse().ok()).unwrap_or(8000);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(b"GET /ready HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.take(MAX_ANSWER).read_to_string(&mut answer).ok()?;
        Some(answer)
    };
    let (health, detail, fix) = match ask() {
        None => (
            Health::Ok,
            format!("none runs at http://{address}; to start one: chatmock-server"),
            None,
        ),
        Some(answer) if !answer.contains("x-request-id: req_") => {
            let fix = "chatmock-server --port 8001".to_owned();
            (Health::Warn, format!("another program has port {port}"), Some(fix))
        }
        Some(answer) if answer.contains(" 200 ") => {
            (Health::Ok, format!("ready at http://{address}/v1"), None)
        }
        Some(_) => {
            let fix = "chatmock-server service status".to_owned();
            (Health::Warn, format!("the one at http://{address} is not ready"), Some(fix))
        }
    };
    Check { name: "server", health, detail, fix, code: None }
}

fn row(screen: Screen, check: &Check) -> String {
    let health = match check.health {
        Health::Ok => screen.paint(Paint::Good, "ok  "),
        Health::Warn => screen.paint(Paint::Warning, "warn"),
        Health::Fail => screen.paint(Paint::Bad, "FAIL"),
    };
    let fix = check.fix.as_ref().map(|fix| format!(" -> {}", shown(fix))).unwrap_or_default();
    format!("{health}  {:<14} {}{fix}", check.name, shown(detail(check)))
}

/// Returns the finding without a last clause that names the fix, which has a place of its own.
fn detail(check: &Check) -> &str {
    let clauses = check.detail.rsplit_once("; ");
    let repeats = |last: &str| check.fix.as_deref().is_some_and(|fix| last.ends_with(fix));
    clauses.filter(|(_, last)| repeats(last)).map_or(&*check.detail, |(first, _)| first)
}
