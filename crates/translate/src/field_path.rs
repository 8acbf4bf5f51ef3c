//! Paths of values in a request, written out only for a failure or a notice.

use std::fmt;

/// A path such as `messages[2].content`, kept as its steps: most values are never reported.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FieldPath<'p> {
    /// A member of the request.
    Top(&'static str),
    /// A member of an object.
    Member(&'p Self, &'static str),
    /// An item of a list.
    Item(&'p Self, usize),
}

impl FieldPath<'_> {
    /// The member of that name.
    pub(crate) fn member(&self, name: &'static str) -> FieldPath<'_> {
        FieldPath::Member(self, name)
    }

    /// The item of that number.
    pub(crate) fn item(&self, index: usize) -> FieldPath<'_> {
        FieldPath::Item(self, index)
    }
}

impl fmt::Display for FieldPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top(name) => f.write_str(name),
            Self::Member(above, name) => write!(f, "{above}.{name}"),
            Self::Item(above, index) => write!(f, "{above}[{index}]"),
        }
    }
}

impl From<FieldPath<'_>> for String {
    fn from(place: FieldPath<'_>) -> Self {
        place.to_string()
    }
}
