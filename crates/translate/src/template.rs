//! JSON that is written once, with places for the strings that differ each time.

use crate::delta::Piece;
use crate::frames::{Frames, Framing};

/// The string that marks a place to fill in.
pub(crate) const PLACEHOLDER: &str = "\0";

/// [`PLACEHOLDER`] as it is written.
const WRITTEN: &str = "\"\\u0000\"";

/// A text with `PLACES` strings to fill in.
#[derive(Debug)]
pub(crate) struct Template<const PLACES: usize> {
    /// The text before each place.
    before: [String; PLACES],
    after: String,
}

impl<const PLACES: usize> Default for Template<PLACES> {
    fn default() -> Self {
        Self { before: std::array::from_fn(|_| String::new()), after: String::new() }
    }
}

impl<const PLACES: usize> Template<PLACES> {
    /// Makes a template of the message that is written; its last strings of [`PLACEHOLDER`] are the places.
    pub(crate) fn of(framing: Framing, write: impl FnOnce(&mut Frames)) -> Self {
        let (mut template, mut frames) = (Self::default(), Frames::new(framing));
        write(&mut frames);
        // Searched from the end, since a name that the client chose may precede it and hold anything.
        let mut parts = frames.as_text().rsplitn(PLACES + 1, WRITTEN).map(str::to_owned);
        template.after = parts.next().unwrap_or_default();
        for (before, part) in template.before.iter_mut().rev().zip(parts) {
            *before = part;
        }
        template
    }

    /// Writes it with its places filled in.
    pub(crate) fn write(&self, strings: [Piece<'_>; PLACES], frames: &mut Frames) {
        for (before, string) in self.before.iter().zip(strings) {
            frames.text(before);
            frames.string(string);
        }
        frames.text(&self.after);
        frames.count_message();
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    struct Chunk<'a> {
        model: &'a str,
        at: &'a str,
        text: &'a str,
        done: bool,
    }

    fn filled(model: &str, strings: [&str; 2]) -> String {
        let value = Chunk { model, at: PLACEHOLDER, text: PLACEHOLDER, done: false };
        let template = Template::of(Framing::Sse, |frames| frames.message_json(None, &value));
        let mut frames = Frames::default();
        template.write(strings.map(Piece::from), &mut frames);
        String::from_utf8(frames.take().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn the_places_are_filled_in_order() {
        let expected =
            "data: {\"model\":\"m\",\"at\":\"now\",\"text\":\"a\\\"b\",\"done\":false}\n\n";
        assert_eq!(filled("m", ["now", "a\"b"]), expected);
    }

    #[test]
    fn a_name_that_looks_like_a_place_is_none() {
        let expected =
            "data: {\"model\":\"\\u0000\",\"at\":\"\",\"text\":\"\\u0000\",\"done\":false}\n\n";
        assert_eq!(filled(PLACEHOLDER, ["", PLACEHOLDER]), expected);
    }
}
