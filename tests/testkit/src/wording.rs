//! The wording of texts for people: phrases that this project avoids, and where it looks for them.
//!
//! The phrases are those that its glossary replaces with plain technical English. They are matched word by
//! word and within one sentence, in any case, so that `tells what` is found in `Tells what happens` and not
//! in `it tells. What follows`. A list of words costs no dependency and every entry can be read; the price
//! is that the list knows only the phrases that somebody has put into it.

pub mod flags;
pub mod source;

/// The phrases to avoid: each is a sequence of words, each word one of some alternatives.
const WORN: &[&[&[&str]]] = &[
    &[&["told", "tells", "tell"], &["of", "that", "what", "which", "by"]],
    &[&["is", "are", "be", "was", "were", "been"], &["told"]],
    &[&["stand", "stands", "stood", "standing"], &["in", "for", "beside", "there", "by", "at"]],
    &[&["count", "counts"], &["for", "as", "here", "instead", "too", "only"]],
    &[&["counts"]],
    &[&["let", "lets"], &["go"], &["of"]],
    &[&["so"], &["far"], &["as"]],
    &[&["pass", "passed", "passes", "passing"], &["over"]],
    &[&["of"], &["nobody"]],
    &[&["is", "are"], &["none"]],
    &[&["mend", "mends", "mended"]],
    &[&["beside"]],
    &[&["anew"]],
    &[&["wins"], &["over"]],
    &[&["may"], &["ask"]],
    &[&["parted"]],
    &[&["commas"], &["part"]],
    &[&["comes", "come"], &["of"], &["it"]],
    &[&["searching"], &["a"], &["fault"]],
    &[&["say"], &["a", "an", "at", "one", "true", "something", "which", "so"]],
    &[&["says"], &["so"]],
    &[&["will"], &["do"]],
];

/// Returns the phrases of a text that this project avoids, as they were written.
#[must_use]
pub fn worn_phrases(text: &str) -> Vec<String> {
    let sentences = text.split(['.', ';', ':', '!', '?', '(', ')', '\n', '"', '`']);
    sentences.flat_map(worn_in_sentence).collect()
}

fn worn_in_sentence(sentence: &str) -> Vec<String> {
    let words = sentence.split(|c: char| !c.is_alphanumeric() && !"'-_{}/".contains(c));
    let words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let starts = 0..words.len();
    let found = starts.flat_map(|start| {
        let rest = &words[start..];
        let matching = WORN.iter().filter(|phrase| begins_with(rest, phrase));
        matching.map(|phrase| rest[..phrase.len()].join(" "))
    });
    found.collect()
}

fn begins_with(words: &[String], phrase: &[&[&str]]) -> bool {
    words.len() >= phrase.len()
        && phrase.iter().zip(words).all(|(choices, word)| choices.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worn_phrase_is_found_in_any_case_and_across_a_line_of_words() {
        for (text, found) in [
            ("Tells what happens", "tells what"),
            ("clients of Ollama are told the version", "are told"),
            ("the folder stands for itself", "stands for"),
            ("OPENAI_API_KEY counts too", "counts too"),
            ("empty lines are passed over", "passed over"),
            ("a key of nobody", "of nobody"),
            ("with a key, if there is none", "is none"),
            ("beside the file", "beside"),
        ] {
            assert!(worn_phrases(text).contains(&found.to_owned()), "{text}");
        }
    }

    #[test]
    fn plain_words_and_words_of_two_sentences_pass() {
        for text in [
            "the count of accounts is wrong",
            "it tells. What follows is another sentence",
            "standards in use",
            "a besides-the-point word",
            "passing the key over TLS",
            "",
        ] {
            assert_eq!(worn_phrases(text), Vec::<String>::new(), "{text}");
        }
    }
}
