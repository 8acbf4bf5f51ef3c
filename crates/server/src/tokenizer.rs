//! The tokenizer of this build: exact with the feature `tokenizer`, an estimate without.

use std::sync::Arc;

use chatmock_translate::tokens::Tokenizer;

/// The tokenizer by which token caps are kept.
#[cfg(not(feature = "tokenizer"))]
#[must_use]
pub fn tokenizer() -> Arc<dyn Tokenizer> {
    Arc::new(chatmock_translate::tokens::Estimate)
}

/// The tokenizer by which token caps are kept. Its table is read when it is first needed, which
/// takes some 150 ms.
#[cfg(feature = "tokenizer")]
#[must_use]
pub fn tokenizer() -> Arc<dyn Tokenizer> {
    Arc::new(exact::O200k)
}

#[cfg(feature = "tokenizer")]
mod exact {
    use chatmock_translate::tokens::{TokenCount, Tokenizer};

    /// The encoding of the models since GPT-4o.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct O200k;

    impl Tokenizer for O200k {
        fn start(&self) -> Box<dyn TokenCount> {
            Box::new(Tokens(0))
        }

        fn is_exact(&self) -> bool {
            true
        }
    }

    /// Tokens so far. The backend's deltas end where tokens do, so each is counted by itself.
    #[derive(Debug)]
    struct Tokens(u64);

    impl TokenCount for Tokens {
        fn take(&mut self, text: &str, most: u64) -> usize {
            let encoding = tiktoken_rs::o200k_base_singleton();
            let tokens = encoding.encode_ordinary(text);
            let room = usize::try_from(most.saturating_sub(self.0)).unwrap_or(usize::MAX);
            if tokens.len() <= room {
                self.0 += tokens.len() as u64;
                return text.len();
            }
            self.0 = self.0.max(most);
            let within = tokens.get(..room).unwrap_or_default();
            let bytes = encoding.decode_bytes(within).map_or(0, |bytes| bytes.len());
            // A token may end inside a character.
            text.floor_char_boundary(bytes)
        }

        fn tokens(&self) -> u64 {
            self.0
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_cap_is_kept_by_the_exact_count() {
            let mut count = O200k.start();
            assert_eq!(count.take("hello", 3), 5);
            assert_eq!(count.take(" world again", 3), " world again".len());
            assert_eq!((count.take(" more", 3), count.tokens()), (0, 3));
        }

        #[test]
        fn the_cut_stands_between_characters() {
            let mut count = O200k.start();
            let text = "\u{1F9D1}\u{200D}\u{1F680} flies";
            let fits = count.take(text, 1);
            assert!(text.is_char_boundary(fits) && fits < text.len());
        }
    }
}
