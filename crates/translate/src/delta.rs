//! The steps of a reply: what every translating dialect is told.

use std::ops::ControlFlow;

use chatmock_protocol::json::{RawStr, RawValue};
use chatmock_protocol::responses::event::Channel;

use crate::end::Finish;

/// One step of a reply, as every translating dialect understands it.
#[derive(Debug)]
pub enum Delta<'a> {
    /// The reply has begun.
    Begin {
        /// The backend's id of the response; empty where it gave none.
        response_id: &'a str,
    },
    /// The next piece of text.
    Text(Piece<'a>),
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
    /// A tool call begins.
    CallStart {
        /// Position among the reply's calls.
        slot: usize,
        /// Joins call and result.
        id: &'a str,
        /// The tool's name.
        name: &'a str,
        /// Whether it is a freeform tool's call.
        custom: bool,
    },
    /// The next piece of a call's arguments.
    CallArguments {
        /// Position among the reply's calls.
        slot: usize,
        /// The text, exactly as the model wrote it.
        fragment: Piece<'a>,
    },
    /// A call is complete.
    CallEnd {
        /// Position among the reply's calls.
        slot: usize,
    },
    /// A generated image.
    Image {
        /// `png`, `jpeg` or `webp`.
        format: &'a str,
        /// The image in base64.
        base64: &'a str,
    },
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

    /// The text.
    #[must_use]
    pub fn text(self) -> &'a str {
        self.text
    }

    /// The text as it may stand between the quotes of a JSON string, where it came like that.
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

/// Takes the steps that the machine gives.
pub trait Sink {
    /// Takes one step; a break ends the reply there.
    fn step(&mut self, delta: Delta<'_>) -> ControlFlow<Finish>;
}

impl<F: FnMut(Delta<'_>) -> ControlFlow<Finish>> Sink for F {
    fn step(&mut self, delta: Delta<'_>) -> ControlFlow<Finish> {
        self(delta)
    }
}
