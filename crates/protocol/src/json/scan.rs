//! Splitting of lists and objects into the texts of their elements, which are skipped and not
//! parsed.
//!
//! Nothing is checked, since every text comes from JSON that was parsed before. Other texts yield
//! some parts or none, but no error and no endless loop.

use std::iter;

/// Iterates over the items of a list; yields none where the text is not a list.
pub fn items(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list.trim_ascii_start().strip_prefix('[').unwrap_or_default();
    iter::from_fn(move || {
        let (item, after) = split_value(skip_separator(rest, ','))?;
        rest = after;
        Some(item)
    })
}

/// Iterates over the names, with their escapes kept, and the values of an object; yields none where
/// the text is not an object.
pub fn members(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = object.trim_ascii_start().strip_prefix('{').unwrap_or_default();
    iter::from_fn(move || {
        let (name, after) = split_value(skip_separator(rest, ','))?;
        let (member, after) = split_value(skip_separator(after, ':'))?;
        rest = after;
        Some((name.strip_prefix('"')?.strip_suffix('"')?, member))
    })
}

/// Skips white space and a separator, if there is one.
fn skip_separator(text: &str, separator: char) -> &str {
    let text = text.trim_ascii_start();
    text.strip_prefix(separator).unwrap_or(text).trim_ascii_start()
}

/// Splits off the value at the beginning of a text; `None` at the end of a list or an object.
fn split_value(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let end = match bytes.first()? {
        b'"' => end_of_string(bytes, 1),
        b'[' | b'{' => end_of_nested(bytes),
        _ => bytes.iter().position(|byte| b",]} \t\n\r".contains(byte)).unwrap_or(bytes.len()),
    };
    text.split_at_checked(end).filter(|_| end > 0)
}

/// The position after the list or object that begins `bytes`.
fn end_of_nested(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth == 1 => return at,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    at
}

/// The position after the string whose opening quote is before `at`.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
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
