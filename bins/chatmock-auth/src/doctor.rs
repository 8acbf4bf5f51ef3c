//! `doctor`: one line for each check, with a fix where one is needed.

use std::process::ExitCode;

use chatmock_auth::doctor::{self, Check, Health};
use chatmock_auth::{CALLBACK_PORTS, EndpointError, StoreChoice};
use time::OffsetDateTime;

use crate::exit::{CommandError, OTHER};
use crate::screen::{Paint, Screen, shown};
use crate::{CommandContext, env};

/// Runs all checks and prints a line for each.
pub(crate) async fn run(context: &CommandContext) -> Result<ExitCode, CommandError> {
    let mut failed = false;
    let mut tell = |checks: &[Check]| {
        for check in checks {
            failed |= check.health == Health::Fail;
            context.screen.line(row(context.screen, check));
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
    tell(&[doctor::sign_in(config.home.load(), OffsetDateTime::now_utc())]);
    tell(&[files]);
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

fn row(screen: Screen, check: &Check) -> String {
    let health = match check.health {
        Health::Ok => screen.paint(Paint::Good, "ok  "),
        Health::Warn => screen.paint(Paint::Warning, "warn"),
        Health::Fail => screen.paint(Paint::Bad, "FAIL"),
    };
    let fix = check.fix.as_ref().map(|fix| format!(" -> {}", shown(fix))).unwrap_or_default();
    format!("{health}  {:<14} {}{fix}", check.name, shown(&check.detail))
}
