//! Settings of recording.

use std::path::PathBuf;

/// The folder in which turns are recorded, as cassettes that can be played again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSettings {
    /// The folder of the cassettes.
    pub folder: PathBuf,
    /// The most bytes that it may have.
    pub most: u64,
    /// True if texts are kept as their hashes.
    pub hash_texts: bool,
}
