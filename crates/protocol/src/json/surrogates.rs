//! Halves of surrogate pairs in a request's strings, which become U+FFFD.
//!
//! A client that cuts a text between the two code units of an emoji writes `"\ud83d"` alone. The text then sits in the
//! history, so that refusing it would end the conversation for good. The escape of the replacement is as long as the
//! one replaced, so the text is changed in its place and nothing has to be written anew.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

/// The escape that takes the place of a lone half.
const REPLACEMENT: &[u8] = b"\\ufffd";

/// The length of an escape such as `\ud83d`.
const ESCAPE: usize = REPLACEMENT.len();

/// The most paths that are gathered: a header names no more.
const MAX_PATHS: usize = 33;

/// The deepest nesting that is followed; what is nested deeper is refused by every reader.
const MAX_DEPTH: usize = 130;

/// The longest part of a name that a path keeps, in bytes.
const MAX_NAME: usize = 64;

/// Members whose text is compared with other text: a changed one would be another call or another tool.
const EXACT: [&[u8]; 5] = [b"call_id", b"tool_call_id", b"id", b"name", b"tool_name"];

/// Members with data of the client's own, in which no name means anything.
const DATA: [&[u8]; 4] = [b"arguments", b"parameters", b"metadata", b"output"];

/// Lone halves of surrogate pairs in the strings of a JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoneSurrogates {
    /// The positions of their escapes, in order.
    at: Vec<usize>,
    /// Paths of the strings that hold them, such as `messages[2].content`; the first 33 at most.
    pub paths: Vec<String>,
}

impl LoneSurrogates {
    /// Finds the lone halves in a text that is JSON, if there are any.
    ///
    /// Those in the names of members, in the ids of calls and in the names of tools are left alone, so that the text's
    /// reader refuses them. Text that is not JSON gives positions that mean nothing, but no error.
    #[must_use]
    pub fn find(text: &[u8]) -> Option<Self> {
        // Hardly any text has one, and this look costs as much as searching for `\u`.
        if !has_lone(text) {
            return None;
        }
        let mut scan = Scan { text, levels: Vec::new(), found: Self::default() };
        scan.run();
        (!scan.found.at.is_empty()).then_some(scan.found)
    }

    /// Replaces what was found, in the text in which it was found.
    pub fn replace(&self, text: &mut [u8]) {
        for at in &self.at {
            if let Some(escape) = text.get_mut(*at..at + ESCAPE) {
                escape.copy_from_slice(REPLACEMENT);
            }
        }
    }
}

/// Returns whether a text has an escape of one half without the other, whether or not that is inside a string.
fn has_lone(text: &[u8]) -> bool {
    let mut paired_to = 0;
    memmem::find_iter(text, b"\\u").any(|at| {
        let before = text.get(..at).unwrap_or_default();
        let escaped = before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
        if escaped || at < paired_to {
            return false;
        }
        match half(text, at) {
            Some(Half::Leading) if half(text, at + ESCAPE) == Some(Half::Trailing) => {
                paired_to = at + 2 * ESCAPE;
                false
            }
            other => other.is_some(),
        }
    })
}

/// One half of a surrogate pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Leading,
    Trailing,
}

/// Reads the escape at a position, where it is of one half.
fn half(text: &[u8], at: usize) -> Option<Half> {
    let digits = text.get(at..at + ESCAPE)?.strip_prefix(b"\\u")?;
    match u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()? {
        0xD800..=0xDBFF => Some(Half::Leading),
        0xDC00..=0xDFFF => Some(Half::Trailing),
        _ => None,
    }
}

/// An array or object that is being read.
enum Level {
    /// The index of the element.
    Array(usize),
    /// The name of the member, once it has been read, and whether its value is due.
    Object { name: Range<usize>, value: bool },
}

/// A pass over a text that knows where in it each string is.
struct Scan<'t> {
    text: &'t [u8],
    levels: Vec<Level>,
    found: LoneSurrogates,
}

impl Scan<'_> {
    fn run(&mut self) {
        let mut at = 0;
        while let Some(byte) = self.text.get(at) {
            at += 1;
            match (byte, self.levels.last_mut()) {
                (b'"', _) => at = self.string(at),
                (b'[', _) => self.levels.push(Level::Array(0)),
                (b'{', _) => self.levels.push(Level::Object { name: 0..0, value: false }),
                (b']' | b'}', _) => drop(self.levels.pop()),
                (b':', Some(Level::Object { value, .. })) => *value = true,
                (b',', Some(Level::Object { value, .. })) => *value = false,
                (b',', Some(Level::Array(index))) => *index += 1,
                _ => {}
            }
            if self.levels.len() > MAX_DEPTH {
                return;
            }
        }
    }

    /// Reads the string that begins at `start`; returns the position after its closing quote.
    fn string(&mut self, start: usize) -> usize {
        let (mut at, before) = (start, self.found.at.len());
        let end = loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let Some(step) = memchr::memchr2(b'"', b'\\', rest) else { break self.text.len() };
            at += step;
            if self.text.get(at) == Some(&b'"') {
                break at;
            }
            at += match half(self.text, at) {
                Some(Half::Leading) if half(self.text, at + ESCAPE) == Some(Half::Trailing) => {
                    2 * ESCAPE
                }
                Some(_) => {
                    self.found.at.push(at);
                    ESCAPE
                }
                None => 2,
            };
        };
        if let Some(Level::Object { name, value: false }) = self.levels.last_mut() {
            *name = start..end;
            self.found.at.truncate(before);
        } else if self.found.at.len() > before {
            self.note(before);
        }
        end + 1
    }

    /// Keeps what was found in a string, unless the string has to stay as it is.
    fn note(&mut self, before: usize) {
        if self.is_exact() {
            self.found.at.truncate(before);
        } else if self.found.paths.len() < MAX_PATHS {
            self.found.paths.push(self.path());
        }
    }

    /// Returns whether the string is the id of a call or the name of a tool.
    fn is_exact(&self) -> bool {
        let mut names = self.names();
        let Some((_, name)) = names.next_back() else { return false };
        let of_member = matches!(self.levels.last(), Some(Level::Object { .. }));
        // At the top, `format` is Ollama's word for a schema.
        let is_data = |(depth, name): (usize, &[u8])| {
            DATA.contains(&name) || (depth == 0 && name == b"format")
        };
        of_member && EXACT.contains(&name) && !names.any(is_data)
    }

    /// The names of the members that lead to a value, with their depth.
    fn names(&self) -> impl DoubleEndedIterator<Item = (usize, &[u8])> {
        self.levels.iter().enumerate().filter_map(|(depth, level)| match level {
            Level::Object { name, .. } => Some((depth, self.text.get(name.clone())?)),
            Level::Array(_) => None,
        })
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for level in &self.levels {
            match level {
                Level::Array(index) => path.push_str(&format!("[{index}]")),
                Level::Object { name, .. } => {
                    let name = self.text.get(name.clone()).unwrap_or_default();
                    let name: Cow<'_, str> =
                        String::from_utf8_lossy(name.get(..MAX_NAME).unwrap_or(name));
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&name);
                }
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with its lone halves replaced, and the paths.
    fn mended(text: &str) -> (String, Vec<String>) {
        let mut bytes = text.as_bytes().to_vec();
        let found = LoneSurrogates::find(&bytes).unwrap_or_default();
        found.replace(&mut bytes);
        (String::from_utf8(bytes).unwrap(), found.paths)
    }

    #[test]
    fn a_lone_half_becomes_the_replacement_and_its_place_is_named() {
        for (text, after, path) in [
            (r#"{"a":"\ud83d"}"#, r#"{"a":"\ufffd"}"#, "a"),
            (r#"{"a":"\uDE00x"}"#, r#"{"a":"\ufffdx"}"#, "a"),
            (
                r#"{"a":["b",{"c":"x\ud83d\u0041"}]}"#,
                r#"{"a":["b",{"c":"x\ufffd\u0041"}]}"#,
                "a[1].c",
            ),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, r#"{"a":"\ufffd\ud83d\ude00"}"#, "a"),
            (r#"{"a":"\\\ud83d"}"#, r#"{"a":"\\\ufffd"}"#, "a"),
            (r#"{"a":{"b":1},"c":"\ud83d\udbff"}"#, r#"{"a":{"b":1},"c":"\ufffd\ufffd"}"#, "c"),
            (r#"["\ud83d"]"#, r#"["\ufffd"]"#, "[0]"),
            (r#""\ud83d""#, r#""\ufffd""#, ""),
        ] {
            assert_eq!(mended(text), (after.to_owned(), vec![path.to_owned()]), "{text}");
        }
    }

    #[test]
    fn pairs_and_texts_about_escapes_stay_as_they_are() {
        for text in [
            r#"{"a":"\ud83d\ude00"}"#,
            r#"{"a":"\\ud83d"}"#,
            r#"{"a":"\\\\ud83d\u00e9"}"#,
            r#"{"a":"\ud83d\ude00\ud83d\ude00"}"#,
            "{}",
            "",
        ] {
            assert_eq!(LoneSurrogates::find(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn names_and_ids_of_calls_stay_for_the_reader_to_refuse() {
        for text in [
            r#"{"a\ud83d":1}"#,
            r#"{"input":[{"type":"function_call","call_id":"\ud83d"}]}"#,
            r#"{"messages":[{"tool_call_id":"\ud83d"}]}"#,
            r#"{"messages":[{"tool_calls":[{"id":"\ud83d","function":{"name":"f\ud83d"}}]}]}"#,
            r#"{"tools":[{"function":{"name":"\ud83d"}}],"tool_choice":{"name":"\ud83d"}}"#,
            r#"{"messages":[{"tool_name":"\ud83d"}]}"#,
        ] {
            assert_eq!(LoneSurrogates::find(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn names_in_data_of_the_client_are_text_like_any_other() {
        for text in [
            r#"{"messages":[{"tool_calls":[{"function":{"arguments":{"name":"\ud83d"}}}]}]}"#,
            r#"{"tools":[{"parameters":{"default":{"id":"\ud83d"}}}]}"#,
            r#"{"format":{"default":{"id":"\ud83d"}}}"#,
            r#"{"metadata":{"name":"\ud83d"}}"#,
        ] {
            assert_eq!(mended(text).1.len(), 1, "{text}");
        }
    }

    #[test]
    fn every_half_is_replaced_and_so_many_paths_are_kept_as_are_named() {
        let text = format!("[{}\"\\ud800\"]", r#""\ud800","#.repeat(99));
        let (after, paths) = mended(&text);
        assert_eq!(after.matches("\\ufffd").count(), 100);
        assert_eq!((paths.len(), &*paths[32]), (MAX_PATHS, "[32]"));
    }

    #[test]
    fn text_that_is_not_json_is_read_to_its_end() {
        for text in
            ["\"\\ud800", "]]}\"\\ud800\"", "\\ud800", "{\"\\ud800\\", "\"\\ud8", ":,\"\\udc00\""]
        {
            let mut bytes = text.as_bytes().to_vec();
            LoneSurrogates::find(&bytes).unwrap_or_default().replace(&mut bytes);
            assert_eq!(bytes.len(), text.len(), "{text}");
        }
        let deep = format!("{}\"\\ud800\"", "[".repeat(100_000));
        assert_eq!(LoneSurrogates::find(deep.as_bytes()), None);
    }
}
