//! Events of a streamed message: blocks one after the other, each begun, continued and ended.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use chatmock_protocol::anthropic::event::{Delta as Wire, Event};
use chatmock_protocol::anthropic::reply::{Block, Message, SearchInput, Usage};
use chatmock_protocol::json::{RawValue, read_text};

use super::reply;
use super::{MessagesShape, ShownThinking};
use crate::delta::{Annotation, CallStart, Delta, Piece, Search};
use crate::encoder::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::frames::{Frames, Out};
use crate::shape::Shape;
use crate::template::{PLACEHOLDER, Template};
use crate::tool_names;

/// Writes the events of a message.
#[derive(Debug)]
pub struct BlockEvents {
    shape: Arc<Shape<MessagesShape>>,
    begun: bool,
    /// The number of blocks that have begun.
    blocks: usize,
    open: Open,
    /// The number of searches.
    searches: u64,
    /// An event with a place for the next piece of the open block.
    piece: Template<1>,
}

/// The block that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    Refusal,
    Thinking,
    Call(usize),
}

impl BlockEvents {
    /// Makes the writer of a message.
    #[must_use]
    pub fn new(shape: &Arc<Shape<MessagesShape>>) -> Self {
        Self {
            shape: Arc::clone(shape),
            begun: false,
            blocks: 0,
            open: Open::Nothing,
            searches: 0,
            piece: Template::default(),
        }
    }

    fn begin(&mut self, response_id: &str, frames: &mut Frames) {
        self.begun = true;
        let message = Message {
            id: reply::id(response_id, &self.shape).into(),
            kind: "message",
            role: "assistant",
            model: &self.shape.model,
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            stop_details: None,
            usage: Usage::default(),
        };
        write(&Event::MessageStart { message }, frames);
    }

    /// Begins a block of which nothing but this is written.
    fn start(&mut self, content_block: Block<'_>, frames: &mut Frames) {
        self.close(frames);
        write(&Event::ContentBlockStart { index: self.blocks, content_block }, frames);
        self.blocks += 1;
    }

    /// Begins a block that goes on with pieces of this form.
    fn open(&mut self, open: Open, begin: (Block<'_>, Wire<'_>), frames: &mut Frames) {
        let (block, delta) = begin;
        self.start(block, frames);
        self.open = open;
        let event = Event::ContentBlockDelta { index: self.index(), delta };
        self.piece = Template::of(frames.framing(), |frames| write(&event, frames));
    }

    /// The position of the block that has begun last.
    fn index(&self) -> usize {
        self.blocks.saturating_sub(1)
    }

    fn close(&mut self, frames: &mut Frames) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => return,
            // Its item was not completed, and so cannot be carried back.
            Open::Thinking => self.sign(None, None, frames),
            Open::Text | Open::Refusal | Open::Call(_) => {}
        }
        self.stop(frames);
    }

    fn stop(&mut self, frames: &mut Frames) {
        self.open = Open::Nothing;
        write(&Event::ContentBlockStop { index: self.index() }, frames);
    }

    fn text(&mut self, open: Open, text: Piece<'_>, frames: &mut Frames) {
        if self.open != open {
            self.open_text(open, frames);
        }
        self.piece.write([text], frames);
    }

    fn open_text(&mut self, open: Open, frames: &mut Frames) {
        let block = Block::Text { text: Cow::Borrowed(""), citations: None };
        self.open(open, (block, Wire::TextDelta { text: PLACEHOLDER }), frames);
    }

    fn annotation(&mut self, annotation: &Annotation<'_>, frames: &mut Frames) {
        let Annotation::Citation { url, title, .. } = annotation else { return };
        if self.open != Open::Text {
            self.open_text(Open::Text, frames);
        }
        let delta = Wire::CitationsDelta { citation: reply::citation(url, title) };
        write(&Event::ContentBlockDelta { index: self.index(), delta }, frames);
    }

    fn reasoning(&mut self, text: Piece<'_>, frames: &mut Frames) {
        if self.shape.own.thinking != ShownThinking::Text {
            return;
        }
        self.open_thinking(frames);
        self.piece.write([text], frames);
    }

    fn open_thinking(&mut self, frames: &mut Frames) {
        if self.open != Open::Thinking {
            let nothing = Cow::Borrowed("");
            let block = Block::Thinking { thinking: nothing.clone(), signature: nothing };
            self.open(
                Open::Thinking,
                (block, Wire::ThinkingDelta { thinking: PLACEHOLDER }),
                frames,
            );
        }
    }

    fn reasoning_end(&mut self, id: Option<&str>, content: Option<&str>, frames: &mut Frames) {
        if self.shape.own.thinking == ShownThinking::None {
            return;
        }
        self.open_thinking(frames);
        self.sign(id, content, frames);
        self.stop(frames);
    }

    fn sign(&self, id: Option<&str>, content: Option<&str>, frames: &mut Frames) {
        let signature = &self.shape.own.seal.seal(id, content);
        let delta = Wire::SignatureDelta { signature };
        write(&Event::ContentBlockDelta { index: self.index(), delta }, frames);
    }

    fn call(&mut self, start: CallStart<'_>, frames: &mut Frames) {
        let shape = Arc::clone(&self.shape);
        let block = Block::ToolUse {
            id: tool_names::original(&shape.shortened, start.id),
            name: tool_names::original(&shape.shortened, start.name),
            input: Cow::Owned(no_arguments()),
        };
        let delta = Wire::InputJsonDelta { partial_json: PLACEHOLDER };
        self.open(Open::Call(start.index), (block, delta), frames);
    }

    fn search(&mut self, search: Search<'_>, frames: &mut Frames) {
        self.searches += 1;
        self.start(reply::search_call(search.id, None), frames);
        let input = SearchInput { query: Some(search.query.into()) };
        // A text always can be written.
        let partial_json = &serde_json::to_string(&input).unwrap_or_default();
        let delta = Wire::InputJsonDelta { partial_json };
        write(&Event::ContentBlockDelta { index: self.index(), delta }, frames);
        self.stop(frames);
        self.start(reply::search_result(search), frames);
        self.stop(frames);
    }

    fn image(&mut self, format: &str, base64: &str, frames: &mut Frames) {
        self.close(frames);
        let image = reply::image(format, base64);
        self.text(Open::Text, image.as_str().into(), frames);
        self.close(frames);
    }
}

impl DeltaEncoder for BlockEvents {
    type Output = ();

    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
        let frames = &mut out.frames;
        match delta {
            Delta::Begin { response_id } => self.begin(response_id, frames),
            Delta::Text(text) => self.text(Open::Text, text, frames),
            Delta::Refusal(text) => self.text(Open::Refusal, text, frames),
            Delta::TextEnd if self.open == Open::Text => self.stop(frames),
            Delta::Annotation(annotation) => self.annotation(&annotation, frames),
            Delta::Reasoning { text, .. } => self.reasoning(text, frames),
            Delta::ReasoningBreak(_) => self.reasoning("\n\n".into(), frames),
            Delta::ReasoningEnd { id, encrypted_content } => {
                self.reasoning_end(id, encrypted_content, frames);
            }
            Delta::CallStart(start) => self.call(start, frames),
            Delta::CallArguments { index, fragment } if self.open == Open::Call(index) => {
                self.piece.write([fragment], frames);
            }
            Delta::CallEnd { index } if self.open == Open::Call(index) => self.stop(frames),
            Delta::TextEnd | Delta::CallArguments { .. } | Delta::CallEnd { .. } => {}
            Delta::Image { format, base64 } => self.image(format, base64, frames),
            Delta::Search(search) => self.search(search, frames),
        }
        ControlFlow::Continue(())
    }

    fn end(mut self, end: End, out: &mut Out) {
        let frames = &mut out.frames;
        if !self.begun {
            self.begin("", frames);
        }
        // A stream without a block is taken for a broken one.
        if self.blocks == 0 && end.finish == Finish::Stop {
            self.open_text(Open::Text, frames);
        }
        self.close(frames);
        let usage = reply::usage(&end, self.searches, &self.shape);
        write(&Event::MessageDelta { delta: reply::stop(end.finish, &self.shape), usage }, frames);
    }

    fn fail(self, _: &Failure, _: &mut Out) {}
}

fn write(event: &Event<'_>, frames: &mut Frames) {
    frames.message_json(Some(event.name()), event);
}

/// The arguments with which a call begins in a stream.
fn no_arguments() -> Box<RawValue> {
    read_text("{}").unwrap_or_default()
}
