//! Words from outside, made fit for a log or a message: escaped and cut.

/// The most of one that is shown, in bytes.
const LONGEST: usize = 256;

/// Shows a text on one line: whatever could steer a terminal, end a line or turn its direction is
/// escaped, and what is too long is cut.
pub(crate) fn shown(text: &str) -> String {
    escaped(text, LONGEST)
}

/// Shows bytes that should be a text.
pub(crate) fn shown_bytes(bytes: &[u8]) -> String {
    let end = bytes.len().min(LONGEST);
    shown(&String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()))
}

/// Shows as much of a text as fits into `longest` bytes, an ellipsis beside them where it is cut.
pub(crate) fn escaped(text: &str, longest: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(longest));
    for c in text.chars() {
        let before = shown.len();
        match c {
            // Quotes are harmless, and escaping them makes JSON hard to read.
            '"' | '\'' => shown.push(c),
            // Everything that has no form of its own to print is written as a number.
            _ => shown.extend(c.escape_debug()),
        }
        if shown.len() > longest {
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
        let hostile =
            "a\u{1b}[2J\r\nb\0\u{7f}\u{85}\u{9b}\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{feff}c";
        let shown = shown(hostile);
        assert!(shown.starts_with("a\\u{1b}[2J\\r\\nb\\0") && shown.ends_with('c'), "{shown}");
        assert!(shown.chars().all(|c| (' '..='~').contains(&c)), "{shown}");
    }

    #[test]
    fn plain_words_stay_as_they_are() {
        for text in ["/v1/models/gpt-5.5", "größer \"als\" '1'", "日本語", ""] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn long_words_are_cut_at_a_whole_character() {
        assert_eq!(shown(&"x".repeat(256)).len(), 256);
        for text in ["x".repeat(300), "\u{1b}".repeat(300), "é".repeat(300), "\u{1f600}".repeat(99)]
        {
            let shown = shown(&text);
            assert!(shown.len() <= 256 + 3 && shown.ends_with('\u{2026}'), "{shown}");
        }
        assert!(shown_bytes(&[0xff; 1000]).len() <= 259);
    }
}
