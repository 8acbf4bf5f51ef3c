//! The places that can hold a sign-in, behind one trait.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chatmock_shared::SharedError;

use crate::blocking::LostTask;
use crate::private::PrivateFileError;
use crate::tokens::AuthFile;

mod account_store;
mod borrowed;
mod choice;
mod disk;
mod file;
mod keyring;
mod lifeboat;
mod location_file;
mod memory;
mod shared_sign_in;
mod shared_store;
#[cfg(test)]
mod torture;

pub(crate) use account_store::{AccountStore, StoreOptions};
pub use borrowed::BorrowedStore;
pub use choice::{StoreChoice, UnknownStore};
pub(crate) use file::{FileStore, LeftOvers};
pub use keyring::{Keyring, KeyringError, VaultError};
#[cfg(test)]
pub(crate) use keyring::{KeyringLimits, Vault};
pub use lifeboat::Rescued;
pub(crate) use location_file::{Change, Location, LocationFile};
pub use memory::MemoryStore;
pub use shared_sign_in::{SharedCopy, SharedSignIn};

/// A place for one sign-in. The calls may block; [`TokenStore::stamp`] costs at most a few `stat`
/// calls and a small read.
pub trait TokenStore: Send + Sync {
    /// Reads the sign-in; `None` when there is none.
    fn load(&self) -> Result<Option<AuthFile>, StoreError>;

    /// Replaces whatever is there by a new sign-in. The caller holds the locks of
    /// [`Self::lock_files`].
    fn save(&self, file: &AuthFile) -> Result<(), StoreError>;

    /// Removes the sign-in; it is no error that there is none. The caller holds the lock.
    fn remove(&self) -> Result<(), StoreError>;

    /// Reserves space for a renewal before its token is spent, so that a full disk is noticed in
    /// time. `size` is in bytes. The caller holds the lock.
    fn reserve(&self, size: usize) -> Result<Box<dyn Reservation>, StoreError>;

    /// Returns a stamp that differs from an earlier one when the sign-in has changed.
    fn stamp(&self) -> Result<Stamp, StoreError>;

    /// Returns the files whose locks, taken in this order, keep two programs from renewing at once;
    /// none when no other program can reach the store. A file of which another follows may be left
    /// out where it cannot be made.
    fn lock_files(&self) -> Result<Vec<PathBuf>, StoreError>;

    /// Puts renewed tokens where [`Self::rescued`] finds them, when a program has to end and the store
    /// takes none. Returns the place, for a person.
    fn rescue(&self, stored: &AuthFile, next: &AuthFile) -> Result<String, StoreError> {
        let _ = (stored, next);
        Err(StoreError::ReadOnly { place: self.description() })
    }

    /// Returns renewed tokens that an earlier program could not save. The caller holds the lock.
    fn rescued(&self) -> Vec<Rescued> {
        Vec::new()
    }

    /// Removes what [`Self::rescued`] finds. The caller holds the lock, and has saved what is needed.
    fn forget_rescued(&self) {}

    /// Returns the copy that several servers share, where there is one.
    fn shared(&self) -> Option<Arc<SharedSignIn>> {
        None
    }

    /// Describes the place for a person.
    fn description(&self) -> String;

    /// Returns whose sign-in it is.
    fn ownership(&self) -> Ownership;
}

/// Space that was reserved for a renewal. Dropping it frees the space.
pub trait Reservation: Send {
    /// Saves `next` if the store still holds `expected`; otherwise fails with
    /// [`StoreError::Changed`] and writes nothing.
    fn commit(self: Box<Self>, expected: &AuthFile, next: &AuthFile) -> Result<(), StoreError>;
}

/// Whose sign-in a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Ours, to renew and write.
    Owned,
    /// Another program's, to read only: two owners of one single-use token lose it.
    Borrowed,
}

/// The look of a store at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stamp {
    /// Nothing was there.
    Absent,
    /// A file was there.
    File {
        /// Bytes in it.
        length: u64,
        /// When it was last written, where the file system tells.
        modified: Option<SystemTime>,
        /// Its number in the file system; 0 where there is none.
        inode: u64,
    },
    /// A count that grows with every change.
    Generation(u64),
}

impl Stamp {
    /// Returns whether a later change is sure to change the stamp. File systems date a write by the
    /// clock's last tick, so two writes of one length in one tick look alike.
    pub(crate) fn is_settled(&self) -> bool {
        let Self::File { modified: Some(modified), .. } = self else { return true };
        modified.elapsed().map_or(true, |age| age > TICK)
    }
}

/// Longer than a tick of the clocks that file systems use.
const TICK: Duration = Duration::from_millis(20);

/// Why a store failed. Nothing of its content is in the message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The content stayed unreadable over several looks.
    #[error("{place} is damaged")]
    Corrupt {
        /// The store's description.
        place: String,
    },
    /// Another program wrote meanwhile; its content was kept.
    #[error("{place} was changed by another program")]
    Changed {
        /// The store's description.
        place: String,
    },
    /// The store is another program's.
    #[error("{place} belongs to another program and is only read")]
    ReadOnly {
        /// The store's description.
        place: String,
    },
    /// The keyring could not be used.
    #[error("{0}: unlock or start it, or sign in again with `chatmock-auth login --store file`")]
    Keyring(#[from] KeyringError),
    /// A file could not be used.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The engine that several servers share could not be used.
    #[error(transparent)]
    Shared(#[from] SharedError),
    /// A save was cut off.
    #[error(transparent)]
    Lost(#[from] LostTask),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_settled_once_the_clock_has_moved_on() {
        let written = |modified| Stamp::File { length: 1, modified, inode: 1 };
        assert!(!written(Some(SystemTime::now())).is_settled());
        assert!(written(Some(SystemTime::UNIX_EPOCH)).is_settled());
        let ahead = SystemTime::now() + Duration::from_secs(3600);
        assert!(written(Some(ahead)).is_settled(), "a wrong clock must not cause reads for ever");
        assert!(Stamp::Absent.is_settled());
    }
}
