//! Where in a request a value stands, in words only once someone is told.

use std::fmt;

/// A path such as `messages[2].content`, kept as its steps: most values are never spoken of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'p> {
    /// A member of the request.
    Top(&'static str),
    /// A member of an object.
    Member(&'p Self, &'static str),
    /// An item of a list.
    Item(&'p Self, usize),
}

impl Place<'_> {
    /// The member of that name.
    pub(crate) fn member(&self, name: &'static str) -> Place<'_> {
        Place::Member(self, name)
    }

    /// The item of that number.
    pub(crate) fn item(&self, index: usize) -> Place<'_> {
        Place::Item(self, index)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top(name) => f.write_str(name),
            Self::Member(above, name) => write!(f, "{above}.{name}"),
            Self::Item(above, index) => write!(f, "{above}[{index}]"),
        }
    }
}

impl From<Place<'_>> for String {
    fn from(place: Place<'_>) -> Self {
        place.to_string()
    }
}
