//! Views of a reply, for dialects that do not keep the order of its blocks.

use std::borrow::Cow;

use chatmock_protocol::responses::event::Channel;

use super::{Block, Reply, ReplyAnnotation, ReplyCall, ReplyImage, ReplyText};

impl Reply {
    /// Returns all text, without a copy where it is one block.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        joined(self.texts().map(|text| text.text.as_str())).unwrap_or_default()
    }

    /// Returns the words of the refusal, without a copy where they are one block.
    #[must_use]
    pub fn refusal(&self) -> Cow<'_, str> {
        let refusals = self.blocks.iter().filter_map(|block| match block {
            Block::Refusal(refusal) => Some(refusal.as_str()),
            _ => None,
        });
        joined(refusals).unwrap_or_default()
    }

    /// Returns all reasoning, without a copy where it is one piece.
    #[must_use]
    pub fn reasoning(&self) -> Cow<'_, str> {
        self.reasoning_of(|_| true).unwrap_or_default()
    }

    /// Returns the reasoning of the wanted channels, if there is any.
    pub(crate) fn reasoning_of(&self, wanted: impl Fn(Channel) -> bool) -> Option<Cow<'_, str>> {
        let items = self.blocks.iter().filter_map(|block| match block {
            Block::Reasoning(reasoning) => Some(&reasoning.pieces),
            _ => None,
        });
        let pieces = items.flatten().filter(|piece| wanted(piece.channel));
        joined(pieces.map(|piece| piece.text.as_str()))
    }

    /// Returns the annotations of all text.
    pub fn annotations(&self) -> impl Iterator<Item = &ReplyAnnotation> {
        self.texts().flat_map(|text| &text.annotations)
    }

    /// Returns the tool calls.
    pub fn calls(&self) -> impl Iterator<Item = &ReplyCall> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Call(call) => Some(call),
            _ => None,
        })
    }

    /// Returns the generated images.
    pub fn images(&self) -> impl Iterator<Item = &ReplyImage> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Image(image) => Some(image),
            _ => None,
        })
    }

    fn texts(&self) -> impl Iterator<Item = &ReplyText> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Text(text) => Some(text),
            _ => None,
        })
    }
}

/// Joins texts, without a copy where there is one; `None` without any.
fn joined<'r>(texts: impl Iterator<Item = &'r str>) -> Option<Cow<'r, str>> {
    texts.map(Cow::Borrowed).reduce(|whole, more| Cow::Owned(whole.into_owned() + &more))
}
