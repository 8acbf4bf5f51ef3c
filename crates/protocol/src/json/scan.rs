//! Lists and objects taken apart: what is inside is passed over, not read.
//!
//! The texts are JSON that has been read before, so nothing is checked. Other texts give some parts
//! or none.

use std::iter;

/// The items of a list; none of what is no list.
pub fn items(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list.trim_ascii_start().strip_prefix('[').unwrap_or_default();
    iter::from_fn(move || {
        let (item, after) = value(past(rest, ','))?;
        rest = after;
        Some(item)
    })
}

/// The names, in the escapes in which they stand, and the values of an object; none of what is no
/// object.
pub fn members(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = object.trim_ascii_start().strip_prefix('{').unwrap_or_default();
    iter::from_fn(move || {
        let (name, after) = value(past(rest, ','))?;
        let (member, after) = value(past(after, ':'))?;
        rest = after;
        Some((name.strip_prefix('"')?.strip_suffix('"')?, member))
    })
}

/// What follows white space and perhaps a separator among it.
fn past(text: &str, separator: char) -> &str {
    let text = text.trim_ascii_start();
    text.strip_prefix(separator).unwrap_or(text).trim_ascii_start()
}

/// The value that a text begins with, and what follows it; `None` at the end of a list or an
/// object.
fn value(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let end = match bytes.first()? {
        b'"' => string(bytes, 1),
        b'[' | b'{' => nested(bytes),
        _ => bytes.iter().position(|byte| b",]} \t\n\r".contains(byte)).unwrap_or(bytes.len()),
    };
    text.split_at_checked(end).filter(|_| end > 0)
}

/// The place after the list or object that begins here.
fn nested(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = string(bytes, at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth == 1 => return at,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    at
}

/// The place after the string whose opening quote stands before `at`.
fn string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(step) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += step + 1;
        if bytes.get(at - 1) == Some(&b'"') {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests;
