//! The sign-in with a device code, free of IO: the meaning of each reply of the issuer.
//!
//! The issuer answers "not approved yet" and "refused" with the same statuses, and in words that are
//! documented nowhere and change. So only words that are known to be an end are one, and everything
//! else means to ask again: the code is valid for fifteen minutes, which bounds the wait. Time is an
//! argument, so the tests need no clock and fifteen minutes take none.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::auth_profile::CODEX;
use crate::code_exchange::CodeExchange;
use crate::endpoint::error_code;
use crate::secret::Secret;

mod calls;

/// The time for which a device code is valid.
pub const DEVICE_CODE_LIFE: Duration = Duration::from_secs(15 * 60);

/// The time added to the interval each time the issuer asks to slow down.
const SLOW_DOWN: Duration = Duration::from_secs(5);
const USUAL_INTERVAL: u64 = 5;
/// The interval is clamped: a hasty one would be refused, a long one would outlast the code.
const INTERVALS: std::ops::RangeInclusive<u64> = 1..=60;

/// A code for the person to type at the issuer's page.
#[derive(Clone)]
pub struct DeviceCode {
    user_code: String,
    id: Secret,
    page: String,
    redirect_uri: String,
    interval: Duration,
}

impl DeviceCode {
    /// Reads the issuer's answer; `None` when it holds no code.
    pub(crate) fn read(body: &[u8], issuer: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Body {
            device_auth_id: Secret,
            #[serde(alias = "usercode")]
            user_code: String,
            interval: Option<serde_json::Value>,
        }
        let body: Body = serde_json::from_slice(body).ok()?;
        // It is shown in a terminal, so it must be what it claims to be.
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let user_code = Some(body.user_code)
            .filter(|code| (1..=32).contains(&code.len()) && code.chars().all(plain))?;
        Some(Self {
            user_code,
            id: body.device_auth_id,
            page: format!("{issuer}/codex/device"),
            redirect_uri: format!("{issuer}/deviceauth/callback"),
            interval: interval(body.interval.as_ref()),
        })
    }

    /// Returns the code that the person enters.
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// Returns the page where the code is entered.
    pub fn page(&self) -> &str {
        &self.page
    }

    pub(crate) fn poll(&self) -> impl Serialize + '_ {
        #[derive(Serialize)]
        struct Poll<'a> {
            device_auth_id: &'a Secret,
            user_code: &'a str,
        }
        Poll { device_auth_id: &self.id, user_code: &self.user_code }
    }
}

impl fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceCode").field("page", &self.page).finish_non_exhaustive()
    }
}

/// The interval comes as a string or a number of seconds.
fn interval(value: Option<&serde_json::Value>) -> Duration {
    let seconds = value.and_then(|value| match value {
        serde_json::Value::String(text) => text.trim().parse().ok(),
        number => number.as_f64().filter(|n| n.is_finite()).map(|n| n as u64),
    });
    let seconds = seconds.unwrap_or(USUAL_INTERVAL);
    Duration::from_secs(seconds.clamp(*INTERVALS.start(), *INTERVALS.end()))
}

/// One reply to the question whether a code was approved.
pub struct DeviceReply {
    status: u16,
    body: Zeroizing<Vec<u8>>,
}

impl DeviceReply {
    /// A reply as it came.
    pub fn new(status: u16, body: Zeroizing<Vec<u8>>) -> Self {
        Self { status, body }
    }

    /// No reply at all.
    pub(crate) fn lost() -> Self {
        Self::new(0, Zeroizing::default())
    }
}

impl fmt::Debug for DeviceReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceReply").field("status", &self.status).finish_non_exhaustive()
    }
}

/// The next step after a reply.
#[derive(Debug, PartialEq, Eq)]
pub enum DeviceStep {
    /// Ask again after this time.
    Wait(Duration),
    /// It was approved: redeem this.
    Done(CodeExchange),
    /// The sign-in is over.
    Refused(DeviceRefusal),
}

/// Why a device code gave no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceRefusal {
    /// Its time is over.
    #[error("the code has expired: start the sign-in again")]
    Expired,
    /// The person, or a rule of the workspace, said no.
    #[error("the sign-in was refused at the sign-in service")]
    Denied,
    /// The issuer knows no such code.
    #[error("the sign-in service does not know the code: start the sign-in again")]
    Unknown,
}

/// A device code that waits for approval.
#[derive(Debug)]
pub struct Device {
    code: DeviceCode,
    interval: Duration,
    end: Instant,
}

impl Device {
    /// Begins the wait for a code that was given now.
    pub fn new(code: DeviceCode, now: Instant) -> Self {
        let interval = code.interval;
        Self { code, interval, end: now + DEVICE_CODE_LIFE }
    }

    /// The code that is waited for.
    pub fn code(&self) -> &DeviceCode {
        &self.code
    }

    /// The wait before the first question.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Decides what to do after a reply.
    pub fn next(&mut self, reply: &DeviceReply, now: Instant) -> DeviceStep {
        if (200..300).contains(&reply.status)
            && let Some(exchange) = self.exchange(&reply.body)
        {
            return DeviceStep::Done(exchange);
        }
        let word = error_code(&reply.body);
        let word = word.as_deref().map(|word| word.trim_start_matches("deviceauth_"));
        let refusal = match (word, reply.status) {
            (Some("access_denied" | "authorization_denied" | "authorization_declined"), _) => {
                DeviceRefusal::Denied
            }
            (Some("expired_token" | "authorization_expired"), _) => DeviceRefusal::Expired,
            (Some("not_found"), _) => DeviceRefusal::Unknown,
            (Some("slow_down"), _) | (_, 429) => return self.slow_down(now),
            _ => return self.wait(now),
        };
        DeviceStep::Refused(refusal)
    }

    fn slow_down(&mut self, now: Instant) -> DeviceStep {
        self.interval += SLOW_DOWN;
        self.wait(now)
    }

    fn wait(&self, now: Instant) -> DeviceStep {
        if now + self.interval >= self.end {
            return DeviceStep::Refused(DeviceRefusal::Expired);
        }
        DeviceStep::Wait(self.interval)
    }

    /// Reads an approval. Here the issuer made the verifier.
    fn exchange(&self, body: &[u8]) -> Option<CodeExchange> {
        #[derive(Deserialize)]
        struct Body {
            authorization_code: Secret,
            code_verifier: Secret,
        }
        let body: Body = serde_json::from_slice(body).ok()?;
        if body.authorization_code.is_empty() {
            return None;
        }
        let redirect_uri = self.code.redirect_uri.clone();
        Some(CodeExchange {
            code: body.authorization_code,
            verifier: body.code_verifier,
            redirect_uri,
            profile: &CODEX,
            client_id: None,
            nonce: None,
        })
    }
}

#[cfg(test)]
mod tests;
