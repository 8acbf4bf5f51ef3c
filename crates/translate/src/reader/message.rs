//! Messages: their text, once and without the backend's markers, and its annotations.

use std::ops::ControlFlow;

use chatmock_protocol::json::{RawStr, RawValue};

use super::EventReader;
use super::markers::Markers;
use super::repetition::{Commentary, Repetition};
use super::slot::{self, Slot};
use crate::delta::{Delta, Piece, Sink};
use crate::end::Finish;

/// The most bytes of hidden commentary that are kept for an answer that has nothing else.
const MAX_HIDDEN: usize = 1024 * 1024;

/// The progress of a message.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// Its audience.
    pub(super) kind: MessageKind,
    /// Bytes of text that have arrived.
    pub(super) text: usize,
    /// Bytes of refusal that were written.
    pub(super) refusal: usize,
    /// Annotations that have arrived.
    pub(super) annotations: usize,
    /// The markers in its text.
    markers: Markers,
    /// The state of its text.
    state: State,
    /// Characters of the reply's text before this message.
    base: u64,
    /// Annotations of text that waits.
    held: Vec<Box<RawValue>>,
}

/// The audience of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum MessageKind {
    /// The reader of the answer.
    #[default]
    Answer,
    /// Whoever follows the work.
    Commentary,
    /// Nobody: commentary is not to be shown.
    Hidden,
}

/// The state of a message's text.
#[derive(Debug, Default)]
enum State {
    /// There was none yet.
    #[default]
    Silent,
    /// So far it repeats commentary.
    Repeats(Repetition),
    /// It was written, at least in part.
    Open,
    /// It is complete, or was not written at all.
    Ended,
}

/// What the text of all messages has in common.
#[derive(Debug, Default)]
pub(super) struct TextSoFar {
    /// Its characters.
    characters: u64,
    /// True if no blank line stands between messages.
    pub(super) apart: bool,
    commentary: Commentary,
    /// Commentary that is not shown, as long as nothing else is.
    hidden: String,
}

impl Message {
    /// Begins the message of an item.
    pub(super) fn new(phase: Option<&str>, hide_commentary: bool) -> Self {
        let kind = match phase {
            Some("commentary") if hide_commentary => MessageKind::Hidden,
            Some("commentary") => MessageKind::Commentary,
            _ => MessageKind::Answer,
        };
        Self { kind, ..Self::default() }
    }

    /// Takes the next text without markers: writes it, or lets it wait.
    fn take(
        &mut self,
        piece: Piece<'_>,
        so_far: &mut TextSoFar,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        if piece.text().is_empty() {
            return ControlFlow::Continue(());
        }
        if self.kind == MessageKind::Hidden {
            so_far.keep_hidden(piece.text());
            return ControlFlow::Continue(());
        }
        if matches!(self.state, State::Silent)
            && let Some(repetition) = so_far.commentary.compare()
        {
            self.state = State::Repeats(repetition);
        }
        if let State::Repeats(repetition) = &mut self.state {
            if repetition.push(&so_far.commentary, piece.text()) {
                return ControlFlow::Continue(());
            }
            let held = std::mem::take(&mut repetition.held);
            return self.release(held.as_str().into(), so_far, sink);
        }
        self.write(piece, so_far, sink)
    }

    /// Writes text that waited, and its annotations.
    fn release(
        &mut self,
        text: Piece<'_>,
        so_far: &mut TextSoFar,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        self.state = State::Silent;
        self.write(text, so_far, sink)?;
        self.annotate_held(so_far, sink)
    }

    /// Writes text, after a blank line where an earlier message has some.
    fn write(
        &mut self,
        piece: Piece<'_>,
        so_far: &mut TextSoFar,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        if matches!(self.state, State::Silent) {
            self.state = State::Open;
            if so_far.characters > 0 && !so_far.apart {
                so_far.characters += 2;
                sink.step(Delta::Text("\n\n".into()))?;
            }
            self.base = so_far.characters;
            if self.kind == MessageKind::Commentary {
                so_far.commentary.begin(self.base);
            }
        }
        so_far.characters += piece.text().chars().count() as u64;
        if self.kind == MessageKind::Commentary {
            so_far.commentary.push(piece.text());
        }
        sink.step(Delta::Text(piece))
    }

    /// Writes an annotation, or lets it wait with its text.
    fn annotate(
        &mut self,
        raw: &RawValue,
        so_far: &mut TextSoFar,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        if self.kind == MessageKind::Hidden {
            return ControlFlow::Continue(());
        }
        if matches!(self.state, State::Repeats(_)) {
            self.held.push(raw.to_owned());
            return ControlFlow::Continue(());
        }
        so_far.commentary.annotated |= self.kind == MessageKind::Commentary;
        let place = |place| self.base + self.markers.place(place);
        sink.step(Delta::Annotation(slot::annotation(raw, place)))
    }

    fn annotate_held(
        &mut self,
        so_far: &mut TextSoFar,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        for raw in std::mem::take(&mut self.held) {
            self.annotate(&raw, so_far, sink)?;
        }
        ControlFlow::Continue(())
    }

    /// Ends the text: what waits is written, unless all of it repeats commentary.
    pub(super) fn end(
        &mut self,
        so_far: &mut TextSoFar,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        let rest = self.markers.finish();
        self.take(rest.as_str().into(), so_far, sink)?;
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Repeats(repetition) => match repetition.whole(&so_far.commentary) {
                // The sources belong to the words that were shown, which may have none yet.
                Some(base) => {
                    self.base = base;
                    if so_far.commentary.annotated {
                        self.held.clear();
                    }
                    self.annotate_held(so_far, sink)
                }
                None => {
                    self.release(repetition.held.as_str().into(), so_far, sink)?;
                    self.state = State::Ended;
                    sink.step(Delta::TextEnd)
                }
            },
            State::Open => sink.step(Delta::TextEnd),
            State::Silent | State::Ended => ControlFlow::Continue(()),
        }
    }
}

impl TextSoFar {
    fn keep_hidden(&mut self, text: &str) {
        if self.characters == 0 && self.hidden.len() + text.len() <= MAX_HIDDEN {
            self.hidden.push_str(text);
        }
    }

    /// Writes hidden commentary where the answer has no text but that: it is the answer.
    pub(super) fn write_hidden(&mut self, sink: &mut impl Sink) -> ControlFlow<Finish> {
        let hidden = std::mem::take(&mut self.hidden);
        if self.characters > 0 || hidden.is_empty() {
            return ControlFlow::Continue(());
        }
        self.characters += hidden.chars().count() as u64;
        sink.step(Delta::Text(hidden.as_str().into()))?;
        sink.step(Delta::TextEnd)
    }
}

impl EventReader {
    /// Reads a delta of text.
    pub(super) fn text(
        &mut self,
        index: usize,
        delta: RawStr<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        self.begin(None, sink)?;
        let mut scratch = std::mem::take(&mut self.scratch);
        let flow = self.write_text(index, Piece::read(delta, &mut scratch), sink);
        self.scratch = scratch;
        flow
    }

    /// Writes text of the message at `index`.
    pub(super) fn write_text(
        &mut self,
        index: usize,
        piece: Piece<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        sink.item(index);
        let slot = self.slots.entry(index).or_insert_with(Slot::message);
        let Slot::Message(message) = slot else { return ControlFlow::Continue(()) };
        message.text += piece.text().len();
        let mut scratch = String::new();
        let piece = message.markers.strip(piece, &mut scratch);
        message.take(piece, &mut self.so_far, sink)
    }

    /// Writes an annotation of the message at `index`.
    pub(super) fn annotation(
        &mut self,
        index: usize,
        raw: &RawValue,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        self.begin(None, sink)?;
        let Slot::Message(message) = self.slots.entry(index).or_insert_with(Slot::message) else {
            return ControlFlow::Continue(());
        };
        message.annotations += 1;
        sink.item(index);
        message.annotate(raw, &mut self.so_far, sink)
    }
}
