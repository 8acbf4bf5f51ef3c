//! Ids and tool names within the backend's limits: shortened the same way everywhere.

use std::borrow::Cow;
use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The longest id or tool name that the backend takes, in characters.
pub(crate) const MAX_CHARS: usize = 64;

/// A name that went out in another form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortenedName {
    /// The name that went out.
    pub short: String,
    /// The client's name.
    pub original: String,
}

/// Gives what the client called `name`, if it went out in another form.
pub(crate) fn original<'a>(shortened: &'a [ShortenedName], name: &'a str) -> &'a str {
    shortened.iter().find(|r| r.short == name).map_or(name, |r| &r.original)
}

/// Shortens a call id over the limit, the same way in call and result.
pub(crate) fn call_id<'b>(id: Cow<'b, str>, shortened: &mut Vec<ShortenedName>) -> Cow<'b, str> {
    if id.chars().count() <= MAX_CHARS {
        return id;
    }
    let short = format!("call_{}", hex(&id, 20));
    record(shortened, &short, id)
}

/// The id of a call whose own id was used `uses` times before it.
pub(crate) fn later_call_id(id: &str, uses: usize) -> String {
    format!("call_{}", hex(&format!("{id}\n{uses}"), 20))
}

/// An id for an item that has none, the same each time.
pub(crate) fn made_id(prefix: &str, response: &str, output_index: usize) -> String {
    format!("{prefix}_{}", hex(&format!("{response}/output/{output_index}"), 24))
}

/// Returns whether the backend takes a tool's name as it is.
pub(crate) fn fits(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    name.len() <= MAX_CHARS && !name.is_empty() && name.bytes().all(fits)
}

/// Fits a tool's name: letters, digits, `_` and `-`, within the limit.
pub(crate) fn tool_name<'b>(
    name: Cow<'b, str>,
    shortened: &mut Vec<ShortenedName>,
) -> Cow<'b, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.len() <= MAX_CHARS && name.chars().all(fits) {
        return name;
    }
    let head: String = name.chars().take(47).map(|c| if fits(c) { c } else { '_' }).collect();
    let short = format!("{head}_{}", hex(&name, 8));
    record(shortened, &short, name)
}

fn record<'b>(
    shortened: &mut Vec<ShortenedName>,
    short: &str,
    original: Cow<'b, str>,
) -> Cow<'b, str> {
    if !shortened.iter().any(|r| r.short == short) {
        shortened.push(ShortenedName { short: short.to_owned(), original: original.into_owned() });
    }
    Cow::Owned(short.to_owned())
}

/// The first `bytes` bytes of the SHA-256 of `text`, in hexadecimal.
fn hex(text: &str, bytes: usize) -> String {
    Sha256::digest(text.as_bytes()).iter().take(bytes).fold(String::new(), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
