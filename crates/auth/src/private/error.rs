//! The error of private files.

use std::io;
use std::path::{Path, PathBuf};

/// Why a private file could not be used. Nothing of its content is in the message.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// The file or its folder is not safe to use, so it was not touched.
    #[error("{} {problem}: {cure}", path.display())]
    Unsafe {
        /// The file or folder.
        path: PathBuf,
        /// The problem with it, as the rest of a sentence that begins with the path.
        problem: &'static str,
        /// The thing that a person can do about it.
        cure: &'static str,
    },
    /// The system refused a call. The message holds the system's own reason.
    #[error("cannot {action} {}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The action that failed, as a verb.
        action: &'static str,
        /// The system's error. It is part of the message, and so not a source of its own.
        error: io::Error,
    },
}

impl PrivateFileError {
    pub(crate) fn io(path: &Path, action: &'static str, error: io::Error) -> Self {
        Self::Io { path: path.to_owned(), action, error }
    }

    pub(super) fn not_safe(path: &Path, problem: Problem) -> Self {
        let (problem, cure) = problem.words();
        Self::Unsafe { path: path.to_owned(), problem, cure }
    }

    /// Returns whether the disk is full or a quota is used up, which may pass; anything else that
    /// keeps a file from being written stays until a person changes it.
    pub(crate) fn is_lack_of_room(&self) -> bool {
        let Self::Io { error, .. } = self else { return false };
        matches!(
            error.kind(),
            io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge
                | io::ErrorKind::OutOfMemory
        ) || super::system::is_out_of_handles(error)
    }
}

/// A fault of a file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Link,
    NotAFile,
    NotAFolder,
    OtherUser,
    OtherOwner,
    TooLarge,
    OpenFolder,
    OpenTargetFolder,
    NoTargetFolder,
    TooManyLinks,
}

impl Problem {
    fn words(self) -> (&'static str, &'static str) {
        const MOVE: &str = "move it away";
        match self {
            Self::Link => ("is a symbolic link", MOVE),
            Self::NotAFile => ("is not a plain file", MOVE),
            Self::NotAFolder => ("is not a folder", MOVE),
            Self::OtherUser => ("belongs to another user", "change its owner, or move it away"),
            Self::OtherOwner => {
                ("belongs to another user than its directory", "change its owner, or move it away")
            }
            Self::TooLarge => ("is too large", MOVE),
            Self::OpenFolder => {
                ("can be written in by other users", "run chmod go-w on it, or name another folder")
            }
            Self::OpenTargetFolder => (
                "holds the target of a link and can be written in by other users",
                "run chmod go-w on it",
            ),
            Self::NoTargetFolder => {
                ("does not exist, and a link leads there", "make the folder, or remove the link")
            }
            Self::TooManyLinks => ("leads through too many symbolic links", MOVE),
        }
    }
}
