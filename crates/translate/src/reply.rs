//! The one accumulator: a whole reply is a fold of the same steps that a stream is made of.
//!
//! A reply is kept as blocks in the order in which they came, since APIs of blocks show text,
//! reasoning and calls in that order. Dialects that have one text and one list of calls take them
//! from views of the blocks; keeping both forms would let them disagree.

mod view;

use std::ops::ControlFlow;
use std::time::Duration;

use chatmock_protocol::json::RawValue;
use chatmock_protocol::responses::event::Channel;

use crate::delta::{Annotation, CallStart, Delta, FoundPage, Search};
use crate::encoder::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::frames::Out;

/// A whole reply, before a dialect has worded it.
#[derive(Debug)]
pub struct Reply {
    /// The backend's id of the response; empty where it gave none.
    pub response_id: String,
    /// The parts that the model made, in order.
    pub blocks: Vec<Block>,
    /// When the first output came, since the request arrived.
    pub first_at: Option<Duration>,
    /// The end, with its usage.
    pub end: End,
}

/// A part of a reply that is of one kind.
#[derive(Debug)]
pub enum Block {
    /// Text.
    Text(ReplyText),
    /// The words of a refusal.
    Refusal(String),
    /// Reasoning.
    Reasoning(ReplyReasoning),
    /// A tool call.
    Call(ReplyCall),
    /// A generated image.
    Image(ReplyImage),
    /// A search of the web.
    Search(ReplySearch),
}

/// Text of a whole reply.
#[derive(Debug, Default)]
pub struct ReplyText {
    /// The text.
    pub text: String,
    /// Its annotations.
    pub annotations: Vec<ReplyAnnotation>,
    /// True if it came to its end.
    pub complete: bool,
}

/// An item of reasoning of a whole reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyReasoning {
    /// The text, one piece for each run of the same channel.
    pub pieces: Vec<ReasoningPiece>,
    /// The item's id.
    pub id: Option<String>,
    /// The reasoning as only the backend can read it.
    pub encrypted_content: Option<String>,
    /// True if it came to its end.
    pub complete: bool,
}

/// Reasoning of one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasoningPiece {
    /// Summary or raw text.
    pub channel: Channel,
    /// The text.
    pub text: String,
}

/// A tool call of a whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyCall {
    /// Joins call and result.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// True if it is a freeform tool's call.
    pub custom: bool,
    /// The arguments, exactly as the model wrote them.
    pub arguments: String,
    /// True if the call came to its end.
    pub complete: bool,
}

impl From<CallStart<'_>> for ReplyCall {
    /// Makes a call that has begun.
    fn from(start: CallStart<'_>) -> Self {
        let (id, name) = (start.id.to_owned(), start.name.to_owned());
        Self { id, name, custom: start.custom, arguments: String::new(), complete: false }
    }
}

/// A generated image of a whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyImage {
    /// `png`, `jpeg` or `webp`.
    pub format: String,
    /// The image in base64.
    pub base64: String,
}

/// A search of the web in a whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplySearch {
    /// The item's id.
    pub id: String,
    /// The words that were searched for.
    pub query: String,
    /// True if it found nothing because it failed.
    pub failed: bool,
    /// Pages that it found, as far as they are known.
    pub pages: Vec<FoundPage>,
}

/// An annotation of a whole reply.
#[derive(Debug)]
pub enum ReplyAnnotation {
    /// A cited page; see [`Annotation::Citation`].
    Citation {
        /// First character.
        start: u64,
        /// One past the last character.
        end: u64,
        /// The page's address.
        url: String,
        /// The page's title.
        title: String,
    },
    /// Any other kind, as the backend gave it.
    Other(Box<RawValue>),
}

impl From<Annotation<'_>> for ReplyAnnotation {
    fn from(annotation: Annotation<'_>) -> Self {
        match annotation {
            Annotation::Citation { start, end, url, title } => {
                Self::Citation { start, end, url, title }
            }
            Annotation::Other(raw) => Self::Other(raw.to_owned()),
        }
    }
}

/// Gathers steps into a [`Reply`].
#[derive(Debug)]
pub struct Collector {
    reply: Reply,
    /// The position of each call in the blocks, by its position among the calls.
    calls: Vec<usize>,
}

impl Collector {
    /// Makes an empty collector.
    #[must_use]
    pub fn new() -> Self {
        let reply = Reply {
            response_id: String::new(),
            blocks: Vec::new(),
            first_at: None,
            end: End::new(Finish::Stop),
        };
        Self { reply, calls: Vec::new() }
    }

    fn text(&mut self, more: &str) {
        match self.reply.blocks.last_mut() {
            Some(Block::Text(text)) if !text.complete => text.text.push_str(more),
            _ => {
                let text = ReplyText { text: more.to_owned(), ..ReplyText::default() };
                self.reply.blocks.push(Block::Text(text));
            }
        }
    }

    fn text_end(&mut self) {
        let mut texts = self.reply.blocks.iter_mut().rev().filter_map(Block::as_text_mut);
        if let Some(text) = texts.next() {
            text.complete = true;
        }
    }

    fn annotation(&mut self, annotation: ReplyAnnotation) {
        match self.reply.blocks.last_mut() {
            Some(Block::Text(text)) if !text.complete => text.annotations.push(annotation),
            // A stream of blocks cannot go back to a text before another block, so none is gone back to here either.
            _ => {
                let annotations = vec![annotation];
                let text = ReplyText { annotations, ..ReplyText::default() };
                self.reply.blocks.push(Block::Text(text));
            }
        }
    }

    fn refusal(&mut self, more: &str) {
        if let Some(Block::Text(text)) = self.reply.blocks.last_mut() {
            text.complete = true;
        }
        match self.reply.blocks.last_mut() {
            Some(Block::Refusal(refusal)) => refusal.push_str(more),
            _ => self.reply.blocks.push(Block::Refusal(more.to_owned())),
        }
    }

    fn reasoning(&mut self, channel: Channel, text: &str) {
        match self.reply.blocks.last_mut() {
            Some(Block::Reasoning(reasoning)) if !reasoning.complete => {
                reasoning.push(channel, text);
            }
            _ => {
                let mut reasoning = ReplyReasoning::default();
                reasoning.push(channel, text);
                self.reply.blocks.push(Block::Reasoning(reasoning));
            }
        }
    }

    fn reasoning_end(&mut self, id: Option<&str>, encrypted_content: Option<&str>) {
        let (id, encrypted_content) = (id.map(str::to_owned), encrypted_content.map(str::to_owned));
        let open = self.reply.blocks.iter_mut().rev().find_map(|block| match block {
            Block::Reasoning(reasoning) if !reasoning.complete => Some(reasoning),
            _ => None,
        });
        match open {
            Some(reasoning) => {
                (reasoning.id, reasoning.encrypted_content) = (id, encrypted_content);
                reasoning.complete = true;
            }
            None => {
                if let Some(Block::Text(text)) = self.reply.blocks.last_mut() {
                    text.complete = true;
                }
                let pieces = Vec::new();
                let reasoning = ReplyReasoning { pieces, id, encrypted_content, complete: true };
                self.reply.blocks.push(Block::Reasoning(reasoning));
            }
        }
    }

    fn call_start(&mut self, start: CallStart<'_>) {
        self.calls.push(self.reply.blocks.len());
        self.reply.blocks.push(Block::Call(start.into()));
    }

    /// Returns the arguments of a call so far.
    pub(crate) fn arguments(&self, index: usize) -> &str {
        match self.calls.get(index).and_then(|at| self.reply.blocks.get(*at)) {
            Some(Block::Call(call)) => &call.arguments,
            _ => "",
        }
    }

    fn call(&mut self, index: usize) -> Option<&mut ReplyCall> {
        match self.reply.blocks.get_mut(*self.calls.get(index)?)? {
            Block::Call(call) => Some(call),
            _ => None,
        }
    }
}

impl Default for Collector {
    fn default() -> Self {
        Self::new()
    }
}

impl Block {
    fn as_text_mut(&mut self) -> Option<&mut ReplyText> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl ReplyReasoning {
    fn push(&mut self, channel: Channel, text: &str) {
        match self.pieces.last_mut() {
            Some(piece) if piece.channel == channel => piece.text.push_str(text),
            _ => self.pieces.push(ReasoningPiece { channel, text: text.to_owned() }),
        }
    }
}

impl DeltaEncoder for Collector {
    type Output = Reply;

    fn keeps_text(&self) -> bool {
        true
    }

    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
        if delta.is_output() {
            self.reply.first_at.get_or_insert(out.at);
        }
        match delta {
            Delta::Begin { response_id } => response_id.clone_into(&mut self.reply.response_id),
            Delta::Text(text) => self.text(text.text()),
            Delta::TextEnd => self.text_end(),
            Delta::Refusal(text) => self.refusal(text.text()),
            Delta::Annotation(annotation) => self.annotation(annotation.into()),
            Delta::Reasoning { channel, text } => self.reasoning(channel, text.text()),
            Delta::ReasoningBreak(channel) => self.reasoning(channel, "\n\n"),
            Delta::ReasoningEnd { id, encrypted_content } => {
                self.reasoning_end(id, encrypted_content);
            }
            Delta::CallStart(start) => self.call_start(start),
            Delta::CallArguments { index, fragment } => {
                if let Some(call) = self.call(index) {
                    call.arguments.push_str(fragment.text());
                }
            }
            Delta::CallEnd { index } => {
                if let Some(call) = self.call(index) {
                    call.complete = true;
                }
            }
            Delta::Image { format, base64 } => {
                let image = ReplyImage { format: format.to_owned(), base64: base64.to_owned() };
                self.reply.blocks.push(Block::Image(image));
            }
            Delta::Search(Search { id, query, failed, pages }) => {
                let (id, query, pages) = (id.to_owned(), query.to_owned(), pages.to_vec());
                let search = ReplySearch { id, query, failed, pages };
                self.reply.blocks.push(Block::Search(search));
            }
        }
        ControlFlow::Continue(())
    }

    fn end(mut self, end: End, _: &mut Out) -> Reply {
        self.reply.end = end;
        self.reply
    }

    fn fail(self, _: &Failure, _: &mut Out) {}
}

#[cfg(test)]
mod tests;
