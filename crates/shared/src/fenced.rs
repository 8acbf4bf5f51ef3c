//! Records with a fence, of which an older one never takes the place of a newer one.

use zeroize::Zeroizing;

/// A record with a fence.
#[derive(Clone, PartialEq, Eq)]
pub struct Fenced {
    /// A number that grows with each writer; the fence is the lease's.
    pub fence: u64,
    /// The text.
    pub text: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Fenced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fenced").field("fence", &self.fence).finish_non_exhaustive()
    }
}

/// What became of a record that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// It was written.
    Done,
    /// One with this fence, the same or a newer one, was there and is there still.
    Older(u64),
}
