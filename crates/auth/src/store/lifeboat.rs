//! Renewed sign-ins outside their store: put away at a stop, or left by an unfinished save.
//!
//! A renewed refresh token is the only one that is still good, so a program that has to end before it
//! could save it puts it where it can: into the blocks that the sign-in file has already, or into the
//! person's runtime folder, which is in memory and lasts until they log out of the machine. The next
//! program that would spend the old token finds it and takes it over.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::StoreError;
use crate::private::{self, read_private, write_private};
use crate::tokens::AuthFile;

/// The folder of all programs of ours in the runtime folder.
const FOLDER: &str = "chatmock";

/// A renewed sign-in that is not in its store.
pub struct Rescued {
    /// The sign-in.
    pub(crate) file: AuthFile,
    /// The name of the sign-in that it was renewed from, where that was written down.
    replaces: Option<String>,
}

impl Rescued {
    /// A sign-in that an unfinished save left behind.
    pub(super) fn left_over(file: AuthFile) -> Self {
        Self { file, replaces: None }
    }

    /// Returns whether this is what became of a stored sign-in: renewed from it, or of the same account
    /// and later.
    pub(crate) fn follows(&self, stored: &AuthFile) -> bool {
        if let Some(replaces) = &self.replaces {
            return *replaces == name(stored);
        }
        let later = self.file.last_refresh().is_some_and(|time| stored.last_refresh() < Some(time));
        later
            && self.file.key_token() != stored.key_token()
            && self.file.provenance() == stored.provenance()
            && self.file.identity() == stored.identity()
    }
}

/// The place in the runtime folder for the sign-in of one home.
pub(super) fn place(runtime: &Path, entry: &str) -> PathBuf {
    runtime.join(FOLDER).join(format!("{entry}.json"))
}

/// Puts a sign-in away.
pub(super) fn put_away(place: &Path, stored: &AuthFile, next: &AuthFile) -> Result<(), StoreError> {
    let (name, next) = (name(stored), next.render());
    let mut text = Zeroizing::new(String::with_capacity(next.len() + name.len() + 32));
    text.push_str("{\"replaces\":\"");
    text.push_str(&name);
    text.push_str("\",\"sign_in\":");
    text.push_str(next.trim_end());
    text.push_str("}\n");
    Ok(write_private(place, text.as_bytes())?)
}

/// Finds a sign-in that was put away. One that cannot be read is the same as none.
pub(super) fn find(place: &Path) -> Option<Rescued> {
    #[derive(Deserialize)]
    struct Lifeboat<'a> {
        replaces: String,
        #[serde(borrow)]
        sign_in: &'a RawValue,
    }
    let text = read_private(place).ok().flatten()?;
    let found: Lifeboat<'_> = serde_json::from_slice(&text).ok()?;
    let file = AuthFile::parse(found.sign_in.get().as_bytes()).ok()?;
    Some(Rescued { file, replaces: Some(found.replaces) })
}

/// Removes a sign-in that was put away.
pub(super) fn remove(place: &Path) -> Result<(), StoreError> {
    Ok(private::remove(place)?)
}

/// Names a sign-in by its token, without revealing it.
fn name(file: &AuthFile) -> String {
    let token = file.key_token();
    let token = token.as_ref().map_or("", |token| token.expose());
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}
