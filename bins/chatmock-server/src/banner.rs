//! The start-up text: where clients find the server, and whose account it uses.

use std::fmt::Write as _;
use std::time::Duration;

use chatmock_server::protocol::codex::limits::Snapshot;
use chatmock_server::upstream::UpstreamRoute;
use chatmock_server::{Account, Server, sanitize, wrap};

use crate::listen::Endpoint;
use crate::logging::Log;
use crate::terminal;

/// The account that pays for the answers.
#[derive(Debug)]
pub(crate) enum AccountStatus {
    /// No account: a simulator makes the answers up.
    Demo,
    /// No account: recordings answer.
    Replay,
    /// The account that is signed in.
    Account(Account),
    /// An API key, if the backend requires one.
    Key,
    /// No account yet; a sentence that gives the reason.
    Unavailable(String),
}

impl AccountStatus {
    fn is_simulated(&self) -> bool {
        matches!(self, Self::Demo | Self::Replay)
    }
}

/// What a person types next, and what is left for it.
#[derive(Debug, Default)]
pub(crate) struct Offer {
    /// A model to type.
    model: Option<String>,
    /// The used parts of the account's limits.
    limits: Option<String>,
}

impl Offer {
    /// Asks the server what it knows already; the start waits for nothing.
    pub(crate) async fn of(server: &Server) -> Self {
        let catalog = tokio::time::timeout(CATALOG_WAIT, server.catalog(true)).await;
        let catalog = match catalog {
            Ok(catalog) => catalog,
            Err(_) => server.catalog(false).await,
        };
        let model = catalog.listed().next().map(|entry| sanitize::text(&entry.model.slug));
        let limits = server.limits().await.and_then(|limits| limits_text(&limits));
        Self { model, limits }
    }
}

/// The facts that the banner shows.
#[derive(Debug)]
pub(crate) struct BannerFacts<'a> {
    pub(crate) endpoints: &'a [Endpoint],
    pub(crate) route: &'a UpstreamRoute,
    pub(crate) account_status: AccountStatus,
    pub(crate) offer: Offer,
}

/// Announces that the server listens: with a banner on a terminal, else with one line that programs
/// can parse.
pub(crate) fn show(facts: &BannerFacts<'_>, log: &Log) {
    let BannerFacts { endpoints, route, account_status, .. } = facts;
    if log.is_on_terminal() {
        return log.announce(&text(facts, terminal::width_of_stderr()));
    }
    if !account_status.is_simulated() {
        tracing::info!("route {}", route_text(route));
    }
    match account_status {
        AccountStatus::Demo => tracing::info!("{DEMO}"),
        AccountStatus::Replay => tracing::info!("{REPLAY}"),
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

const REPLAY: &str = "REPLAY: answers come from recordings; no account is used";

/// The longest wait for the first list of models, which the banner takes a name from.
const CATALOG_WAIT: Duration = Duration::from_millis(500);

/// The column at which values begin.
const VALUES: usize = 14;

fn text(facts: &BannerFacts<'_>, width: usize) -> String {
    let BannerFacts { endpoints, route, account_status, offer } = facts;
    let mut text = format!("ChatMock {}\n\n", env!("CARGO_PKG_VERSION"));
    let mut line = |label: &str, value: &str| {
        let value = wrap::hanging(value, (VALUES, VALUES), width);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {label:<12}{value}");
    };
    for (index, endpoint) in endpoints.iter().enumerate() {
        let label = |first: &'static str| if index == 0 { first } else { "and" };
        match endpoint.address() {
            Some(address) => line(label("OpenAI"), &format!("http://{address}/v1")),
            None => line(label("OpenAI"), &format!("http://localhost/v1 over {endpoint}")),
        }
        if let Some(address) = endpoint.address().filter(|_| index == 0) {
            line("Ollama", &format!("http://{address}"));
            line("Page", &format!("http://{address}/ui"));
        }
    }
    let known = [("Model", &offer.model), ("Limits", &offer.limits)];
    let [model, limits] = known.map(|(label, value)| value.as_ref().map(|value| (label, value)));
    model.into_iter().for_each(|(label, value)| line(label, value));
    if !account_status.is_simulated() {
        line("Route", &route_text(route));
    }
    match account_status {
        AccountStatus::Demo => line("Account", DEMO),
        AccountStatus::Replay => line("Account", REPLAY),
        AccountStatus::Key => {}
        AccountStatus::Account(account) => line("Account", &account_text(account)),
        AccountStatus::Unavailable(why) => line("Account", &sanitize::text(why)),
    }
    limits.into_iter().for_each(|(label, value)| line(label, value));
    line("Stop", "Ctrl-C");
    text.push('\n');
    text
}

/// Returns the used part of each window.
fn limits_text(limits: &Snapshot) -> Option<String> {
    let windows = [&limits.primary, &limits.secondary].into_iter().flatten();
    let windows = windows.map(|window| {
        let length = match window.window_minutes {
            minutes if minutes % 1440 == 0 => format!("{} d", minutes / 1440),
            minutes if minutes % 60 == 0 => format!("{} h", minutes / 60),
            minutes => format!("{minutes} min"),
        };
        format!("{:.0} % of {length} used", window.used_percent)
    });
    let windows: Vec<String> = windows.collect();
    (!windows.is_empty()).then(|| windows.join(", "))
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

    fn text(endpoints: &[Endpoint], route: &UpstreamRoute, status: AccountStatus) -> String {
        let offer = Offer { model: Some("gpt-6-sol".to_owned()), limits: None };
        let facts = BannerFacts { endpoints, route, account_status: status, offer };
        super::text(&facts, 80)
    }

    #[test]
    fn a_terminal_sees_every_base_url_and_the_account() {
        let account = Account {
            email: Some("ann@example.com".into()),
            plan: Some("plus".into()),
            until: None,
        };
        let text = text(&endpoints(), &UpstreamRoute::codex(), AccountStatus::Account(account));
        assert!(
            text.contains("Route       codex (https://chatgpt.com/backend-api/codex)\n"),
            "{text}"
        );
        assert!(text.contains("http://127.0.0.1:8000/v1\n"), "{text}");
        assert!(text.contains("http://[::1]:8000/v1\n"), "{text}");
        assert!(text.contains("Ollama      http://127.0.0.1:8000\n"), "{text}");
        assert!(text.contains("Model       gpt-6-sol\n"), "{text}");
        assert!(text.contains("ann@example.com (plus)"), "{text}");
    }

    #[test]
    fn a_demo_and_a_missing_sign_in_are_said_plainly() {
        assert!(
            text(&endpoints(), &UpstreamRoute::codex(), AccountStatus::Demo)
                .contains("DEMO: answers come from a built-in")
        );
        let nobody = AccountStatus::Unavailable("not signed in".into());
        let text = text(&endpoints(), &UpstreamRoute::codex(), nobody);
        assert!(text.contains("Account     not signed in\n"), "{text}");
    }

    #[test]
    fn an_account_cannot_steer_the_terminal() {
        let account = Account { email: Some("a\u{1b}[2J\n@b".into()), plan: None, until: None };
        assert_eq!(account_text(&account), "a\\u{1b}[2J\\n@b");
    }
}
