//! The choice of a route, with a question where a person can answer.

use chatmock_auth::SignInRoute;

use super::{Login, NOTHING_CHANGED};
use crate::CommandContext;
use crate::exit::CommandError;

/// The routes, with a line for each.
const ROUTES: [(SignInRoute, &str); 2] = [
    (SignInRoute::CODEX, "the Codex sign-in and backend: not a documented third-party API"),
    (
        SignInRoute::PLAN,
        "documented by OpenAI, in preview; Plus and Pro; terms are reported to limit it",
    ),
];

/// Returns the route that was asked for, or asks for it where somebody can answer.
pub(super) async fn chosen(
    context: &CommandContext,
    login: &Login,
) -> Result<SignInRoute, CommandError> {
    if let Some(route) = &login.route {
        return Ok(route.clone());
    }
    if !context.keyboard.has_person() {
        return Ok(SignInRoute::CODEX);
    }
    let CommandContext { screen, keyboard, stop, .. } = context;
    for (route, what) in ROUTES {
        screen.line(format_args!("  {:<6} {what}", route.as_str()));
    }
    loop {
        screen.prompt("Which route? [codex] ");
        let line = tokio::select! {
            line = keyboard.line() => line,
            code = stop.asked() => return Err(CommandError::Stopped(NOTHING_CHANGED, code)),
        };
        let word = line.unwrap_or_default().to_ascii_lowercase();
        let known = ROUTES.into_iter().map(|(route, _)| route);
        match known.into_iter().find(|route| route.as_str() == word) {
            Some(route) => return Ok(route),
            None if word.is_empty() => return Ok(SignInRoute::CODEX),
            None => screen.line("Type codex or plan, or press Enter for codex."),
        }
    }
}
