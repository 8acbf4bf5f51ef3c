//! Token counts of text that is cut here: an estimate, or whatever an embedder hands in.

use std::fmt::Debug;

/// Counts tokens of answers.
pub trait Tokenizer: Debug + Send + Sync {
    /// Starts the count of one answer.
    fn start(&self) -> Box<dyn TokenCount>;

    /// Returns whether the counts are those of the models; otherwise they are an estimate.
    fn is_exact(&self) -> bool {
        false
    }
}

/// The running count of one answer.
pub trait TokenCount: Debug + Send {
    /// Measures how much of `text` fits into `most` tokens in all; returns the number of its bytes,
    /// always up to the end of a character.
    fn take(&mut self, text: &str, most: u64) -> usize;

    /// The tokens so far.
    fn tokens(&self) -> u64;
}

/// Characters per token of the [`Estimate`].
///
/// OpenAI's own rule of thumb for English text. The backend's tokenizer is not at hand here, so a
/// cap is kept approximately.
pub(crate) const CHARACTERS_PER_TOKEN: u64 = 4;

/// Counts four characters as a token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Estimate;

impl Tokenizer for Estimate {
    fn start(&self) -> Box<dyn TokenCount> {
        Box::new(Characters(0))
    }
}

/// Characters so far.
#[derive(Debug)]
struct Characters(u64);

impl TokenCount for Characters {
    fn take(&mut self, text: &str, most: u64) -> usize {
        let room = most.saturating_mul(CHARACTERS_PER_TOKEN).saturating_sub(self.0);
        let characters = text.chars().count() as u64;
        self.0 += characters.min(room);
        if characters <= room {
            return text.len();
        }
        let over = usize::try_from(room).ok().and_then(|room| text.char_indices().nth(room));
        over.map_or(text.len(), |(at, _)| at)
    }

    fn tokens(&self) -> u64 {
        self.0.div_ceil(CHARACTERS_PER_TOKEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all the texts; gives what of them fits, and the count.
    fn taken(texts: &[&str], most: u64) -> (String, u64) {
        let mut count = Estimate.start();
        let fits = texts.iter().map(|text| &text[..count.take(text, most)]).collect();
        (fits, count.tokens())
    }

    #[test]
    fn four_characters_are_a_token_however_they_come() {
        assert_eq!(taken(&[], 9), (String::new(), 0));
        assert_eq!(taken(&["a"], 9), ("a".to_owned(), 1));
        assert_eq!(taken(&["abcd", "", "e"], 9), ("abcde".to_owned(), 2));
        assert_eq!(taken(&["ab", "cd"], 1), ("abcd".to_owned(), 1));
    }

    #[test]
    fn what_is_over_the_cap_is_left_at_the_end_of_a_character() {
        assert_eq!(
            taken(&["\u{e9}\u{1f600}\u{e9}", "\u{1f600}\u{e9}"], 1),
            ("\u{e9}\u{1f600}\u{e9}\u{1f600}".to_owned(), 1)
        );
        assert_eq!(taken(&["abcde", "f"], 1), ("abcd".to_owned(), 1));
        assert_eq!(taken(&["abc"], 0), (String::new(), 0));
    }

    #[test]
    fn a_cap_beyond_all_numbers_is_none() {
        assert_eq!(taken(&["abcde"], u64::MAX), ("abcde".to_owned(), 2));
    }
}
