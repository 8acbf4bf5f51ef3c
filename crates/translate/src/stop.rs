//! Stop sequences and token caps, for every dialect.
//!
//! The backend takes neither, so text is cut here. Deltas end anywhere, also within a stop sequence,
//! so the end of a text that may turn out to be the start of one is held back until the next piece
//! decides. That is the least that can be held: nothing is delayed for a client which asked for no
//! stop sequence, and what is visible does not depend on how the backend cut its deltas.
//!
//! The alternative, to read the answer to its end and cut it then, would spend the tokens that a cap
//! is meant to save. The price of cutting early is that the backend never says what it used: counts
//! of an answer that was cut are those of [`crate::tokens`].

use std::ops::ControlFlow;

use chatmock_protocol::openai::chat::request::Stop;
use chatmock_protocol::responses::Usage;

use crate::delta::{Delta, Piece};
use crate::encoder::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::frames::Out;
use crate::tokens::{TokenCount, Tokenizer};

/// The conditions under which a reply is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopCriteria {
    /// Texts before which the reply ends; none is empty.
    pub sequences: Vec<String>,
    /// The most tokens of visible text.
    pub max_tokens: Option<u64>,
}

/// Reads stop sequences; `path` is that of the member which holds them.
///
/// # Errors
/// When one is empty.
pub(crate) fn sequences(stop: Option<Stop<'_>>, path: &str) -> Result<Vec<String>, Failure> {
    let stop: Vec<String> =
        stop.map(|stop| stop.0).into_iter().flatten().map(|text| text.0.into_owned()).collect();
    match stop.iter().position(String::is_empty) {
        Some(index) => Err(Failure::param(format!("{path}[{index}]"), "a stop sequence is empty")),
        None => Ok(stop),
    }
}

/// Decides how much of a text is visible. [`StopAt`] uses it for deltas, and the passthrough of the
/// Responses API for events.
#[derive(Debug)]
pub(crate) struct Limiter {
    criteria: StopCriteria,
    /// Text that may turn out to be the start of a stop sequence.
    held: String,
    /// The tokens of the visible text.
    count: Box<dyn TokenCount>,
    /// The reason why the text ended, once it has.
    finish: Option<Finish>,
}

impl Limiter {
    pub(crate) fn new(criteria: StopCriteria, tokenizer: &dyn Tokenizer) -> Self {
        Self { criteria, held: String::new(), count: tokenizer.start(), finish: None }
    }

    /// Gives `write` as much of the text as is visible; returns a break where the text ends, and the
    /// reason then stays in [`Self::finish`].
    pub(crate) fn push(
        &mut self,
        piece: Piece<'_>,
        write: &mut impl FnMut(Piece<'_>) -> ControlFlow<Finish>,
    ) -> ControlFlow<Finish> {
        if self.criteria.sequences.is_empty() {
            return self.cap(piece, write);
        }
        self.held.push_str(piece.text());
        let held = std::mem::take(&mut self.held);
        if let Some((start, index)) = self.find(&held) {
            self.cap(held.get(..start).unwrap_or_default().into(), write)?;
            return self.end(Finish::StopSequence(index));
        }
        let safe = held.len() - self.possible_start(&held);
        let flow = self.cap(held.get(..safe).unwrap_or_default().into(), write);
        held.get(safe..).unwrap_or_default().clone_into(&mut self.held);
        flow
    }

    /// Gives `write` what is held back, where no stop sequence can become complete any more.
    pub(crate) fn release(
        &mut self,
        write: &mut impl FnMut(Piece<'_>) -> ControlFlow<Finish>,
    ) -> ControlFlow<Finish> {
        if self.finish.is_some() {
            return ControlFlow::Continue(());
        }
        let held = std::mem::take(&mut self.held);
        self.cap(held.as_str().into(), write)
    }

    /// Counts text that is written in full, whatever the cap.
    pub(crate) fn count(&mut self, text: &str) {
        self.count.take(text, u64::MAX);
    }

    /// Returns the number of bytes that are held back.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// Returns the reason why the text ended, once it has.
    pub(crate) fn finish(&self) -> Option<Finish> {
        self.finish
    }

    /// The tokens of the visible text.
    pub(crate) fn tokens(&self) -> u64 {
        self.count.tokens()
    }

    /// The counts of an answer that was cut here. What was written is counted; the input, which the
    /// backend never gets to report, is left at zero.
    pub(crate) fn usage(&self) -> Usage {
        let output = self.tokens();
        Usage { output, total: output, ..Usage::default() }
    }

    /// Finds the sequence that is complete first, so that the cut of the deltas does not matter:
    /// where it starts, and its number.
    fn find(&self, held: &str) -> Option<(usize, usize)> {
        let ends = self.criteria.sequences.iter().enumerate().filter_map(|(index, stop)| {
            held.find(stop.as_str()).map(|start| (start + stop.len(), start, index))
        });
        ends.min().map(|(_, start, index)| (start, index))
    }

    /// The length of the longest end of `held` with which a stop sequence begins.
    fn possible_start(&self, held: &str) -> usize {
        let longest = |stop: &String| {
            (1..stop.len().min(held.len() + 1))
                .rev()
                .filter(|length| stop.is_char_boundary(*length))
                .find(|length| stop.get(..*length).is_some_and(|start| held.ends_with(start)))
        };
        self.criteria.sequences.iter().filter_map(longest).max().unwrap_or(0)
    }

    /// Writes text up to the token cap.
    fn cap(
        &mut self,
        piece: Piece<'_>,
        write: &mut impl FnMut(Piece<'_>) -> ControlFlow<Finish>,
    ) -> ControlFlow<Finish> {
        let text = piece.text();
        if text.is_empty() {
            return ControlFlow::Continue(());
        }
        let fits = match self.criteria.max_tokens {
            // Tokens that were counted beyond the cap do not make room for more.
            Some(most) => self.count.take(text, most.max(self.count.tokens())),
            // Nothing can end this text early, so that its count is never asked for.
            None if self.criteria.sequences.is_empty() => text.len(),
            None => self.count.take(text, u64::MAX),
        };
        let (within, over) = text.split_at_checked(fits).unwrap_or((text, ""));
        if over.is_empty() {
            return write(piece);
        }
        if !within.is_empty() {
            write(within.into())?;
        }
        self.end(Finish::Length)
    }

    fn end(&mut self, finish: Finish) -> ControlFlow<Finish> {
        ControlFlow::Break(*self.finish.get_or_insert(finish))
    }
}

/// Cuts the text of a reply; without stop criteria, it passes everything on.
#[derive(Debug)]
pub struct StopAt<E> {
    limiter: Limiter,
    encoder: E,
    /// Calls that are being written.
    open_calls: usize,
    /// The number of bytes of the held text before a [`Delta::TextEnd`] that waits for them.
    text_end: Option<usize>,
}

impl<E: DeltaEncoder> StopAt<E> {
    /// Wraps `encoder`.
    #[must_use]
    pub fn new(criteria: StopCriteria, tokenizer: &dyn Tokenizer, encoder: E) -> Self {
        let limiter = Limiter::new(criteria, tokenizer);
        Self { limiter, encoder, open_calls: 0, text_end: None }
    }

    fn text(&mut self, text: Piece<'_>, out: &mut Out) -> ControlFlow<Finish> {
        let Self { limiter, encoder, text_end, .. } = self;
        let flow = limiter.push(text, &mut |piece| write(piece, text_end, encoder, out));
        if self.limiter.finish().is_none() || self.open_calls == 0 {
            return flow;
        }
        // A call that is being written is never cut, so the reply waits for its end.
        self.encoder.delta(Delta::TextEnd, out)
    }

    fn release(&mut self, out: &mut Out) -> ControlFlow<Finish> {
        let Self { limiter, encoder, text_end, .. } = self;
        limiter.release(&mut |piece| write(piece, text_end, encoder, out))
    }
}

/// Writes text, and the end of a message's text where it lies within it.
fn write(
    piece: Piece<'_>,
    text_end: &mut Option<usize>,
    encoder: &mut impl DeltaEncoder,
    out: &mut Out,
) -> ControlFlow<Finish> {
    let Some(end) = text_end.take() else { return encoder.delta(Delta::Text(piece), out) };
    let Some((ended, begun)) = piece.text().split_at_checked(end) else {
        *text_end = Some(end - piece.text().len());
        return encoder.delta(Delta::Text(piece), out);
    };
    for delta in [Delta::Text(ended.into()), Delta::TextEnd, Delta::Text(begun.into())] {
        if !matches!(delta, Delta::Text(text) if text.text().is_empty()) {
            encoder.delta(delta, out)?;
        }
    }
    ControlFlow::Continue(())
}

impl<E: DeltaEncoder> DeltaEncoder for StopAt<E> {
    type Output = E::Output;

    fn keeps_text(&self) -> bool {
        self.encoder.keeps_text()
    }

    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
        match delta {
            Delta::Text(_) | Delta::TextEnd if self.limiter.finish().is_some() => {
                ControlFlow::Continue(())
            }
            Delta::Text(text) => self.text(text, out),
            // A sequence may begin in one message and end in the next, as `.\n\n` does.
            Delta::TextEnd if self.limiter.held() > 0 => {
                self.text_end = Some(self.limiter.held());
                ControlFlow::Continue(())
            }
            Delta::CallStart(_) => {
                self.release(out)?;
                self.open_calls += 1;
                self.encoder.delta(delta, out)
            }
            Delta::CallEnd { .. } => {
                self.open_calls = self.open_calls.saturating_sub(1);
                self.encoder.delta(delta, out)?;
                let finish = self.limiter.finish().filter(|_| self.open_calls == 0);
                finish.map_or(ControlFlow::Continue(()), ControlFlow::Break)
            }
            _ => self.encoder.delta(delta, out),
        }
    }

    fn end(mut self, mut end: End, out: &mut Out) -> E::Output {
        // The reply ends here in any case.
        let _ = self.release(out);
        if let Some(finish) = self.limiter.finish() {
            end.finish = finish;
            end.usage.get_or_insert_with(|| self.limiter.usage());
        }
        self.encoder.end(end, out)
    }

    fn fail(mut self, failure: &Failure, out: &mut Out) {
        // A failure follows in any case, so that it does not matter whether this reaches a limit.
        let _ = self.release(out);
        self.encoder.fail(failure, out);
    }
}

#[cfg(test)]
mod tests;
