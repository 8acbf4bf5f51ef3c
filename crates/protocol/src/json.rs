//! Lossless JSON reading: borrowed text, checked raw values and ordered members.

mod check;
mod raw_object;
#[macro_use]
mod object;
mod raw_str;
mod raw_string;
mod raw_value;
mod scan;
mod text;

use serde::de::Deserialize;
use serde_path_to_error::{Path, Segment};

pub use check::MAX_DEPTH;
pub(crate) use object::object;
pub use raw_object::RawObject;
pub use raw_str::RawStr;
pub use raw_string::RawString;
pub use raw_value::{Present, Raw, raw};
pub use scan::{items, members};
pub use serde_json::value::RawValue;
pub use text::Text;

/// Why a JSON text was not accepted, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Path of the value at fault, such as `messages[2].tool_calls[0].function`; empty at the top.
    pub path: String,
    /// What is wrong, in words for a person.
    pub message: String,
}

/// Reads `body` as UTF-8 JSON; a byte order mark before it is dropped.
///
/// # Errors
/// A [`ReadError`] that names the path of the value which does not fit `T`.
pub fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, ReadError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match std::str::from_utf8(body) {
        Ok(text) => read_text(text),
        Err(error) => {
            let at = error.valid_up_to();
            Err(ReadError {
                path: String::new(),
                message: format!("body is not UTF-8 at byte {at}"),
            })
        }
    }
}

/// Reads a JSON text; see [`read`].
///
/// # Errors
/// A [`ReadError`] that names the path of the value which does not fit `T`.
pub fn read_text<'b, T: Deserialize<'b>>(text: &'b str) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|error| locate::<T>(text, &error))
}

/// Reads once more to learn the path of a fault: only the failing case pays for the tracking.
fn locate<'b, T: Deserialize<'b>>(text: &'b str, error: &serde_json::Error) -> ReadError {
    let mut reader = serde_json::Deserializer::from_str(text);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(tracked) => written(tracked.path()),
        Ok(_) => String::new(),
    };
    ReadError { path, message: error.to_string() }
}

/// A path as far as it is known: where a name could not be read, it ends before it.
fn written(path: &Path) -> String {
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
