//! Text broken into lines for a terminal.

/// The width that is assumed where there is no terminal to ask.
pub const USUAL_WIDTH: usize = 80;

/// Breaks a text at blanks so that no line is longer than `width` characters; lines after the first begin with
/// `indent` blanks.
///
/// A word that is longer than a line, such as an address, keeps a line of its own: cut in two it could not be copied.
/// `used` is the number of characters before the text on its first line.
#[must_use]
pub fn hanging(text: &str, (used, indent): (usize, usize), width: usize) -> String {
    let mut wrapped = String::with_capacity(text.len());
    let (mut column, mut is_first) = (used, true);
    for word in text.split(' ') {
        let length = word.chars().count();
        if is_first {
            is_first = false;
        } else if column + 1 + length > width && column > indent {
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_blanks_and_hang() {
        let text = hanging("one two three four", (4, 4), 12);
        assert_eq!(text, "one two\n    three\n    four");
    }

    #[test]
    fn a_long_word_is_not_cut() {
        let text = hanging("see http://127.0.0.1:8000/v1 now", (0, 2), 10);
        assert_eq!(text, "see\n  http://127.0.0.1:8000/v1\n  now");
    }

    #[test]
    fn blanks_within_a_line_stay() {
        assert_eq!(hanging("a  b", (0, 0), 80), "a  b");
    }
}
