//! The start-up text: where clients find the server, and whose account it uses.

use std::fmt::Write as _;

use chatmock_server::upstream::UpstreamRoute;
use chatmock_server::{Account, sanitize};

use crate::listen::Endpoint;
use crate::logging::Log;

/// The account that pays for the answers.
#[derive(Debug)]
pub(crate) enum AccountStatus {
    /// No account: a simulator makes the answers up.
    Demo,
    /// The account that is signed in.
    Account(Account),
    /// An API key, if the backend requires one.
    Key,
    /// No account yet; a sentence that gives the reason.
    Unavailable(String),
}

/// Announces that the server listens: with a banner on a terminal, else with one line that programs
/// can parse.
pub(crate) fn show(
    endpoints: &[Endpoint],
    route: &UpstreamRoute,
    account_status: &AccountStatus,
    log: &Log,
) {
    if log.is_on_terminal() {
        return log.announce(&text(endpoints, route, account_status));
    }
    if !matches!(account_status, AccountStatus::Demo) {
        tracing::info!("route {}", route_text(route));
    }
    match account_status {
        AccountStatus::Demo => tracing::info!("{DEMO}"),
        AccountStatus::Key => {}
        AccountStatus::Account(account) => tracing::info!("signed in as {}", account_text(account)),
        AccountStatus::Unavailable(why) => tracing::warn!("{}", sanitize::text(why)),
    }
    let Some((first, others)) = endpoints.split_first() else { return };
    for other in others {
        tracing::info!("also on {}", sanitize::text(&other.to_string()));
    }
    log.announce(&format!("listening on {first}\n"));
}

const DEMO: &str = "DEMO: answers come from a built-in simulator; no account is used";

fn text(endpoints: &[Endpoint], route: &UpstreamRoute, account_status: &AccountStatus) -> String {
    let mut text = format!("ChatMock {}\n\n", env!("CARGO_PKG_VERSION"));
    let mut line = |label: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {label:<12}{value}");
    };
    for (index, endpoint) in endpoints.iter().enumerate() {
        let label = if index == 0 { "Base URL" } else { "and" };
        match endpoint.address() {
            Some(address) => line(label, &format!("http://{address}/v1")),
            None => line(label, &format!("http://localhost/v1 over {endpoint}")),
        }
    }
    if !matches!(account_status, AccountStatus::Demo) {
        line("Route", &route_text(route));
    }
    match account_status {
        AccountStatus::Demo => line("Account", DEMO),
        AccountStatus::Key => {}
        AccountStatus::Account(account) => line("Account", &account_text(account)),
        AccountStatus::Unavailable(why) => line("Account", &sanitize::text(why)),
    }
    line("Stop", "Ctrl-C");
    text.push('\n');
    text
}

fn route_text(route: &UpstreamRoute) -> String {
    format!("{} ({})", route.name(), sanitize::text(route.base()))
}

fn account_text(account: &Account) -> String {
    let email = account
        .email
        .as_deref()
        .map_or_else(|| "an account without an email address".into(), sanitize::text);
    match &account.plan {
        Some(plan) => format!("{email} ({})", sanitize::text(plan)),
        None => email,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints() -> Vec<Endpoint> {
        ["127.0.0.1:8000", "[::1]:8000"]
            .map(|address| Endpoint::Address(address.parse().unwrap()))
            .into()
    }

    #[test]
    fn a_terminal_sees_every_base_url_and_the_account() {
        let account = Account { email: Some("ann@example.com".into()), plan: Some("plus".into()) };
        let text = text(&endpoints(), &UpstreamRoute::codex(), &AccountStatus::Account(account));
        assert!(
            text.contains("Route       codex (https://chatgpt.com/backend-api/codex)\n"),
            "{text}"
        );
        assert!(text.contains("http://127.0.0.1:8000/v1\n"), "{text}");
        assert!(text.contains("http://[::1]:8000/v1\n"), "{text}");
        assert!(text.contains("ann@example.com (plus)"), "{text}");
    }

    #[test]
    fn a_demo_and_a_missing_sign_in_are_said_plainly() {
        assert!(
            text(&endpoints(), &UpstreamRoute::codex(), &AccountStatus::Demo)
                .contains("DEMO: answers come from a built-in")
        );
        let nobody = AccountStatus::Unavailable("not signed in".into());
        let text = text(&endpoints(), &UpstreamRoute::codex(), &nobody);
        assert!(text.contains("Account     not signed in\n"), "{text}");
    }

    #[test]
    fn an_account_cannot_steer_the_terminal() {
        let account = Account { email: Some("a\u{1b}[2J\n@b".into()), plan: None };
        assert_eq!(account_text(&account), "a\\u{1b}[2J\\n@b");
    }
}
