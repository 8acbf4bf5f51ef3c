//! Reasoning, worded as the operator wants it shown.
//!
//! OpenAI's chat API has no member for reasoning, and clients agreed on none: some read a field,
//! others look for `<think>` in the text, as local models write it. So the style is a setting, and
//! this adapter turns one stream of steps into any of them. Tags are opened late and closed early,
//! once for each reply, since clients search for one block at the start of the text.

use std::ops::ControlFlow;

use chatmock_protocol::json::RawString;

use crate::delta::{Annotation, Delta, Piece};
use crate::encoder::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::frames::Out;

/// The way in which replies show reasoning.
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

/// The state of a reply's tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tags {
    Unopened,
    Open,
    Closed,
}

/// Leaves reasoning out, moves it into the text, or passes it on for the dialect to word.
///
/// The end of an item of reasoning passes in every style: what it brings is not shown to people.
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
    pub fn new(style: ReasoningStyle, encoder: E) -> Self {
        Self { style, tags: Tags::Unopened, shift: 0, encoder }
    }

    /// Writes reasoning as text while the tags are open or can be opened.
    fn write_tagged(&mut self, text: Piece<'_>, out: &mut Out) -> ControlFlow<Finish> {
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
    fn close_tags(&mut self, out: &mut Out) -> ControlFlow<Finish> {
        match std::mem::replace(&mut self.tags, Tags::Closed) {
            Tags::Open => self.write(CLOSE.into(), out),
            Tags::Unopened | Tags::Closed => ControlFlow::Continue(()),
        }
    }
}

impl<E: DeltaEncoder> DeltaEncoder for StyledReasoning<E> {
    type Output = E::Output;

    fn keeps_text(&self) -> bool {
        self.encoder.keeps_text()
    }

    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
        match (self.style, delta) {
            (ReasoningStyle::None, Delta::Reasoning { .. } | Delta::ReasoningBreak(_)) => {
                ControlFlow::Continue(())
            }
            (ReasoningStyle::ThinkTags, Delta::Reasoning { text, .. })
                if self.tags != Tags::Closed =>
            {
                self.write_tagged(text, out)
            }
            (ReasoningStyle::ThinkTags, Delta::ReasoningBreak(_)) if self.tags == Tags::Open => {
                self.write("\n\n".into(), out)
            }
            (
                ReasoningStyle::ThinkTags,
                delta @ (Delta::Text(_)
                | Delta::Refusal(_)
                | Delta::CallStart(_)
                | Delta::Image { .. }),
            ) => {
                self.close_tags(out)?;
                self.encoder.delta(delta, out)
            }
            (ReasoningStyle::ThinkTags, Delta::Annotation(annotation)) => {
                self.encoder.delta(Delta::Annotation(shifted(annotation, self.shift)), out)
            }
            (_, delta) => self.encoder.delta(delta, out),
        }
    }

    fn end(mut self, end: End, out: &mut Out) -> E::Output {
        // The reply ends here in any case.
        let _ = self.close_tags(out);
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

/// Returns the assistant's text without a block of reasoning at its start, which is not sent back:
/// as text it is not what the model thought.
pub(crate) fn without_reasoning(text: RawString<'_>) -> RawString<'_> {
    match text.trimmed_starts_with(OPEN) {
        true => strip_tags(&text.text()).to_owned().into(),
        false => text,
    }
}

/// Strips the block that [`ReasoningStyle::ThinkTags`] puts at the start of a text.
fn strip_tags(text: &str) -> &str {
    let Some(rest) = text.trim_start().strip_prefix(OPEN) else { return text };
    match rest.split_once("</think>") {
        Some((_, visible)) => visible.trim_start_matches(['\r', '\n']),
        None => text,
    }
}

#[cfg(test)]
mod tests;
