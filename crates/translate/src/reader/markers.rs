//! Citation markers: what the model writes for the backend's own renderer, taken out of text.
//!
//! Models that search write their sources into the text, between code points of Unicode's private
//! range: U+E200 opens a group, U+E202 divides it, U+E201 closes it, U+E203 and U+E204 surround the
//! words that a source supports, and U+E206 stands for several. The backend mostly turns them into
//! annotations, but not always, and no client can show them. A delta may end within a marker, so the
//! text after an opening code point waits until it is decided.

use std::ops::RangeInclusive;

use crate::delta::Piece;

/// The code points of markers.
const CODE_POINTS: RangeInclusive<char> = '\u{e200}'..='\u{e206}';
const OPEN: char = '\u{e200}';
const CLOSE: char = '\u{e201}';
const DIVIDE: char = '\u{e202}';

/// The first byte of every marker's code point in UTF-8.
const FIRST_BYTE: u8 = 0xee;

/// The most bytes that wait for the end of a marker; real ones have some dozens, lists a few hundred.
const MAX_HELD: usize = 2048;

/// Takes markers out of the text of one message.
#[derive(Debug, Default)]
pub(super) struct Markers {
    /// The marker that has begun.
    open: Option<Open>,
    /// Characters so far, markers among them.
    seen: u64,
    /// The characters that were taken out: where they began, and their number.
    cuts: Vec<(u64, u64)>,
}

/// A marker that has begun.
#[derive(Debug)]
struct Open {
    /// True after the code point that opens a group; one source alone has none.
    group: bool,
    /// The characters after the first code point.
    held: String,
    /// The first code point's place.
    start: u64,
}

impl Markers {
    /// Returns the text without markers; `scratch` holds it where it had some.
    pub(super) fn strip<'p>(&mut self, piece: Piece<'p>, scratch: &'p mut String) -> Piece<'p> {
        let text = piece.text();
        if self.open.is_none() && memchr::memchr(FIRST_BYTE, text.as_bytes()).is_none() {
            self.seen += text.chars().count() as u64;
            return piece;
        }
        scratch.clear();
        for c in text.chars() {
            self.take(c, scratch);
            self.seen += 1;
        }
        Piece::from(scratch.as_str())
    }

    /// Returns what is left of a marker that the end of the text broke off.
    pub(super) fn finish(&mut self) -> String {
        let mut out = String::new();
        if let Some(open) = self.open.take() {
            self.resolve(&open, &mut out);
        }
        out
    }

    /// Returns the place in the text without markers of a place in the text with them.
    pub(super) fn place(&self, place: u64) -> u64 {
        let before = |(at, count): &(u64, u64)| place.saturating_sub(*at).min(*count);
        place - self.cuts.iter().map(before).sum::<u64>()
    }

    fn take(&mut self, c: char, out: &mut String) {
        let Some(mut open) = self.open.take() else { return self.outside(c, out) };
        let goes_on = if open.group {
            !matches!(c, CLOSE | '\n') && open.held.len() < MAX_HELD
        } else {
            open.held.push(c);
            let source = source(&open.held).is_some();
            open.held.pop();
            source
        };
        if goes_on {
            open.held.push(c);
            self.open = Some(open);
        } else if open.group && c == CLOSE {
            let start = out.len();
            out.push_str(&visible(&open.held));
            self.cut(&open, 1, out.get(start..).unwrap_or_default());
        } else {
            self.resolve(&open, out);
            self.outside(c, out);
        }
    }

    fn outside(&mut self, c: char, out: &mut String) {
        if matches!(c, OPEN | DIVIDE) {
            self.open = Some(Open { group: c == OPEN, held: String::new(), start: self.seen });
        } else if CODE_POINTS.contains(&c) {
            self.cuts.push((self.seen, 1));
        } else {
            out.push(c);
        }
    }

    /// Writes what a marker without its end holds, if that is words.
    fn resolve(&mut self, open: &Open, out: &mut String) {
        let marker = match open.group {
            true => begins_group(&open.held),
            false => source(&open.held) == Some(true),
        };
        let start = out.len();
        if !marker {
            out.extend(open.held.chars().filter(|c| !CODE_POINTS.contains(c)));
        }
        self.cut(open, 0, out.get(start..).unwrap_or_default());
    }

    /// Notes that `kept` is all that is left of a marker, which had so many code points `after` what is held.
    fn cut(&mut self, open: &Open, after: u64, kept: &str) {
        let whole = 1 + open.held.chars().count() as u64 + after;
        self.cuts.push((open.start, whole.saturating_sub(kept.chars().count() as u64)));
    }
}

/// The words of a group that are for the reader: those of a name or a link, and none of sources.
fn visible(group: &str) -> String {
    let mut parts = group.split(DIVIDE);
    let words = match (parts.next().unwrap_or_default(), parts.next()) {
        ("url", Some(words)) => Some(words.to_owned()),
        ("entity", Some(list)) => {
            let list: Vec<String> = serde_json::from_str(list).unwrap_or_default();
            list.into_iter().take(2).next_back()
        }
        _ => None,
    };
    words.unwrap_or_default().chars().filter(|c| !CODE_POINTS.contains(c)).collect()
}

/// Returns whether a group that was broken off begins as those of sources do.
fn begins_group(held: &str) -> bool {
    match held.split_once(DIVIDE) {
        Some((kind, _)) => kind.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
        None => ["cite", "filecite"].iter().any(|kind| kind.starts_with(held)),
    }
}

/// Whether a text is the name of a source, as `turn0search12` is: `Some(false)` where it may become one.
fn source(text: &str) -> Option<bool> {
    const TURN: &str = "turn";
    let Some(rest) = text.strip_prefix(TURN) else {
        return TURN.starts_with(text).then_some(false);
    };
    let kind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = kind.trim_start_matches(|c: char| c.is_ascii_lowercase());
    if (kind.len() == rest.len() && !kind.is_empty())
        || (number.len() == kind.len() && !kind.is_empty())
    {
        return None;
    }
    number.chars().all(|c| c.is_ascii_digit()).then_some(!number.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strips a text that comes in pieces of so many characters.
    fn stripped(text: &str, step: usize) -> (String, Markers) {
        let (mut markers, mut out) = (Markers::default(), String::new());
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(step) {
            let piece: String = piece.iter().collect();
            out.push_str(markers.strip(piece.as_str().into(), &mut String::new()).text());
        }
        out.push_str(&markers.finish());
        (out, markers)
    }

    #[test]
    fn markers_are_taken_out_wherever_the_text_is_cut() {
        for (text, expected) in [
            ("no marker", "no marker"),
            ("Rain.\u{e200}cite\u{e202}turn0search0\u{e201}", "Rain."),
            ("a\u{e200}cite\u{e202}turn0search0\u{e202}turn1view2\u{e201}b", "ab"),
            ("a\u{e200}filecite\u{e202}turn0file1\u{e202}L1-L2\u{e201} b", "a b"),
            ("a\u{e202}turn0search0.", "a."),
            ("a\u{e202}turn0search0\u{e202}turn0news12 b", "a b"),
            ("\u{e203}Cited words.\u{e204}\u{e206} More.", "Cited words. More."),
            ("a\u{e202}b\u{e203}c", "abc"),
            ("\u{e200}entity\u{e202}[\"film\",\"Metropolis\",\"1927\"]\u{e201}!", "Metropolis!"),
            (
                "See \u{e200}url\u{e202}the page\u{e202}https://example.org\u{e201}.",
                "See the page.",
            ),
            ("cut\u{e200}cite\u{e202}turn0se", "cut"),
            ("cut\u{e200}ci", "cut"),
            ("cut\u{e200}", "cut"),
            ("line\u{e200}cite\u{e202}turn0search0\nnext", "line\nnext"),
            ("an icon \u{e200} and words\nnext", "an icon  and words\nnext"),
            ("\u{ef}\u{bb} \u{e0a0} \u{f8ff}", "\u{ef}\u{bb} \u{e0a0} \u{f8ff}"),
        ] {
            for step in [1, 2, 3, 5, 7, 100] {
                assert_eq!(stripped(text, step).0, expected, "{text:?} in steps of {step}");
            }
        }
    }

    #[test]
    fn a_marker_that_never_ends_holds_back_no_more_than_its_bound() {
        let words = "a word ".repeat(1000);
        let (mut markers, mut scratch) = (Markers::default(), String::new());
        let text = format!("\u{e200}{words}");
        let out = markers.strip(text.as_str().into(), &mut scratch).text();
        assert_eq!(out, words);
    }

    #[test]
    fn places_after_a_marker_move_to_the_front() {
        let text = "ab\u{e200}cite\u{e202}turn0search0\u{e201}cd\u{e203}e\u{e204}";
        for step in [1, 4, 100] {
            let (_, markers) = stripped(text, step);
            let places = [0, 2, 10, 21, 23, 24, 25].map(|place| markers.place(place));
            assert_eq!(places, [0, 2, 2, 2, 4, 4, 5], "in steps of {step}");
        }
    }
}
