//! Reasoning, worded as the person wants it shown.

use std::ops::ControlFlow;

use chatmock_protocol::json::RawString;

use crate::delta::{Annotation, Delta, Piece};
use crate::dialect::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::frames::Out;
use crate::shape::Shape;

/// How reasoning is worded in replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReasoningStyle {
    /// In the field `reasoning_content`.
    #[default]
    ReasoningContent,
    /// At the start of the text, between `<think>` and `</think>`.
    ThinkTags,
    /// In the field `reasoning`, as a list of parts.
    O3,
    /// In the fields `reasoning_summary` and `reasoning`.
    Legacy,
    /// Not at all.
    None,
}

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>\n\n";

/// Whether the tags of a reply have been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tags {
    Unopened,
    Open,
    Closed,
}

/// Leaves reasoning out, moves it into the text, or passes it on for the dialect to word.
#[derive(Debug)]
pub struct StyledReasoning<E> {
    style: ReasoningStyle,
    tags: Tags,
    /// Characters that the tags put before the text, by which citations move.
    shift: u64,
    encoder: E,
}

impl<E: DeltaEncoder> StyledReasoning<E> {
    /// Wraps `encoder`.
    #[must_use]
    pub fn new(shape: &Shape, encoder: E) -> Self {
        // In JSON mode the text must stay JSON, so tags give way to the field.
        let style = match shape.reasoning {
            ReasoningStyle::ThinkTags if shape.json => ReasoningStyle::ReasoningContent,
            style => style,
        };
        Self { style, tags: Tags::Unopened, shift: 0, encoder }
    }

    /// Writes reasoning as text while the tags are open or can be opened.
    fn tagged(&mut self, text: Piece<'_>, out: &mut Out) -> ControlFlow<Finish> {
        if self.tags == Tags::Unopened {
            self.tags = Tags::Open;
            self.write(OPEN.into(), out)?;
        }
        self.write(text, out)
    }

    fn write(&mut self, text: Piece<'_>, out: &mut Out) -> ControlFlow<Finish> {
        self.shift += text.text().chars().count() as u64;
        self.encoder.delta(Delta::Text(text), out)
    }

    /// Closes the tags before anything but reasoning.
    fn close(&mut self, out: &mut Out) -> ControlFlow<Finish> {
        match std::mem::replace(&mut self.tags, Tags::Closed) {
            Tags::Open => self.write(CLOSE.into(), out),
            Tags::Unopened | Tags::Closed => ControlFlow::Continue(()),
        }
    }
}

impl<E: DeltaEncoder> DeltaEncoder for StyledReasoning<E> {
    type Output = E::Output;

    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
        match (self.style, delta) {
            (ReasoningStyle::None, Delta::Reasoning { .. } | Delta::ReasoningBreak(_)) => {
                ControlFlow::Continue(())
            }
            (ReasoningStyle::ThinkTags, Delta::Reasoning { text, .. })
                if self.tags != Tags::Closed =>
            {
                self.tagged(text, out)
            }
            (ReasoningStyle::ThinkTags, Delta::ReasoningBreak(_)) if self.tags == Tags::Open => {
                self.write("\n\n".into(), out)
            }
            (
                ReasoningStyle::ThinkTags,
                delta @ (Delta::Text(_)
                | Delta::Refusal(_)
                | Delta::CallStart { .. }
                | Delta::Image { .. }),
            ) => {
                self.close(out)?;
                self.encoder.delta(delta, out)
            }
            (ReasoningStyle::ThinkTags, Delta::Annotation(annotation)) => {
                let moved = shifted(annotation, self.shift);
                self.encoder.delta(Delta::Annotation(moved), out)
            }
            (_, delta) => self.encoder.delta(delta, out),
        }
    }

    fn end(mut self, end: End, out: &mut Out) -> E::Output {
        // The reply ends here in any case.
        let _ = self.close(out);
        self.encoder.end(end, out)
    }

    fn fail(self, failure: &Failure, out: &mut Out) {
        self.encoder.fail(failure, out);
    }
}

fn shifted(annotation: Annotation<'_>, by: u64) -> Annotation<'_> {
    match annotation {
        Annotation::Citation { start, end, url, title } => {
            Annotation::Citation { start: start + by, end: end + by, url, title }
        }
        other @ Annotation::Other(_) => other,
    }
}

/// The assistant's text without such a block at its start; see [`without_thinking`].
pub(crate) fn spoken(text: RawString<'_>) -> RawString<'_> {
    match text.trimmed_starts_with(OPEN) {
        true => without_thinking(&text.text()).to_owned().into(),
        false => text,
    }
}

/// Leaves out the block that [`ReasoningStyle::ThinkTags`] put at the start of a text.
#[must_use]
pub fn without_thinking(text: &str) -> &str {
    let Some(rest) = text.trim_start().strip_prefix(OPEN) else { return text };
    match rest.split_once("</think>") {
        Some((_, visible)) => visible.trim_start_matches(['\r', '\n']),
        None => text,
    }
}
