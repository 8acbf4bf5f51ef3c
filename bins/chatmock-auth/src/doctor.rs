//! `doctor`: one line for everything that may be wrong, with what mends it.

use std::process::ExitCode;

use chatmock_auth::doctor::{self, Check, Health};
use chatmock_auth::{CALLBACK_PORTS, EndpointError, StoreChoice};
use time::OffsetDateTime;

use crate::exit::{Fault, OTHER};
use crate::screen::{Paint, Screen, shown};
use crate::{Desk, env};

/// Looks at everything, and tells it line by line.
pub(crate) async fn run(desk: &Desk) -> Result<ExitCode, Fault> {
    let mut failed = false;
    let mut tell = |checks: &[Check]| {
        for check in checks {
            failed |= check.health == Health::Fail;
            desk.screen.line(row(desk.screen, check));
        }
    };
    tokio::select! {
        looked = look(desk, &mut tell) => looked?,
        code = desk.stop.asked() => return Err(Fault::Stopped("not everything was looked at", code)),
    }
    Ok(if failed { ExitCode::from(OTHER) } else { ExitCode::SUCCESS })
}

async fn look(desk: &Desk, tell: &mut impl FnMut(&[Check])) -> Result<(), EndpointError> {
    let means = &desk.means;
    let endpoint = means.endpoint()?;
    tell(&[doctor::sign_in(means.home.load(), OffsetDateTime::now_utc())]);
    tell(&[doctor::files(&means.home)]);
    if means.store != StoreChoice::File {
        tell(&[doctor::keyring(&means.home).await]);
    }
    let codex = means.folders.codex.iter().map(|codex| codex.join("auth.json"));
    let python = means.folders.person.iter().map(|home| home.join(".chatgpt-local/auth.json"));
    let others: Vec<_> = codex.chain(python).collect();
    tell(&[doctor::sharing(&means.home, &others).await]);
    tell(&[doctor::registration(&means.home).await]);
    let route = desk.route();
    let practice = route.practice();
    let ports = practice.map_or(&CALLBACK_PORTS[..], |practice| practice.callback_ports);
    tell(&[doctor::callback_port(ports).await]);
    tell(&doctor::network(&env::proxies()));
    tell(&doctor::issuer(&endpoint).await);
    tell(&[doctor::backend(means.upstream(&route).route.base()).await]);
    Ok(())
}

fn row(screen: Screen, check: &Check) -> String {
    let health = match check.health {
        Health::Ok => screen.paint(Paint::Good, "ok  "),
        Health::Warn => screen.paint(Paint::Care, "warn"),
        Health::Fail => screen.paint(Paint::Bad, "FAIL"),
    };
    let fix = check.fix.as_ref().map(|fix| format!(" -> {}", shown(fix))).unwrap_or_default();
    format!("{health}  {:<14} {}{fix}", check.name, shown(&check.detail))
}
