//! Why a store could not be opened.

use std::io;
use std::path::{Path, PathBuf};

use chatmock_auth::PrivateFileError;

/// Why a store could not be opened. The messages are for a person and say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the database open.
    #[error("{} is in use by another process: give each server a directory of its own", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The file is no database of ours, or was altered.
    #[error("{} is damaged ({detail}): move it away to begin without the responses kept in it", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The damage that was found.
        detail: String,
    },
    /// The place cannot be trusted with conversations.
    #[error("{} {problem}: name a directory that only you can write in", path.display())]
    Unsafe {
        /// The directory or the database.
        path: PathBuf,
        /// The reason why it cannot be trusted.
        problem: &'static str,
    },
    /// The directory or the file cannot be used.
    #[error("{} cannot be used: {source}", path.display())]
    Io {
        /// The directory or the database.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The database failed for another reason.
    #[error("{} cannot be used: {source}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// The database's error.
        source: Box<redb::Error>,
    },
}

impl From<PrivateFileError> for StoreError {
    fn from(error: PrivateFileError) -> Self {
        match error {
            PrivateFileError::Unsafe { path, problem, .. } => Self::Unsafe { path, problem },
            PrivateFileError::Io { path, error, .. } => Self::Io { path, source: error },
        }
    }
}

impl StoreError {
    /// Returns whether the disk takes nothing more, or nothing at all.
    pub(crate) fn is_of_disk(&self) -> bool {
        use io::ErrorKind::{
            FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        let kinds =
            [FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
        matches!(self, Self::Io { source, .. } if kinds.contains(&source.kind()))
    }

    pub(crate) fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), detail: detail.into() }
    }

    pub(crate) fn database(path: &Path, error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen => Self::InUse { path: path.to_owned() },
            redb::Error::Corrupted(detail) => Self::damaged(path, detail),
            redb::Error::UpgradeRequired(version) => {
                Self::damaged(path, format!("file format {version} is too old"))
            }
            // A file without the head of a database is reported as bad data.
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Self::damaged(path, error.to_string())
            }
            redb::Error::Io(source) => Self::Io { path: path.to_owned(), source },
            source => Self::Database { path: path.to_owned(), source: Box::new(source) },
        }
    }
}
