//! The error of private files.

use std::io;
use std::path::{Path, PathBuf};

/// Why a private file could not be used. Nothing of its content is in the message.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// The file or its folder is not safe to use, so it was not touched.
    #[error("{} {problem}: move it away", path.display())]
    Unsafe {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it, as the rest of a sentence that begins with the path.
        problem: &'static str,
    },
    /// The system refused a call.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb.
        action: &'static str,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

impl PrivateFileError {
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), action, source }
    }

    pub(super) fn not_safe(path: &Path, problem: &'static str) -> Self {
        Self::Unsafe { path: path.to_owned(), problem }
    }
}
