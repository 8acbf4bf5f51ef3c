//! Inbound keys: who may ask, and under which label that is recorded.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chatmock_translate::{Failure, FailureKind};
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, HeaderValue};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use tokio::time::Instant;

use crate::settings::ApiKey;
use crate::settings::api_key::digest;

/// The headers that carry a key by themselves; the second is that of Azure's libraries.
const API_KEYS: [&str; 2] = ["x-api-key", "api-key"];

/// Reads base64 with and without the characters that fill it up.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a key is sent.
const WAYS: &str =
    "as Authorization: Bearer KEY, as x-api-key or api-key, or as the password of Basic";

/// The sender of a request: the label of its key, where keys are set, and the address that it came
/// from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    label: Option<Arc<str>>,
    peer: Option<IpAddr>,
    /// The most that the label has at once, where it has a limit of its own.
    most: Option<usize>,
}

impl Caller {
    fn of_key(key: &ApiKey) -> Self {
        Self { label: Some(Arc::clone(&key.label)), ..Self::default() }
    }

    /// The caller of a request that was let in.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Adds the address that the request came from.
    pub(crate) fn with_peer(self, peer: Option<IpAddr>) -> Self {
        Self { peer: peer.map(network), ..self }
    }

    /// The label of the key.
    pub(crate) fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Returns whether the request came from this machine: from a loopback address, or over a socket in the file
    /// system.
    pub(crate) fn is_local(&self) -> bool {
        self.peer.is_none_or(|peer| peer.is_loopback())
    }

    /// Returns whose requests have one limit together: all under the label, or, where no keys are set, all from
    /// the address.
    pub(crate) fn account(&self) -> Self {
        let peer = self.peer.filter(|_| self.label.is_none());
        Self { label: self.label.clone(), peer, most: None }
    }

    /// Sets the most that the label has at once.
    pub(crate) fn with_most(self, most: Option<usize>) -> Self {
        Self { most, ..self }
    }

    /// Returns the most that the label has at once, where it has a limit of its own.
    pub(crate) fn most(&self) -> Option<usize> {
        self.most
    }

    /// Makes a caller with a label, for tests.
    #[cfg(test)]
    pub(crate) fn named(label: &str) -> Self {
        Self { label: Some(label.into()), ..Self::default() }
    }
}

/// The part of an address that a client cannot choose: of IPv6, a network has the first half, and each machine in it
/// any number of addresses.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}

/// The keys that let requests in; with none, everybody may ask.
#[derive(Debug)]
pub(crate) struct ApiKeys {
    keys: KeySwitch,
    wrong: Mutex<WrongKeys>,
    most_wrong: u32,
}

/// The inbound keys of a server, which can be replaced while it runs.
#[derive(Clone, Debug)]
pub struct KeySwitch(Arc<RwLock<Arc<[ApiKey]>>>);

impl KeySwitch {
    fn new(keys: Vec<ApiKey>) -> Self {
        Self(Arc::new(RwLock::new(keys.into())))
    }

    fn current(&self) -> Arc<[ApiKey]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the keys for the requests that come from now on.
    ///
    /// No keys would let everybody in, so that an empty list has no effect, nor has any list on a server that was
    /// started without keys and promised to need none.
    pub fn replace(&self, keys: Vec<ApiKey>) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !keys.is_empty() && !current.is_empty() {
            *current = keys.into();
        }
    }
}

/// The number of wrong keys in the second that began at `since`.
#[derive(Debug)]
struct WrongKeys {
    since: Instant,
    count: u32,
}

impl ApiKeys {
    /// Creates a check of these keys, which answers at most `most_wrong` wrong ones a second with 401.
    pub(crate) fn new(keys: Vec<ApiKey>, most_wrong: u32) -> Self {
        let wrong = Mutex::new(WrongKeys { since: Instant::now(), count: 0 });
        Self { keys: KeySwitch::new(keys), wrong, most_wrong }
    }

    /// Returns the keys, to be replaced while the server runs.
    pub(crate) fn switch(&self) -> KeySwitch {
        self.keys.clone()
    }

    /// Returns whether there are none.
    pub(crate) fn are_none(&self) -> bool {
        self.keys.current().is_empty()
    }

    /// Finds the caller by the key in the headers.
    ///
    /// # Errors
    /// 401 without a right key or with an ambiguous one, 429 after too many wrong ones.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<Caller, Failure> {
        if self.are_none() {
            return Ok(Caller::default());
        }
        let mut callers = Vec::new();
        for sent in presented_keys(headers)? {
            callers.push(self.find(&sent).ok_or_else(|| self.wrong())?);
        }
        callers
            .into_iter()
            .next()
            .ok_or_else(|| refused(&format!("an API key is needed: send it {WAYS}")))
    }

    /// Compares with every key to the end, so that the time reveals nothing.
    ///
    /// Hashes are compared, not keys: they have one length, so that even the length of a key stays hidden, and the
    /// keys themselves are in memory only while they are read. A map would be faster for thousands of keys and leak how
    /// far a guess got.
    fn find(&self, sent: &[u8]) -> Option<Caller> {
        let keys = self.keys.current();
        let digest = digest(sent);
        let mut found = u32::MAX;
        for (place, key) in (0..).zip(&*keys) {
            found.conditional_assign(&place, digest.ct_eq(&key.digest));
        }
        keys.get(usize::try_from(found).ok()?).map(Caller::of_key)
    }

    /// Refuses a wrong key. Many in a second are slowed down; right ones never are.
    fn wrong(&self) -> Failure {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now.duration_since(wrong.since) >= Duration::from_secs(1) {
            *wrong = WrongKeys { since: now, count: 0 };
        }
        wrong.count = wrong.count.saturating_add(1);
        if wrong.count > self.most_wrong {
            let kind = FailureKind::RateLimited { retry_after: Some(1) };
            let message = "too many requests with a wrong API key; wait a second";
            return Failure::new(kind, message).with_code("too_many_wrong_keys");
        }
        refused("the API key is not one of this server's keys")
    }
}

/// The keys in the headers, each of which has to be right.
fn presented_keys(headers: &HeaderMap) -> Result<Vec<Cow<'_, [u8]>>, Failure> {
    let mut sent = Vec::new();
    if let Some(authorization) = only(headers, AUTHORIZATION.as_str())? {
        let authorization = authorization.as_bytes();
        let bearer = after_scheme(authorization, b"bearer ").map(Cow::Borrowed);
        let key = bearer.or_else(|| basic(authorization).map(Cow::Owned));
        let wrong = || {
            refused(
                "the Authorization header must be: Bearer KEY, or Basic with KEY as its password",
            )
        };
        sent.push(key.ok_or_else(wrong)?);
    }
    for name in API_KEYS {
        if let Some(key) = only(headers, name)? {
            sent.push(Cow::Borrowed(key.as_bytes()));
        }
    }
    Ok(sent)
}

/// The header's one value. A second could be the one that another reader goes by.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h HeaderValue>, Failure> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(refused(&format!("a request may have only one {name} header"))),
    }
}

/// Returns what follows a scheme, whose case does not matter.
fn after_scheme<'v>(value: &'v [u8], scheme: &[u8]) -> Option<&'v [u8]> {
    let (found, rest) = value.split_at_checked(scheme.len())?;
    let rest = rest.trim_ascii();
    (found.eq_ignore_ascii_case(scheme) && !rest.is_empty()).then_some(rest)
}

/// Returns the key of a client that has a field for the address alone: the password in it, or the user's name where there is no
/// password.
fn basic(value: &[u8]) -> Option<Vec<u8>> {
    let coded = after_scheme(value, b"basic ")?;
    let mut decoded = LENIENT.decode(coded).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let password = decoded.split_off(colon + 1);
    decoded.truncate(colon);
    let key = if password.is_empty() { decoded } else { password };
    (!key.is_empty()).then_some(key)
}

fn refused(message: &str) -> Failure {
    Failure::new(FailureKind::SignedOut, message).with_code("invalid_api_key")
}

#[cfg(test)]
mod tests;
