//! Text from outside, made harmless for a log, a terminal or a message.
//!
//! One rule serves all of them: a character that could steer a terminal, end a line, hide text or turn its
//! direction is written as an escape such as `\u{1b}`, and a text that is too long is cut, with an ellipsis.
//! Dropping such characters, which looks neater, would let two different texts look the same and hide
//! that someone tried. Quotes and backslashes stay as they are, so that JSON and Windows paths can
//! be read; the price is that an escape cannot be distinguished from a text that spells one out.
//! Combining marks stay, too: names in many scripts, and file names of some systems, consist of them.

/// The longest value that is shown, in bytes, before the ellipsis.
const MAX_BYTES: usize = 256;

/// Returns a value on one line, without anything that acts on a terminal, cut to 256 bytes.
#[must_use]
pub fn text(text: &str) -> String {
    text_within(text, MAX_BYTES)
}

/// Returns bytes that should be text as [`text`] does; what is not UTF-8 becomes U+FFFD.
#[must_use]
pub fn bytes(bytes: &[u8]) -> String {
    let end = bytes.len().min(MAX_BYTES);
    text(&String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()))
}

/// Returns a text as [`text`] does, cut to `max_bytes` and then followed by an ellipsis.
#[must_use]
pub fn text_within(text: &str, max_bytes: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(max_bytes));
    for c in text.chars() {
        let before = shown.len();
        match c {
            ' '..='~' => shown.push(c),
            // It escapes whatever Unicode does not class as printable, bidirectional controls included. A
            // combining mark is escaped only at the beginning of a text, so another character precedes it.
            _ => shown.extend(String::from_iter(['.', c]).escape_debug().skip(1)),
        }
        if shown.len() > max_bytes {
            shown.truncate(before);
            shown.push('\u{2026}');
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shown_steers_a_terminal_or_ends_a_line() {
        let hostile = "a\u{1b}[2J\r\nb\0\u{7f}\u{85}\u{9b}\u{200b}\u{2028}\u{2029}\u{202e}\u{2060}\
                       \u{2066}\u{200f}\u{61c}\u{feff}c";
        let shown = text(hostile);
        assert!(shown.starts_with("a\\u{1b}[2J\\r\\nb\\0") && shown.ends_with('c'), "{shown}");
        assert!(shown.chars().all(|c| (' '..='~').contains(&c)), "{shown}");
    }

    #[test]
    fn plain_words_stay_as_they_are() {
        let plain = [
            "/v1/models/gpt-5.5",
            "größer \"als\" '1'",
            "日本語",
            "हिन्दी",
            "e\u{301}",
            r"C:\Users\ann",
            "",
        ];
        for plain in plain {
            assert_eq!(text(plain), plain);
        }
    }

    #[test]
    fn long_words_are_cut_at_a_whole_character() {
        assert_eq!(text(&"x".repeat(256)).len(), 256);
        for long in ["x".repeat(300), "\u{1b}".repeat(300), "é".repeat(300), "\u{1f600}".repeat(99)]
        {
            let shown = text(&long);
            assert!(shown.len() <= 256 + 3 && shown.ends_with('\u{2026}'), "{shown}");
        }
        assert!(bytes(&[0xff; 1000]).len() <= 259);
    }
}
