//! The choice of a route: what each is, and the person's answer.

use chatmock_auth::Route;

use super::{Login, NOTHING_CHANGED};
use crate::Desk;
use crate::exit::Fault;

/// What each route is, in a line.
const ROUTES: [(Route, &str); 2] = [
    (Route::CODEX, "the Codex sign-in and backend: not a documented third-party API"),
    (Route::PLAN, "documented by OpenAI, in preview; Plus and Pro; terms are reported to limit it"),
];

/// Gives the route that was asked for, or asks for it where somebody can answer.
pub(super) async fn chosen(desk: &Desk, login: &Login) -> Result<Route, Fault> {
    if let Some(route) = &login.route {
        return Ok(route.clone());
    }
    if !desk.keyboard.has_person() {
        return Ok(Route::CODEX);
    }
    let Desk { screen, keyboard, stop, .. } = desk;
    for (route, what) in ROUTES {
        screen.line(format_args!("  {:<6} {what}", route.as_str()));
    }
    loop {
        screen.prompt("Which route? [codex] ");
        let line = tokio::select! {
            line = keyboard.line() => line,
            code = stop.asked() => return Err(Fault::Stopped(NOTHING_CHANGED, code)),
        };
        let word = line.unwrap_or_default().to_ascii_lowercase();
        let known = ROUTES.into_iter().map(|(route, _)| route);
        match known.into_iter().find(|route| route.as_str() == word) {
            Some(route) => return Ok(route),
            None if word.is_empty() => return Ok(Route::CODEX),
            None => screen.line("Type codex or plan, or press Enter for codex."),
        }
    }
}
