//! The difference of two texts, as a person reads it before a file is written.

use std::fmt::Write as _;

/// The number of unchanged lines that are shown around a change.
const AROUND: usize = 3;

/// Returns the lines that a change takes out and puts in, with some around them.
pub(crate) fn lines(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| {
        pairs.take_while(|(old, new)| old == new).count()
    };
    let head = same(&mut old.iter().zip(&new));
    let room = old.len().min(new.len()) - head;
    let tail = same(&mut old.iter().rev().zip(new.iter().rev())).min(room);
    let first = head.saturating_sub(AROUND);
    let mut text = String::new();
    let mut put = |mark: char, lines: &[&str]| {
        for line in lines {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{mark} {line}");
        }
    };
    put(' ', &old[first..head]);
    put('-', &old[head..old.len() - tail]);
    put('+', &new[head..new.len() - tail]);
    put(' ', &old[old.len() - tail..(old.len() - tail + AROUND).min(old.len())]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_shown_with_a_few_lines_around() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n";
        let after = "1\n2\n3\n4\nnew\n5\n6\n7\n8\n";
        assert_eq!(lines(before, after), "  2\n  3\n  4\n+ new\n  5\n  6\n  7\n");
        assert_eq!(lines("a\nb\n", "a\nc\n"), "  a\n- b\n+ c\n");
        assert_eq!(lines("", "a\n"), "+ a\n");
        assert_eq!(lines("a\na\n", "a\na\na\n"), "  a\n  a\n+ a\n");
    }
}
