//! Service tiers: the queue in which a request waits.

/// A tier that a client may request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// The standard queue, for which nothing is sent.
    Standard,
    /// Faster, and uses up more of the limits: `priority`.
    Priority,
    /// Slower, and uses up less of the limits: `flex`.
    Flex,
}

impl Tier {
    /// Parses a client's value; `auto` and `default` mean the standard queue, `fast` means
    /// `priority`.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "auto" | "default" | "standard" => Some(Self::Standard),
            "priority" | "fast" => Some(Self::Priority),
            "flex" => Some(Self::Flex),
            _ => None,
        }
    }

    /// The value that is sent, if any.
    #[must_use]
    pub fn wire(self) -> Option<&'static str> {
        match self {
            Self::Standard => None,
            Self::Priority => Some("priority"),
            Self::Flex => Some("flex"),
        }
    }
}
