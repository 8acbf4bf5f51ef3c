//! Notices: request members that were ignored, changed or emulated.

use std::borrow::Cow;
use std::fmt::{Display, Write};

/// The fate of a request member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// It has no effect.
    Ignored,
    /// Its value was moved to the nearest that the model offers.
    Clamped,
    /// It is done here, not by the backend.
    Emulated,
    /// It was reworded or left out where that loses nothing that was asked for.
    Changed,
}

impl NoticeKind {
    /// The kind's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::Clamped => "clamped",
            Self::Emulated => "emulated",
            Self::Changed => "changed",
        }
    }
}

/// One request member that was not simply honoured.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// Path of the member.
    pub field: Cow<'static, str>,
    /// Its fate.
    pub kind: NoticeKind,
    /// The reason, or the value that was used in its place.
    pub detail: Cow<'static, str>,
}

impl Notice {
    /// Makes a notice.
    #[must_use]
    pub fn new(
        field: impl Into<Cow<'static, str>>,
        kind: NoticeKind,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.into(), kind, detail: detail.into() }
    }

    /// Makes a notice of a member that has no effect.
    #[must_use]
    pub fn ignored(field: impl Into<Cow<'static, str>>, why: &'static str) -> Self {
        Self::new(field, NoticeKind::Ignored, why)
    }
}

/// Reports unknown members; `path` is that of their object.
pub(crate) fn unknown(
    notices: &mut Vec<Notice>,
    path: &(impl Display + ?Sized),
    names: &[Cow<'_, str>],
    why: &'static str,
) {
    if names.is_empty() {
        return;
    }
    let path = path.to_string();
    let field = |name: &Cow<'_, str>| match path.as_str() {
        "" => name.clone().into_owned(),
        path => format!("{path}.{name}"),
    };
    notices.extend(names.iter().map(|name| Notice::ignored(field(name), why)));
}

/// The most notices that one header names.
const MAX_NOTICES: usize = 32;

/// The most characters of a field's path in a header.
const MAX_FIELD_CHARS: usize = 64;

/// Words notices for a header: `field=kind` pairs, then `;` and the number that is left out, if any.
///
/// A field's name comes from the client, so it is cut and reduced to harmless characters.
#[must_use]
pub fn header(notices: &[Notice]) -> String {
    let mut out = String::new();
    for notice in notices.iter().take(MAX_NOTICES) {
        if !out.is_empty() {
            out.push_str(", ");
        }
        out.extend(notice.field.chars().take(MAX_FIELD_CHARS).map(harmless));
        // Writing to a string cannot fail.
        let _ = write!(out, "={}", notice.kind.as_str());
    }
    if let Some(more) = notices.len().checked_sub(MAX_NOTICES).filter(|more| *more > 0) {
        let _ = write!(out, "; {more} more");
    }
    out
}

fn harmless(c: char) -> char {
    if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']') { c } else { '?' }
}

#[cfg(test)]
mod tests;
