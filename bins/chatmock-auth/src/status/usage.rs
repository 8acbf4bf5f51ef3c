//! The account's limits, read from the backend now or saved by a server earlier.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use chatmock_auth::{AuthFile, KeeperError, TokenKeeper};
use chatmock_server::protocol::codex::limits as backend;
use chatmock_server::upstream::{Client, CredentialError, Error as UpstreamError};
use chatmock_server::{KeeperCredentials, stored_limits};

use crate::CommandContext;
use crate::dates;

/// The use of an account's limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// The plan as the backend knows it.
    pub(crate) plan: Option<String>,
    /// The limits that have windows, the main one first.
    pub(crate) limits: Vec<Limit>,
    /// Credits next to the plan.
    pub(crate) credits: Option<Credits>,
    /// The number of credits that begin the windows anew.
    pub(crate) reset_credits: Option<u64>,
}

/// One limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Limit {
    /// Its name; the main limit has none.
    pub(crate) name: Option<String>,
    /// True if nothing is left.
    pub(crate) reached: bool,
    /// Its windows.
    pub(crate) windows: Vec<Window>,
}

/// One window of a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    /// The used part, in percent.
    pub(crate) used: f64,
    /// Its length.
    pub(crate) minutes: u64,
    /// The time of its reset, in seconds since 1970.
    pub(crate) resets: Option<i64>,
}

/// Credits next to the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credits {
    /// True if there are any.
    pub(crate) some: bool,
    /// True if they have no bound.
    pub(crate) unlimited: bool,
    /// The rest, as the backend writes it.
    pub(crate) balance: Option<String>,
}

/// Limits that a server received earlier.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredUsage {
    /// When it received them, in seconds since 1970.
    pub(crate) as_of: i64,
    pub(crate) usage: Usage,
}

/// Why the limits are not known.
#[derive(Debug)]
pub(crate) enum UsageError {
    /// Only a new sign-in helps.
    SignedOut(String),
    /// They may be available at another time.
    Unavailable(String),
    /// They are seen at this page only.
    Elsewhere(&'static str),
    /// They are never had with these settings.
    Settings(anyhow::Error),
}

/// Asks the backend; an access token that has ended is renewed first.
pub(crate) async fn read(
    context: &CommandContext,
    keeper: &TokenKeeper,
) -> Result<Usage, UsageError> {
    let upstream = context.config.upstream(&context.route());
    if let Some(page) = upstream.route.usage_page() {
        return Err(elsewhere(keeper, page).await);
    }
    let source = Arc::new(KeeperCredentials::new(keeper.clone()));
    let client = Client::new(upstream, source).map_err(no_usage)?;
    let usage = client.usage().await.map_err(no_usage)?;
    let main = usage.rate_limit.map(|limit| (None, limit));
    let reviews = usage.code_review.map(|limit| (Some("code reviews".to_owned()), limit));
    let further = usage.additional.into_iter().map(|limit| {
        let name = limit.name.unwrap_or(limit.feature);
        (Some(name), limit.rate_limit)
    });
    let limits = main.into_iter().chain(reviews).chain(further).map(|(name, limit)| {
        let windows = windows(limit.primary, limit.secondary);
        Limit { name, reached: limit.limit_reached.unwrap_or(false), windows }
    });
    let limits = limits.filter(|limit| limit.reached || !limit.windows.is_empty()).collect();
    let credits = usage.credits.map(Credits::from);
    Ok(Usage { plan: usage.plan, limits, credits, reset_credits: usage.reset_credits })
}

/// Returns whether the sign-in works, where the backend does not report the limits.
async fn elsewhere(keeper: &TokenKeeper, page: &'static str) -> UsageError {
    match keeper.current().await {
        Ok(_) | Err(KeeperError::NotAllowed { .. }) => UsageError::Elsewhere(page),
        Err(error @ (KeeperError::Unavailable(_) | KeeperError::Store(_))) => {
            UsageError::Unavailable(error.to_string())
        }
        Err(error) => UsageError::SignedOut(error.to_string()),
    }
}

/// Reads what a server that uses this home last received about a sign-in's account.
pub(crate) fn stored(home: &Path, sign_in: &AuthFile) -> Option<StoredUsage> {
    let stored = stored_limits(home, sign_in)?;
    let (as_of, limits) = (i64::try_from(stored.as_of).ok()?, stored.limits);
    let main = windows(limits.primary, limits.secondary);
    // A limit that was reached then may have started anew.
    let now = dates::unix_now();
    let over = main.iter().any(|window| window.resets.is_some_and(|at| at <= now));
    let reached = limits.limit_reached.unwrap_or(false) && !over;
    let further = limits.further.into_iter().map(|limit| Limit {
        name: Some(limit.name.unwrap_or(limit.id)),
        reached: false,
        windows: windows(limit.primary, limit.secondary),
    });
    let all = std::iter::once(Limit { name: None, reached, windows: main }).chain(further);
    let all = all.filter(|limit| limit.reached || !limit.windows.is_empty()).collect();
    let credits = limits.credits.map(Credits::from);
    let reset_credits = limits.reset_credits;
    let usage = Usage { plan: limits.plan, limits: all, credits, reset_credits };
    Some(StoredUsage { as_of, usage })
}

fn windows(primary: Option<backend::Window>, secondary: Option<backend::Window>) -> Vec<Window> {
    let windows = [primary, secondary].into_iter().flatten().map(|window| Window {
        used: window.used_percent,
        minutes: window.window_minutes,
        resets: window.resets_at.and_then(|at| i64::try_from(at).ok()),
    });
    windows.collect()
}

impl From<backend::Credits> for Credits {
    fn from(credits: backend::Credits) -> Self {
        Self { some: credits.has_credits, unlimited: credits.unlimited, balance: credits.balance }
    }
}

fn no_usage(error: UpstreamError) -> UsageError {
    match error {
        UpstreamError::Credentials(CredentialError::Unavailable(why)) => {
            UsageError::Unavailable(why)
        }
        UpstreamError::Credentials(error) => UsageError::SignedOut(error.to_string()),
        // A renewal comes before this answer, or was tried too often already.
        UpstreamError::Refused(answer) if answer.status == 401 => UsageError::SignedOut(
            "the backend does not accept the sign-in, and renewing it did not help; sign in again: \
             chatmock-auth login"
                .to_owned(),
        ),
        UpstreamError::Settings { .. } => UsageError::Settings(anyhow!(error)),
        error => UsageError::Unavailable(error.to_string()),
    }
}
