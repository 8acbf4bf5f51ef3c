//! Lossless JSON: borrowed text, checked raw values and objects whose members keep their order.
//!
//! Most of what passes through this program is only forwarded, and has to arrive as it was sent.
//! Reading into maps and writing again would not do that: `serde_json::Value` and
//! `#[serde(flatten)]` reorder members, turn `1E2` into `100.0` and large integers into floats,
//! rewrite escapes and drop duplicate names. So an object is read once into pairs of name and raw
//! text ([`RawObject`]), typed views read what they need from it, and the rest is copied. The price
//! is hand-written code for what serde_json does not check inside raw text: depth, lone surrogates
//! and the range of numbers.

mod check;
mod extent;
mod raw_object;
#[macro_use]
mod object;
mod raw_str;
mod raw_string;
mod raw_value;
mod scan;
mod surrogates;
mod text;

use serde::de::Deserialize;
use serde_path_to_error::{Path, Segment};

pub use extent::{Extent, MAX_ELEMENTS, MAX_MEMBERS};
pub(crate) use object::object;
pub use raw_object::RawObject;
pub use raw_str::RawStr;
pub use raw_string::RawString;
pub use raw_value::{Present, Raw, raw};
pub use scan::{items, members};
pub use serde_json::value::RawValue;
pub use surrogates::LoneSurrogates;
pub use text::Text;

/// Why a JSON text was not accepted, and at which value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Path of the value, such as `messages[2].tool_calls[0].function`; empty at the top.
    pub path: String,
    /// The problem, in words for a person.
    pub message: String,
}

/// Parses `body` as UTF-8 JSON; a byte order mark before it is dropped.
///
/// A body may hold [`MAX_ELEMENTS`] elements of arrays and [`MAX_MEMBERS`] members of objects.
///
/// # Errors
/// A [`ReadError`] with the path of the value that does not fit `T`, or of the top-level member that
/// holds too many.
pub fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, ReadError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match std::str::from_utf8(body) {
        Ok(text) => extent::check(text).and_then(|()| read_text(text)),
        Err(error) => {
            let at = error.valid_up_to();
            Err(ReadError {
                path: String::new(),
                message: format!("body is not UTF-8 at byte {at}"),
            })
        }
    }
}

/// Parses a JSON text; see [`read`].
///
/// # Errors
/// A [`ReadError`] with the path of the value that does not fit `T`.
pub fn read_text<'b, T: Deserialize<'b>>(text: &'b str) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|error| locate::<T>(text, &error))
}

/// Parses once more to find the path of an error, so that only the failing case pays for tracking
/// it.
fn locate<'b, T: Deserialize<'b>>(text: &'b str, error: &serde_json::Error) -> ReadError {
    let mut reader = serde_json::Deserializer::from_str(text);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(tracked) => path_text(tracked.path()),
        Ok(_) => String::new(),
    };
    ReadError { path, message: error.to_string() }
}

/// Formats a path. It ends before the first step whose name could not be parsed.
fn path_text(path: &Path) -> String {
    path.iter().map_while(segment).fold(String::new(), |path, segment| match segment {
        Step::Index(index) => format!("{path}[{index}]"),
        Step::Name(name) if path.is_empty() => name.to_owned(),
        Step::Name(name) => format!("{path}.{name}"),
    })
}

/// One step of a path.
enum Step<'p> {
    Index(usize),
    Name(&'p str),
}

/// Converts a step; `None` where its name could not be parsed.
fn segment(segment: &Segment) -> Option<Step<'_>> {
    match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Name(key)),
        Segment::Enum { variant } => Some(Step::Name(variant)),
        Segment::Unknown => None,
    }
}

#[cfg(test)]
mod tests;
