//! Cache files next to the sign-in, for the next start.

use std::path::Path;

use chatmock_auth::{PrivateFileError, read_private_up_to, write_private};

/// The largest file that is read, in bytes: as much as the backend's own list may have.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Reads a file whole; `None` where there is none, or none that can be trusted. May block, and never waits: a pipe
/// in the place of the file is refused.
pub(crate) fn read(file: &Path) -> Option<Vec<u8>> {
    match read_private_up_to(file, MAX_BYTES) {
        Ok(text) => Some(text?.to_vec()),
        Err(error) => {
            tracing::warn!("a cache file is not used: {error}");
            None
        }
    }
}

/// Replaces a file whole; where there is no folder for one, nothing is kept. May block.
pub(crate) fn replace(file: &Path, text: &[u8]) -> Result<(), PrivateFileError> {
    if !file.parent().is_some_and(Path::is_dir) {
        return Ok(());
    }
    write_private(file, text)
}
