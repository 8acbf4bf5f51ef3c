//! Service tiers: which queue a request waits in.

/// The tier a client asked for, and the word for it on this backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// The ordinary queue: nothing is sent.
    Standard,
    /// Faster, counted more: `priority`.
    Priority,
    /// Slower, counted less: `flex`.
    Flex,
}

impl Tier {
    /// Reads a client's word; `auto` and `default` mean the ordinary queue, `fast` is `priority`.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "auto" | "default" | "standard" => Some(Self::Standard),
            "priority" | "fast" => Some(Self::Priority),
            "flex" => Some(Self::Flex),
            _ => None,
        }
    }

    /// The word that goes out, if any.
    #[must_use]
    pub fn wire(self) -> Option<&'static str> {
        match self {
            Self::Standard => None,
            Self::Priority => Some("priority"),
            Self::Flex => Some("flex"),
        }
    }
}
