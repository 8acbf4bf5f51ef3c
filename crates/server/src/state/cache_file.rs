//! Cache files next to the sign-in, for the next start.

use std::path::Path;

use chatmock_auth::{PrivateFileError, write_private};

/// Replaces a file whole; where there is no folder for one, nothing is kept. May block.
pub(crate) fn replace(file: &Path, text: &[u8]) -> Result<(), PrivateFileError> {
    if !file.parent().is_some_and(Path::is_dir) {
        return Ok(());
    }
    write_private(file, text)
}
