//! The number of values in a JSON text, counted before anything is made of them.
//!
//! A limit in bytes says little about memory: `{},` has three bytes, and becomes a message of several hundred.
//! So the values are counted first, in a pass that allocates nothing. A limit inside each list's own
//! deserializer was the alternative; it would have to be repeated in every type that has a list, and a new
//! list without one would not be noticed.

use super::ReadError;

/// The most elements that all arrays of a text may have together. The longest conversations known have some
/// ten thousand.
pub const MAX_ELEMENTS: usize = 100_000;

/// The most members that all objects of a text may have together.
pub const MAX_MEMBERS: usize = 500_000;

/// The fewest bytes in which a text can exceed a limit: an element and its comma. Most requests are shorter
/// and are not counted at all.
const SHORTEST: usize = 2 * MAX_ELEMENTS;

/// The number of values in a JSON text.
///
/// In text that is not well-formed JSON the counts mean nothing, but counting ends all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The elements of all arrays together.
    pub elements: usize,
    /// The members of all objects together.
    pub members: usize,
}

impl Extent {
    /// Counts the values of a text.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let mut counter = Counter::new(text);
        while counter.advance() {}
        counter.extent()
    }

    fn exceeds(self) -> Option<(usize, &'static str)> {
        if self.elements > MAX_ELEMENTS {
            return Some((MAX_ELEMENTS, "elements in its arrays"));
        }
        (self.members > MAX_MEMBERS).then_some((MAX_MEMBERS, "members in its objects"))
    }
}

/// Refuses a text with too many values.
///
/// # Errors
/// A [`ReadError`] whose path is the top-level member in which a limit was exceeded.
pub(super) fn check(text: &str) -> Result<(), ReadError> {
    if text.len() < SHORTEST {
        return Ok(());
    }
    let mut counter = Counter::new(text.as_bytes());
    while counter.advance() {
        if let Some((limit, of)) = counter.extent().exceeds() {
            let path = String::from_utf8_lossy(counter.member).into_owned();
            return Err(ReadError {
                path,
                message: format!("a request may have {limit} {of} at most"),
            });
        }
    }
    Ok(())
}

/// A pass over a text, from one comma to the next.
struct Counter<'t> {
    text: &'t [u8],
    at: usize,
    depth: usize,
    commas: usize,
    colons: usize,
    /// Arrays and objects that are not empty: each has one value more than commas.
    filled: usize,
    /// The inside of the string that was read last.
    string: &'t [u8],
    /// The name of the top-level member that is being read.
    member: &'t [u8],
}

impl<'t> Counter<'t> {
    fn new(text: &'t [u8]) -> Self {
        let (string, member): (&[u8], &[u8]) = (b"", b"");
        Self { text, at: 0, depth: 0, commas: 0, colons: 0, filled: 0, string, member }
    }

    /// Every value but the outermost follows a comma or begins an array or object, and those of objects
    /// follow a colon, too.
    fn extent(&self) -> Extent {
        let values = self.commas + self.filled;
        Extent { elements: values.saturating_sub(self.colons), members: self.colons }
    }

    /// Reads on past the next comma; returns whether there was one.
    fn advance(&mut self) -> bool {
        let bytes = self.text;
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => self.skip_string(),
                b',' => {
                    self.commas += 1;
                    return true;
                }
                b':' => {
                    self.colons += 1;
                    if self.depth == 1 {
                        self.member = self.string;
                    }
                }
                b'{' | b'[' => {
                    self.depth += 1;
                    let rest = bytes.get(self.at..).unwrap_or_default().trim_ascii_start();
                    self.filled += usize::from(!matches!(rest.first(), Some(b'}' | b']')));
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        false
    }

    fn skip_string(&mut self) {
        let start = self.at;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(step) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return;
            };
            self.at += step + 1;
            if rest.get(step) == Some(&b'"') {
                self.string = self.text.get(start..self.at - 1).unwrap_or_default();
                return;
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(text: &str) -> (usize, usize) {
        let Extent { elements, members } = Extent::of(text.as_bytes());
        (elements, members)
    }

    #[test]
    fn elements_and_members_are_counted_at_every_depth() {
        for (text, expected) in [
            ("", (0, 0)),
            ("1", (0, 0)),
            ("[]", (0, 0)),
            ("[ ]", (0, 0)),
            ("{}", (0, 0)),
            ("[1]", (1, 0)),
            ("[[],[ ],{}]", (3, 0)),
            (r#"{"a":1}"#, (0, 1)),
            (r#"{"a":[1,2],"b":{"c":[{}]}}"#, (3, 3)),
            (r#"["a,b:[{","\",",":"]"#, (3, 0)),
            (r#"{"a\"b":"\\","c":[true,null]}"#, (2, 2)),
        ] {
            assert_eq!(extent(text), expected, "{text}");
        }
    }

    #[test]
    fn text_that_is_not_json_is_counted_to_its_end() {
        for text in ["\"", "\"\\", "]]]}", "{{{", ":::,", "\"é\\", "[\"\\"] {
            let _ = extent(text);
        }
    }

    #[test]
    fn too_many_elements_are_refused_under_the_member_that_has_them() {
        let list = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        let body = |count| format!(r#"{{"model":"m","x":{{"y":[1]}},"stop":{}}}"#, list(count));
        assert_eq!(check(&body(MAX_ELEMENTS - 1)), Ok(()));
        let error = check(&body(MAX_ELEMENTS + 1)).unwrap_err();
        assert_eq!((&*error.path, error.message.contains("100000 elements")), ("stop", true));
    }

    #[test]
    fn too_many_members_are_refused() {
        let member = |number: usize| format!("\"{number}\":0");
        let members: Vec<_> = (0..=MAX_MEMBERS).map(member).collect();
        let error = check(&format!("{{\"metadata\":{{{}}}}}", members.join(","))).unwrap_err();
        assert_eq!((&*error.path, error.message.contains("500000 members")), ("metadata", true));
    }
}
