//! The texts in a Rust source: its string literals, and the doc comments that become help.

use std::iter::Peekable;
use std::str::CharIndices;

/// A text in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The line where it begins, from 1 on.
    pub line: usize,
    /// The text, with its escapes as they are written, but without the line breaks that a backslash hides.
    pub text: String,
}

/// Returns the string literals of a source, up to its unit tests.
///
/// This is a scanner of tokens and not a parser: a literal in a test helper under `#[cfg(test)]` before the
/// unit tests is returned as well. That errs on the strict side.
#[must_use]
pub fn literals(source: &str) -> Vec<Text> {
    let source = before_tests(source);
    let mut scanner = Scanner { source, chars: source.char_indices().peekable() };
    std::iter::from_fn(|| scanner.next_literal()).collect()
}

/// Returns the blocks of doc comments of a source, up to its unit tests; clap shows those of flags as help.
#[must_use]
pub fn doc_comments(source: &str) -> Vec<Text> {
    let mut blocks: Vec<Text> = Vec::new();
    let mut last = 0;
    for (line, text) in (1..).zip(before_tests(source).lines()) {
        let Some(text) = text.trim_start().strip_prefix("///") else { continue };
        match blocks.last_mut() {
            Some(block) if last + 1 == line => {
                block.text.push(if text.is_empty() { '\n' } else { ' ' });
                block.text.push_str(text.trim());
            }
            _ => blocks.push(Text { line, text: text.trim().to_owned() }),
        }
        last = line;
    }
    blocks
}

/// Returns the part of a source before its unit tests.
#[must_use]
pub fn before_tests(source: &str) -> &str {
    source.split_once("\n#[cfg(test)]\nmod ").map_or(source, |(before, _)| before)
}

struct Scanner<'s> {
    source: &'s str,
    chars: Peekable<CharIndices<'s>>,
}

impl Scanner<'_> {
    fn next_literal(&mut self) -> Option<Text> {
        while let Some((at, c)) = self.chars.next() {
            match c {
                '/' if self.follows('/') => self.skip_line(),
                '\'' => self.skip_char_or_lifetime(),
                'r' if !self.is_inside_word(at) => {
                    if let Some(text) = self.raw_string(at) {
                        return Some(self.text(at, text));
                    }
                }
                '"' => {
                    let text = self.string();
                    return Some(self.text(at, text));
                }
                _ => {}
            }
        }
        None
    }

    fn text(&self, at: usize, text: String) -> Text {
        Text { line: 1 + self.source[..at].matches('\n').count(), text }
    }

    fn follows(&mut self, wanted: char) -> bool {
        self.chars.peek().is_some_and(|(_, c)| *c == wanted)
    }

    fn is_inside_word(&self, at: usize) -> bool {
        let before = self.source[..at].chars().next_back();
        // Also a byte string, `br"…"`, begins here.
        before.is_some_and(|c| (c.is_alphanumeric() || c == '_') && c != 'b')
    }

    fn skip_line(&mut self) {
        while self.chars.next_if(|(_, c)| *c != '\n').is_some() {}
    }

    /// Skips `'x'` or `'\n'`; leaves a lifetime such as `'a` to be read as a word.
    fn skip_char_or_lifetime(&mut self) {
        let rest = &self.source[self.chars.peek().map_or(self.source.len(), |(at, _)| *at)..];
        let mut chars = rest.chars();
        match (chars.next(), chars.next()) {
            (Some('\\'), _) => {
                self.chars.next();
                self.chars.next();
                while self.chars.next().is_some_and(|(_, c)| c != '\'') {}
            }
            (Some(_), Some('\'')) => {
                self.chars.next();
                self.chars.next();
            }
            _ => {}
        }
    }

    fn string(&mut self) -> String {
        let mut text = String::new();
        while let Some((_, c)) = self.chars.next() {
            match c {
                '"' => break,
                '\\' => match self.chars.next() {
                    Some((_, '\n')) => {
                        while self.chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
                    }
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, escaped)) => text.push(escaped),
                    None => break,
                },
                c => text.push(c),
            }
        }
        text
    }

    /// Reads a raw string whose `r` is at a position; nothing where none begins.
    fn raw_string(&mut self, at: usize) -> Option<String> {
        let rest = &self.source[at + 1..];
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        let content = rest[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let text = content.split(&end).next().unwrap_or_default().to_owned();
        let stop = at + 1 + hashes + 1 + text.len() + end.len();
        while self.chars.next_if(|(at, _)| *at < stop).is_some() {}
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<(usize, String)> {
        literals(source).into_iter().map(|text| (text.line, text.text)).collect()
    }

    #[test]
    fn literals_of_every_kind_are_found_with_their_lines() {
        let source = concat!(
            "fn f<'a>(x: &'a str) -> char { // \"no\" 'literal'\n",
            "    g(\"one \\\n       line\", 'c', '\"', '\\'', b'\\\\');\n",
            "    h(r\"raw \\\", r#\"with \"quotes\"\"#, br\"bytes\", \"esc \\\"aped\\\"\");\n",
            "    let for_r = number; /* a comment */ \"last\"\n}\n",
            "#[cfg(test)]\nmod tests { const T: &str = \"of a test\"; }\n",
        );
        let expected = [
            (2, "one line"),
            (4, "raw \\"),
            (4, "with \"quotes\""),
            (4, "bytes"),
            (4, "esc \"aped\""),
            (5, "last"),
        ];
        let expected = expected.map(|(line, text)| (line, text.to_owned()));
        assert_eq!(texts(source), expected);
    }

    #[test]
    fn a_block_of_doc_comments_is_one_text() {
        let source = "/// Reads\n/// a file.\n///\n/// Twice.\nfn f() {}\n    /// Another\n";
        let found: Vec<String> = doc_comments(source).into_iter().map(|text| text.text).collect();
        assert_eq!(found, ["Reads a file.\n Twice.", "Another"]);
    }
}
