//! Commentary, which the final answer may repeat word for word.
//!
//! Some models give the same words first as commentary and then as their answer. An API with one text
//! would show everything twice, so a message waits while it repeats commentary word for
//! word. It goes out as soon as it differs, and not at all where it never does. White space decides
//! nothing, since the end of a message often has some.

/// The most bytes of commentary that are kept; longer commentary is compared with nothing.
const MAX_KEPT: usize = 1024 * 1024;

/// The most white space that waits, next to as much text as the commentary has.
const MAX_SPACE: usize = 4096;

/// The commentary that was shown so far.
#[derive(Debug, Default)]
pub(super) struct Commentary {
    /// The words of all messages, with one space between any two.
    words: String,
    /// The start of each message in it, and in the characters of the reply's text.
    starts: Vec<(usize, u64)>,
    /// True if the last character was white space.
    gap: bool,
    /// True if commentary has annotations.
    pub(super) annotated: bool,
    /// True if there was more than is kept.
    full: bool,
}

impl Commentary {
    /// Begins a message; `base` is where it begins in the reply's text.
    pub(super) fn begin(&mut self, base: u64) {
        if !self.words.is_empty() && !self.words.ends_with(' ') {
            self.words.push(' ');
        }
        self.gap = false;
        self.starts.push((self.words.len(), base));
    }

    /// Adds text of the message that was begun last.
    pub(super) fn push(&mut self, text: &str) {
        if self.full {
            return;
        }
        for c in text.chars() {
            if c.is_whitespace() {
                self.gap = true;
                continue;
            }
            let first = self.starts.last().is_none_or(|(start, _)| *start == self.words.len());
            if std::mem::take(&mut self.gap) && !first {
                self.words.push(' ');
            }
            self.words.push(c);
        }
        if self.words.len() > MAX_KEPT {
            *self = Self { full: true, annotated: self.annotated, ..Self::default() };
        }
    }

    /// Begins to compare a message with the commentary, if there is any.
    pub(super) fn compare(&self) -> Option<Repetition> {
        let cursors: Vec<_> = (0..self.starts.len()).map(|message| (message, 0)).collect();
        (!self.words.is_empty()).then(|| Repetition { cursors, ..Repetition::default() })
    }

    /// The words from message number `message` on.
    fn from(&self, message: usize) -> &str {
        let start = self.starts.get(message).map_or(self.words.len(), |(start, _)| *start);
        self.words.get(start..).unwrap_or_default()
    }

    /// Returns whether a message ends so many bytes after the start of message number `message`.
    fn ends(&self, message: usize, length: usize) -> bool {
        let Some((start, _)) = self.starts.get(message) else { return false };
        let end = start + length;
        end == self.words.len() || self.starts.iter().any(|(start, _)| *start == end + 1)
    }
}

/// The text of a message that so far repeats commentary.
#[derive(Debug, Default)]
pub(super) struct Repetition {
    /// The text, which waits.
    pub(super) held: String,
    /// The messages with which it agrees so far, and how many bytes of their words it has.
    cursors: Vec<(usize, usize)>,
    gap: bool,
}

impl Repetition {
    /// Adds text; returns whether it still repeats commentary.
    pub(super) fn push(&mut self, commentary: &Commentary, text: &str) -> bool {
        self.held.push_str(text);
        for c in text.chars() {
            if c.is_whitespace() {
                self.gap = true;
                continue;
            }
            let gap = std::mem::take(&mut self.gap);
            self.cursors.retain_mut(|(message, at)| {
                let rest = commentary.from(*message).get(*at..).unwrap_or_default();
                let rest = if gap && *at > 0 { rest.strip_prefix(' ') } else { Some(rest) };
                let Some(rest) = rest.and_then(|rest| rest.strip_prefix(c)) else { return false };
                *at = commentary.from(*message).len() - rest.len();
                true
            });
        }
        !self.cursors.is_empty() && self.held.len() <= commentary.words.len() + MAX_SPACE
    }

    /// Returns where what it repeats in full begins in the reply's text, if it does.
    pub(super) fn whole(&self, commentary: &Commentary) -> Option<u64> {
        let whole = self.cursors.iter().find(|(message, at)| commentary.ends(*message, *at));
        whole.and_then(|(message, _)| commentary.starts.get(*message)).map(|(_, base)| *base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(messages: &[&str]) -> Commentary {
        let mut commentary = Commentary::default();
        for (base, message) in (0..).step_by(100).zip(messages) {
            commentary.begin(base);
            for c in message.chars() {
                commentary.push(&c.to_string());
            }
        }
        commentary
    }

    /// Compares a text, piece by piece; `Err` is the text at which it differs.
    fn compared(commentary: &Commentary, text: &str, step: usize) -> Result<Option<u64>, String> {
        let mut repetition = commentary.compare().unwrap();
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(step) {
            if !repetition.push(commentary, &piece.iter().collect::<String>()) {
                return Err(repetition.held);
            }
        }
        Ok(repetition.whole(commentary))
    }

    #[test]
    fn a_repetition_is_known_wherever_it_is_cut() {
        let commentary = spoken(&["I look.", "The answer  is\n42. "]);
        for step in 1..20 {
            assert_eq!(compared(&commentary, "The answer is 42.", step), Ok(Some(100)), "{step}");
            assert_eq!(compared(&commentary, " I look.\n", step), Ok(Some(0)));
            assert_eq!(compared(&commentary, "I look.\n\nThe answer is 42.", step), Ok(Some(0)));
            assert_eq!(compared(&commentary, "The answer is", step), Ok(None));
        }
    }

    #[test]
    fn other_words_differ_at_once() {
        let commentary = spoken(&["The answer is 42."]);
        assert_eq!(
            compared(&commentary, "The answer is 43.", 1),
            Err("The answer is 43".to_owned())
        );
        assert_eq!(compared(&commentary, "Theanswer", 1), Err("Thea".to_owned()));
        assert_eq!(
            compared(&commentary, "The answer is 42. Yes.", 1),
            Err("The answer is 42. Y".to_owned())
        );
        assert!(Commentary::default().compare().is_none());
    }

    #[test]
    fn more_than_is_kept_is_compared_with_nothing() {
        let mut commentary = Commentary::default();
        commentary.begin(0);
        commentary.push(&"x".repeat(MAX_KEPT + 1));
        assert!(commentary.compare().is_none());
        commentary.begin(5);
        commentary.push("more");
        assert!(commentary.compare().is_none());
    }
}
