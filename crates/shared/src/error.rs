//! Why the shared engine did not do what it was asked for.

/// Why the shared engine did not do what it was asked for. No text names a record's content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SharedError {
    /// This program was built without the engine.
    #[error("this program was built without --shared: build it with the feature `shared`")]
    NotBuilt,
    /// The address cannot be used.
    #[error("{0}")]
    Address(String),
    /// The engine does not answer.
    #[error("the shared engine cannot be reached: {0}")]
    Unreachable(String),
    /// The engine answers, and takes nothing new.
    #[error("the shared engine cannot be written: {0}")]
    ReadOnly(String),
    /// The engine does not know this user, or does not let them do this.
    #[error("the shared engine refuses the user of the address: {0}")]
    Refused(String),
    /// A record was sealed with a key that is not in the key file.
    #[error(
        "a record of the kind `{kind}` is sealed with a key that is not in the file of --shared-key-file: use the file of the other servers"
    )]
    OtherKey {
        /// The kind of the record.
        kind: String,
    },
    /// A record is not the one that was written under its name.
    #[error(
        "a record of the kind `{kind}` was changed or moved in the shared engine and is not used"
    )]
    NotGenuine {
        /// The kind of the record.
        kind: String,
    },
    /// The engine answered with something else.
    #[error("the shared engine failed: {0}")]
    Failed(String),
}

impl SharedError {
    /// Returns whether it may pass by itself: the engine is away, or cannot be written now.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::ReadOnly(_))
    }
}
