//! The doctor: checks of a sign-in and what it depends on, each with a fix.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::Serialize;
use time::OffsetDateTime;

use crate::accounts::Account;
use crate::blocking::blocking;
use crate::endpoint::{Endpoint, client};
use crate::fault::{CLOCK_SKEW, FaultKind};
use crate::home::Home;
use crate::issuer::InvalidIssuer;
use crate::lock::{HomeLock, LockError};
use crate::store::{BorrowedStore, KeyringError, StoreError, TokenStore, VaultError};
use crate::tokens::AuthFile;

mod files;
mod registration;

pub use files::{files, files_at_start};
pub use registration::registration;

const REACH_LIMIT: Duration = Duration::from_secs(8);

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Works.
    Ok,
    /// Works, but perhaps not for long or not everywhere.
    Warn,
    /// Does not work.
    Fail,
}

/// One check: a line for a person, or an object for a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The name of the check.
    pub name: &'static str,
    /// The result.
    pub health: Health,
    /// The finding.
    pub detail: String,
    /// The fix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The code of the fault, where the table of faults has one for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
}

impl Check {
    pub(crate) fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, health: Health::Ok, detail: detail.into(), fix: None, code: None }
    }

    pub(crate) fn warn(name: &'static str, detail: impl Into<String>, fix: &str) -> Self {
        let fix = Some(fix.to_owned());
        Self { name, health: Health::Warn, detail: detail.into(), fix, code: None }
    }

    pub(crate) fn fail(name: &'static str, detail: impl Into<String>, fix: &str) -> Self {
        let fix = Some(fix.to_owned());
        Self { name, health: Health::Fail, detail: detail.into(), fix, code: None }
    }

    /// A check that found a fault of the table, which has the remedy.
    pub(crate) fn fault(name: &'static str, detail: impl Into<String>, kind: FaultKind) -> Self {
        Self::fail(name, detail, kind.fault().fix).with_code(kind)
    }

    fn with_code(self, kind: FaultKind) -> Self {
        Self { code: Some(kind.fault().code), ..self }
    }
}

/// Asks the issuer for its time. Checks that it can be reached, and this machine's clock.
pub async fn issuer(endpoint: &Endpoint) -> [Check; 2] {
    let (asked, before) = (OffsetDateTime::now_utc(), Instant::now());
    match endpoint.clock().await {
        Ok(date) => [
            Check::ok("issuer", format!("{} answers", endpoint.issuer())),
            date.map_or_else(
                || Check::warn("clock", "the sign-in service sent no time", "check the clock"),
                |date| clock(date, asked + before.elapsed() / 2),
            ),
        ],
        Err(error) => [
            Check::fail(
                "issuer",
                format!("{}: {}", endpoint.issuer(), cause(&error)),
                "check the network, the proxy and the issuer",
            ),
            Check::warn("clock", "could not be compared", "reach the sign-in service first"),
        ],
    }
}

/// Compares clocks.
pub fn clock(theirs: OffsetDateTime, ours: OffsetDateTime) -> Check {
    let off = (ours - theirs).unsigned_abs();
    if off <= CLOCK_SKEW {
        return Check::ok(
            "clock",
            format!("within {} s of the sign-in service's", CLOCK_SKEW.as_secs()),
        );
    }
    let side = if ours > theirs { "ahead of" } else { "behind" };
    let detail = format!("{} s {side} the sign-in service's", off.as_secs());
    Check::fault("clock", detail, FaultKind::ClockOff)
}

/// Checks the sign-in and how long it lasts.
pub fn sign_in(loaded: Result<Option<AuthFile>, StoreError>, now: OffsetDateTime) -> Check {
    let name = "sign-in";
    let file = match loaded {
        Ok(Some(file)) if file.tokens().is_some() => file,
        Ok(_) => return Check::fault(name, "nobody is signed in", FaultKind::SignedOut),
        Err(error) => return Check::fault(name, error.to_string(), FaultKind::SignedOut),
    };
    let account = Account::of(&file);
    let (who, login) = (account.email.unwrap_or(account.key), account.route.login_command());
    if !file.is_usable() {
        let detail = format!("{who}: does not allow the use of the plan");
        return Check::fail(name, detail, &format!("{login}, and allow it"));
    }
    let renewable = file.tokens().is_some_and(|tokens| tokens.refresh_token().is_some());
    let left = file.lifetime().expires().map(|end| end.saturating_sub(now.unix_timestamp()));
    match left {
        Some(left) if left <= 0 && !renewable => {
            Check::fail(name, format!("{who}: ended, and cannot be renewed"), &login)
                .with_code(FaultKind::RenewalRefused)
        }
        Some(left) if left <= 0 => Check::warn(
            name,
            format!("{who}: the access token has ended; the next request renews it"),
            "chatmock-auth refresh",
        ),
        _ if !renewable => {
            Check::warn(name, format!("{who}: cannot be renewed when it ends"), &login)
        }
        Some(left) => Check::ok(name, format!("{who}: {} h left, then renewed", left / 3600)),
        None => Check::ok(name, format!("{who}: has no end date; renewed every 8 days")),
    }
}

/// Checks that a port is free for the browser to return to.
pub async fn callback_port(ports: &[u16]) -> Check {
    let name = "callback port";
    let mut taken = Vec::new();
    for port in ports {
        match tokio::net::TcpListener::bind(("127.0.0.1", *port)).await {
            Ok(_) if taken.is_empty() => return Check::ok(name, format!("{port} is free")),
            Ok(_) if *port == 0 => {
                let detail = format!("{} is taken; any other port works", taken.join(" and "));
                return Check::ok(name, detail);
            }
            Ok(_) => {
                let detail = format!("{} is taken, {port} is free", taken.join(" and "));
                return Check::warn(
                    name,
                    detail,
                    "no action needed, or stop the program that uses it",
                );
            }
            Err(_) => taken.push(port.to_string()),
        }
    }
    let detail = format!("nothing can listen on {}", taken.join(" and "));
    Check::fail(name, detail, "stop the program that does, or chatmock-auth login --device")
}

/// Writes to the keyring, reads it back and deletes it again.
pub async fn keyring(home: &Home) -> Check {
    let name = "keyring";
    let file = "no action needed; pass `--store file` to make this permanent";
    let Some(keyring) = home.keyring().cloned() else {
        return Check::warn(name, KeyringError::NotBuilt.to_string(), file);
    };
    let tried = blocking(move || {
        keyring.write(PROBE, b"chatmock")?;
        keyring.delete(PROBE)
    });
    match tried.await.unwrap_or(Err(KeyringError::Vault(VaultError::Failed))) {
        Ok(()) => Check::ok(name, "works"),
        Err(error @ KeyringError::Vault(VaultError::Locked)) => {
            let kind = FaultKind::KeyringLocked;
            Check::warn(name, error.to_string(), kind.fault().fix).with_code(kind)
        }
        Err(error) => Check::warn(name, error.to_string(), file),
    }
}

/// The entry that the check writes and deletes.
const PROBE: &str = "doctor";

/// Lists the proxies, given as names and values of variables, and checks that the system's
/// certificates can be read.
pub fn network(proxies: &[(String, String)]) -> [Check; 2] {
    let shown: Vec<String> =
        proxies.iter().map(|(name, value)| format!("{name}={}", without_user(value))).collect();
    let proxy = if shown.is_empty() {
        Check::ok("proxy", "none")
    } else {
        Check::ok("proxy", shown.join(", "))
    };
    let trust = Url::parse("https://localhost/")
        .map_err(|_| InvalidIssuer.into())
        .and_then(|url| client(&url, HeaderMap::new()));
    let trust = match trust {
        Ok(_) => Check::ok("trust store", "the system's certificates can be read"),
        Err(error) => {
            Check::fail("trust store", describe(&error), "install the package ca-certificates")
        }
    };
    [proxy, trust]
}

/// A proxy's address may hold a password.
fn without_user(address: &str) -> String {
    address.rsplit_once('@').map_or(address, |(_, host)| host).to_owned()
}

/// Checks that the backend answers, with any status. Sends no token.
pub async fn backend(address: &str) -> Check {
    let name = "backend";
    let unreachable = FaultKind::BackendUnreachable;
    let fix = unreachable.fault().fix;
    let Ok(url) = Url::parse(address) else {
        return Check::fail(name, "the address cannot be read", fix);
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let client = match client(&url, HeaderMap::new()) {
        Ok(client) => client,
        Err(error) => return Check::fail(name, describe(&error), fix),
    };
    match client.head(url).timeout(REACH_LIMIT).send().await {
        Ok(_) => Check::ok(name, format!("{host} answers")),
        Err(error) => {
            Check::fault(name, format!("{host}: {}", cause(&error.without_url())), unreachable)
        }
    }
}

/// Looks for another program with the same tokens: one at work in this home, and one whose file,
/// such as the Codex CLI's, holds the same refresh token.
pub async fn sharing(home: &Home, others: &[PathBuf]) -> Check {
    let name = "sharing";
    let (own, files) = (home.clone(), others.to_vec());
    let shared = blocking(move || shared_with(&own, &files)).await;
    if let Ok(Some(path)) = shared {
        let detail = format!("{} holds the same refresh token", path.display());
        let fix = "chatmock-auth login: each program needs a sign-in of its own";
        return Check::fail(name, detail, fix);
    }
    let files = match home.lock_files() {
        Ok(files) if files.first().is_some_and(|lock| lock.exists()) => files,
        Ok(_) => return Check::ok(name, "no other program uses this sign-in"),
        Err(error) => return Check::fail(name, error.to_string(), FILES),
    };
    match HomeLock::acquire(&files, Duration::ZERO).await {
        Ok(_) => Check::ok(name, "no other program uses this sign-in"),
        Err(LockError::ActiveRequests { .. }) => Check::warn(
            name,
            "another program is renewing or changing this sign-in just now",
            "no action needed if it is the server; otherwise check again in a minute",
        ),
        Err(error) => Check::fail(name, error.to_string(), FILES),
    }
}

/// The fix for a home whose files cannot be used.
const FILES: &str = "make the folder and the files in it yours, and closed to other users";

fn shared_with(home: &Home, others: &[PathBuf]) -> Option<PathBuf> {
    let refresh = |file: Option<AuthFile>| file?.tokens()?.refresh_token();
    let own = refresh(home.load().ok()?)?;
    let shares = |path: &&PathBuf| {
        let same_file = |path: &Path| path == home.path().join("auth.json");
        let theirs = BorrowedStore::new(*path).load().ok().and_then(refresh);
        !same_file(path) && theirs.as_ref() == Some(&own)
    };
    others.iter().find(shares).cloned()
}

/// The first cause of an error: what lies between says the same in other words.
fn cause(error: &dyn std::error::Error) -> String {
    let mut first = error;
    let mut is_name = false;
    while let Some(source) = first.source() {
        is_name |= source.to_string().starts_with("dns error");
        first = source;
    }
    if is_name { "cannot be found: is this machine online?".to_owned() } else { first.to_string() }
}

/// The error and what it comes from, in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
