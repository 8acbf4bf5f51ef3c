//! Relinquishing tokens: ended at their issuer, removed here, and reported as it went.
//!
//! This is the one way in which tokens leave: a sign-out, a sign-in that takes another's place, one that
//! was refused or could not be saved, a damaged file, and what killed programs left. Each of these is
//! easily done by an overwrite or a delete, after which a token that is good for weeks is known to
//! nobody. So whoever lets tokens go first collects what is [`Held`] in every place, and afterwards
//! hands on what was not done.

use std::fmt::Display;

use crate::blocking::{LostTask, blocking};
use crate::endpoint::{Endpoint, EndpointError};
use crate::secret::Secret;
use crate::tokens::{AuthFile, salvage};

/// The outcome for tokens that were given up.
#[derive(Debug)]
#[non_exhaustive]
pub struct Relinquished {
    /// The issuer's part; of several tokens the answer that leaves the most to do.
    pub revocation: Revocation,
    /// Copies that are still on this machine.
    pub left_behind: Vec<LeftBehind>,
    /// Places that could not be read, so that a token in them was not ended.
    pub unread: Vec<LeftBehind>,
}

/// A place where tokens stay, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftBehind {
    /// The place, for a person.
    pub place: String,
    /// The reason, for a person.
    pub why: String,
}

/// The issuer's part when tokens are given up.
#[derive(Debug)]
#[non_exhaustive]
pub enum Revocation {
    /// The sign-in has ended there, too.
    Done,
    /// There was no token to end.
    Nothing,
    /// The tokens are another issuer's, which was not called.
    OtherIssuer,
    /// The call failed: the tokens stay valid there until they expire.
    Failed(EndpointError),
}

impl Relinquished {
    /// Nothing was there to be given up.
    pub(crate) fn nothing() -> Self {
        Self { revocation: Revocation::Nothing, left_behind: Vec::new(), unread: Vec::new() }
    }

    /// Returns whether no token is left anywhere, as far as is known.
    pub fn is_complete(&self) -> bool {
        matches!(self.revocation, Revocation::Done | Revocation::Nothing)
            && self.left_behind.is_empty()
            && self.unread.is_empty()
    }
}

impl LeftBehind {
    pub(crate) fn new(place: impl Display, why: impl Display) -> Self {
        Self { place: place.to_string(), why: why.to_string() }
    }
}

impl Display for LeftBehind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Most errors begin with the place.
        match self.why.contains(&self.place) {
            true => f.write_str(&self.why),
            false => write!(f, "{}: {}", self.place, self.why),
        }
    }
}

impl Revocation {
    /// Returns the weight of what the answer leaves to do.
    fn weight(&self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Done => 1,
            Self::OtherIssuer => 2,
            Self::Failed(_) => 3,
        }
    }
}

/// The tokens in some places, collected before they are given up.
#[derive(Debug, Default)]
pub(crate) struct Held {
    files: Vec<AuthFile>,
    unread: Vec<LeftBehind>,
}

impl Held {
    /// Tokens that are in memory only.
    pub(crate) fn one(file: AuthFile) -> Self {
        Self { files: vec![file], unread: Vec::new() }
    }

    /// Takes the tokens of a text, which may be damaged.
    pub(crate) fn read(&mut self, place: impl Display, text: &[u8]) {
        let found = salvage(text);
        // A whole file without tokens, or a reservation that was never filled, hides none.
        let is_clear = || AuthFile::parse(text).is_ok() || text.trim_ascii().is_empty();
        if found.is_empty() && !is_clear() {
            self.unread.push(LeftBehind::new(place, "is damaged, and no token can be read in it"));
        }
        self.files.extend(found);
    }

    /// Notes a place that could not be read.
    pub(crate) fn could_not_read(&mut self, place: impl Display, why: impl Display) {
        self.unread.push(LeftBehind::new(place, why));
    }

    /// Takes what another place holds.
    pub(crate) fn join(&mut self, other: Self) {
        self.files.extend(other.files);
        self.unread.extend(other.unread);
    }

    /// Returns whether there is nothing to give up.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.unread.is_empty()
    }

    /// The tokens, as text.
    #[cfg(test)]
    pub(crate) fn tokens(&self) -> Vec<String> {
        let tokens = self.files.iter().filter_map(AuthFile::key_token);
        tokens.map(|token| token.expose().to_owned()).collect()
    }

    /// Returns whether nothing was unreadable.
    pub(crate) fn is_readable(&self) -> bool {
        self.unread.is_empty()
    }
}

/// Lets tokens go: ends each at its issuer, unless it is among those that are `kept`, then removes
/// the copies; `remove` learns whether all have ended. The caller holds the lock of the home, where the
/// tokens were in one.
///
/// The issuer comes first, so that a crash in between leaves a copy of a dead token and not a living
/// token without a copy.
pub(crate) async fn relinquish(
    endpoint: &Endpoint,
    held: Held,
    kept: &[Secret],
    remove: impl FnOnce(bool) -> Vec<LeftBehind> + Send + 'static,
) -> Relinquished {
    let Held { files, unread } = held;
    let (mut revocation, mut ended) = (Revocation::Nothing, Vec::new());
    for file in &files {
        let Some(token) = file.key_token() else { continue };
        if kept.contains(&token) || ended.contains(&token) {
            continue;
        }
        ended.push(token);
        let answer = revoke(endpoint, file).await;
        let is_away = matches!(answer, Revocation::Failed(EndpointError::Unreachable(_)));
        if answer.weight() > revocation.weight() {
            revocation = answer;
        }
        if is_away {
            // Each further call would wait as long, and the answer would be the same.
            break;
        }
    }
    let all_ended = matches!(revocation, Revocation::Done | Revocation::Nothing);
    let removed = blocking(move || remove(all_ended)).await;
    let left_behind =
        removed.unwrap_or_else(|LostTask| vec![LeftBehind::new("the stored tokens", LostTask)]);
    Relinquished { revocation, left_behind, unread }
}

/// Lets tokens go that were never stored.
pub(crate) async fn relinquish_unsaved(endpoint: &Endpoint, file: AuthFile) -> Relinquished {
    let let_go = relinquish(endpoint, Held::one(file), &[], |_| Vec::new()).await;
    match &let_go.revocation {
        Revocation::Failed(error) => tracing::warn!(
            %error, "tokens that were not saved could not be ended at the sign-in service"
        ),
        Revocation::OtherIssuer => {
            tracing::warn!("tokens of another sign-in service were not saved and not ended there");
        }
        Revocation::Done | Revocation::Nothing => {}
    }
    let_go
}

async fn revoke(endpoint: &Endpoint, file: &AuthFile) -> Revocation {
    let provenance = file.provenance();
    if provenance.route.profile().is_none()
        || !endpoint.provenance(provenance.route.clone()).agrees(&provenance)
    {
        return Revocation::OtherIssuer;
    }
    match endpoint.revoke(file).await {
        Ok(()) => Revocation::Done,
        Err(error) => Revocation::Failed(error),
    }
}
