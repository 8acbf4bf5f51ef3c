//! The location file: where a sign-in is stored, and a number that grows with each change.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::private::{read_private, write_private};
use crate::tokens::AuthFile;

/// The place of a sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Location {
    /// In the file next to the location file, or nowhere.
    #[default]
    File,
    /// In the keyring.
    Keyring,
}

/// The note. A keyring does not say when it changes, so this does; and it names the account, so
/// that a list of them needs no unlocked keyring. There is no token in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LocationFile {
    pub(crate) generation: u64,
    #[serde(rename = "place")]
    pub(crate) location: Location,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) plan: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) workspace: Option<String>,
    pub(crate) route: Option<String>,
    /// True if the keyring may hold a former sign-in that could not be deleted there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) left_in_keyring: bool,
}

/// A change of what is stored.
#[derive(Clone, Copy)]
pub(crate) struct Change<'a> {
    /// The place from now on.
    pub(crate) location: Location,
    /// True if a former sign-in stays in the keyring.
    pub(crate) left_in_keyring: bool,
    /// The sign-in, if there is one.
    pub(crate) file: Option<&'a AuthFile>,
}

impl LocationFile {
    /// Reads the note; none there is one of generation 0.
    pub(crate) fn read(path: &Path) -> Result<Self, StoreError> {
        let Some(text) = read_private(path)? else { return Ok(Self::default()) };
        let damaged = |_| StoreError::Corrupt { place: path.display().to_string() };
        serde_json::from_slice(&text).map_err(damaged)
    }

    /// Notes a change: what is kept now, and where.
    pub(crate) fn bump(path: &Path, change: Change<'_>) -> Result<(), StoreError> {
        let Change { location, left_in_keyring, file } = change;
        // A damaged note is no reason to lose a sign-in; the time keeps the number growing.
        let before =
            Self::read(path).map_or_else(|_| fallback_generation(), |file| file.generation);
        let generation = before + 1;
        let next = Self { generation, location, left_in_keyring, ..Self::describing(file) };
        let mut text = serde_json::to_vec(&next).unwrap_or_default();
        text.push(b'\n');
        Ok(write_private(path, &text)?)
    }

    /// Describes a sign-in file.
    pub(crate) fn describing(file: Option<&AuthFile>) -> Self {
        let Some(file) = file else { return Self::default() };
        let claims = file.tokens().map(|tokens| tokens.claims()).unwrap_or_default();
        let user = claims.person();
        let workspace = file.tokens().and_then(|tokens| tokens.account_id()).or(claims.account_id);
        Self {
            name: file.name(),
            user,
            email: claims.email,
            plan: claims.plan,
            workspace,
            route: Some(file.provenance().route.as_str().to_owned()),
            ..Self::default()
        }
    }
}

fn fallback_generation() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
