//! The steps of a reply, as every translating dialect sees them.

use std::ops::ControlFlow;

use chatmock_protocol::json::{RawStr, RawValue};
use chatmock_protocol::responses::event::Channel;

use crate::end::Finish;

/// One step of a reply.
///
/// The vocabulary is that of a reply, not of the backend: an encoder never sees which of the dozens
/// of event kinds a step came from. Each thing that the backend says has a beginning and an end, also
/// where the dialects of today word neither, since an API of blocks has to close one before it
/// opens the next. The end of the reply ends whatever is still open.
#[derive(Clone, Debug)]
pub enum Delta<'a> {
    /// The reply has begun.
    Begin {
        /// The backend's id of the response; empty where it gave none.
        response_id: &'a str,
    },
    /// The next piece of text.
    Text(Piece<'a>),
    /// The text of a message is complete; a later message brings more.
    TextEnd,
    /// The next piece of a refusal.
    Refusal(Piece<'a>),
    /// A citation or other annotation of the text.
    Annotation(Annotation<'a>),
    /// The next piece of reasoning.
    Reasoning {
        /// Summary or raw text.
        channel: Channel,
        /// The text.
        text: Piece<'a>,
    },
    /// A new paragraph of reasoning begins.
    ReasoningBreak(Channel),
    /// An item of reasoning is complete, which may have had no text.
    ReasoningEnd {
        /// The item's id.
        id: Option<&'a str>,
        /// The reasoning as only the backend can read it, to be sent back in a later turn.
        encrypted_content: Option<&'a str>,
    },
    /// A tool call begins.
    CallStart(CallStart<'a>),
    /// The next piece of a call's arguments.
    CallArguments {
        /// Position among the reply's calls.
        index: usize,
        /// The text, exactly as the model wrote it.
        fragment: Piece<'a>,
    },
    /// A call is complete.
    CallEnd {
        /// Position among the reply's calls.
        index: usize,
    },
    /// A generated image.
    Image {
        /// `png`, `jpeg` or `webp`.
        format: &'a str,
        /// The image in base64.
        base64: &'a str,
    },
    /// A search of the web that the backend made.
    Search(Search<'a>),
}

/// A search of the web.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// The item's id.
    pub id: &'a str,
    /// The words that were searched for.
    pub query: &'a str,
    /// True if it found nothing because it failed.
    pub failed: bool,
    /// Pages that it found, as far as they are known.
    pub pages: &'a [FoundPage],
}

/// A page that a search has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPage {
    /// Its address.
    pub url: String,
    /// Its title; empty where it is not known.
    pub title: String,
}

impl Delta<'_> {
    /// Returns whether the step holds something that the model made; beginnings and ends of text and
    /// reasoning do not, nor do searches, so that they are not timed as the first output.
    #[must_use]
    pub fn is_output(&self) -> bool {
        !matches!(
            self,
            Self::Begin { .. } | Self::TextEnd | Self::ReasoningEnd { .. } | Self::Search(_)
        )
    }
}

/// The start of a tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallStart<'a> {
    /// Position among the reply's calls.
    pub index: usize,
    /// Joins call and result.
    pub id: &'a str,
    /// The tool's name.
    pub name: &'a str,
    /// True if it is a freeform tool's call.
    pub custom: bool,
}

/// A piece of what the model writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    text: &'a str,
    raw: Option<&'a str>,
}

impl<'a> Piece<'a> {
    /// Reads a piece as it came; `scratch` holds the text where that has escapes.
    pub fn read(string: RawStr<'a>, scratch: &'a mut String) -> Self {
        Self { text: string.decode(scratch), raw: string.raw() }
    }

    /// Returns the text.
    #[must_use]
    pub fn text(self) -> &'a str {
        self.text
    }

    /// Returns the text as it may be copied between the quotes of a JSON string, where it came in
    /// such a form.
    #[must_use]
    pub fn raw(self) -> Option<&'a str> {
        self.raw
    }
}

impl<'a> From<&'a str> for Piece<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, raw: None }
    }
}

/// An annotation of the reply's text.
#[derive(Clone, Debug)]
pub enum Annotation<'a> {
    /// A cited page, and the characters of the whole text so far that cite it.
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
    Other(&'a RawValue),
}

/// Takes the steps of a reply.
pub trait Sink {
    /// Takes one step; a break ends the reply there.
    fn step(&mut self, delta: Delta<'_>) -> ControlFlow<Finish>;

    /// Names the item of the answer that the next steps belong to, by its position.
    fn item(&mut self, _: usize) {}

    /// Says that an item is complete.
    fn item_end(&mut self, _: usize) -> ControlFlow<Finish> {
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(Delta<'_>) -> ControlFlow<Finish>> Sink for F {
    fn step(&mut self, delta: Delta<'_>) -> ControlFlow<Finish> {
        self(delta)
    }
}
