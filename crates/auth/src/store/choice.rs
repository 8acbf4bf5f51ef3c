//! The choice of a place for new sign-ins.

use std::str::FromStr;

/// The place where a new sign-in is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreChoice {
    /// In the keyring; in the file, with a warning, where that does not work.
    #[default]
    Auto,
    /// In the keyring, or fail.
    Keyring,
    /// In a file that only its owner can read.
    File,
}

/// The word was none of `auto`, `keyring` and `file`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is one of auto, keyring and file")]
pub struct UnknownStore;

impl FromStr for StoreChoice {
    type Err = UnknownStore;

    fn from_str(word: &str) -> Result<Self, UnknownStore> {
        match word {
            "auto" => Ok(Self::Auto),
            "keyring" => Ok(Self::Keyring),
            "file" => Ok(Self::File),
            _ => Err(UnknownStore),
        }
    }
}
