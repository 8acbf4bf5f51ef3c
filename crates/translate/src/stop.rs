//! Stop sequences and token caps, which the backend does not take: cut here, for every dialect.

use std::ops::ControlFlow;

use chatmock_protocol::openai::chat::request::Stop;
use chatmock_protocol::responses::Usage;

use crate::delta::{Delta, Piece};
use crate::dialect::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::frames::Out;
use crate::shape::Shape;
use crate::tokens::TokenCount;

/// Where a reply is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopCriteria {
    /// Texts before which the reply ends; none is empty.
    pub sequences: Vec<String>,
    /// The most tokens of visible text.
    pub max_tokens: Option<u64>,
}

/// Reads stop sequences; `path` is that of the member they stand in.
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

/// Cuts at the bounds; without any, it passes everything on.
#[derive(Debug)]
pub struct StopAt<E> {
    criteria: StopCriteria,
    encoder: E,
    /// Text that may turn out to be the start of a stop sequence.
    held: String,
    /// The tokens written so far.
    count: Box<dyn TokenCount>,
    /// A bound was reached: the backend's own counts will not come.
    cut: bool,
    /// Calls that are being written.
    open: usize,
    /// How the reply ends once no call is being written.
    over: Option<Finish>,
}

impl<E: DeltaEncoder> StopAt<E> {
    /// Wraps `encoder`.
    #[must_use]
    pub fn new(shape: &Shape, encoder: E) -> Self {
        let (criteria, count) = (shape.stop.clone(), shape.tokenizer.start());
        Self { criteria, encoder, held: String::new(), count, cut: false, open: 0, over: None }
    }

    fn text(&mut self, text: Piece<'_>, out: &mut Out) -> ControlFlow<Finish> {
        if self.criteria.sequences.is_empty() {
            return self.write(text, out);
        }
        self.held.push_str(text.text());
        let held = std::mem::take(&mut self.held);
        // The sequence that is complete first wins, so that the cut of the deltas does not matter.
        let found = |stop: &String| held.find(stop).map(|start| (start + stop.len(), start));
        if let Some((_, start)) = self.criteria.sequences.iter().filter_map(found).min() {
            self.write(held.get(..start).unwrap_or_default().into(), out)?;
            return self.end_text(Finish::Stop);
        }
        let safe = held.len() - self.possible_start(&held);
        let flow = self.write(held.get(..safe).unwrap_or_default().into(), out);
        held.get(safe..).unwrap_or_default().clone_into(&mut self.held);
        flow
    }

    /// The length of the longest end of `held` with which a stop sequence begins.
    fn possible_start(&self, held: &str) -> usize {
        let longest = |stop: &String| {
            (1..stop.len().min(held.len() + 1))
                .rev()
                .filter(|n| stop.is_char_boundary(*n))
                .find(|n| stop.get(..*n).is_some_and(|start| held.ends_with(start)))
        };
        self.criteria.sequences.iter().filter_map(longest).max().unwrap_or(0)
    }

    /// Writes text up to the token cap.
    fn write(&mut self, piece: Piece<'_>, out: &mut Out) -> ControlFlow<Finish> {
        let text = piece.text();
        if text.is_empty() {
            return ControlFlow::Continue(());
        }
        // Without any bound the count is not needed, and the turn is not let go.
        let fits = match self.criteria.max_tokens {
            Some(most) => self.count.take(text, most),
            None if self.criteria.sequences.is_empty() => text.len(),
            None => self.count.take(text, u64::MAX),
        };
        let (written, over) = text.split_at_checked(fits).unwrap_or((text, ""));
        if over.is_empty() {
            return self.encoder.delta(Delta::Text(piece), out);
        }
        if !written.is_empty() {
            self.encoder.delta(Delta::Text(written.into()), out)?;
        }
        self.end_text(Finish::Length)
    }

    /// Ends the text, and the reply with it; a call that is being written is never cut, so the
    /// reply waits for its end.
    fn end_text(&mut self, finish: Finish) -> ControlFlow<Finish> {
        self.cut = true;
        let over = *self.over.get_or_insert(finish);
        if self.open == 0 { ControlFlow::Break(over) } else { ControlFlow::Continue(()) }
    }

    /// Writes what was held back, since no stop sequence can complete any more.
    fn release(&mut self, out: &mut Out) -> ControlFlow<Finish> {
        if self.cut {
            return ControlFlow::Continue(());
        }
        let held = std::mem::take(&mut self.held);
        self.write(held.as_str().into(), out)
    }
}

impl<E: DeltaEncoder> DeltaEncoder for StopAt<E> {
    type Output = E::Output;

    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
        match delta {
            Delta::Text(_) if self.cut => ControlFlow::Continue(()),
            Delta::Text(text) => self.text(text, out),
            Delta::CallStart { .. } => {
                self.release(out)?;
                self.open += 1;
                self.encoder.delta(delta, out)
            }
            Delta::CallEnd { .. } => {
                self.open = self.open.saturating_sub(1);
                self.encoder.delta(delta, out)?;
                let over = self.over.filter(|_| self.open == 0);
                over.map_or(ControlFlow::Continue(()), ControlFlow::Break)
            }
            _ => self.encoder.delta(delta, out),
        }
    }

    fn end(mut self, mut end: End, out: &mut Out) -> E::Output {
        // The reply ends here in any case.
        let _ = self.release(out);
        end.finish = self.over.unwrap_or(end.finish);
        if self.cut && end.usage.is_none() {
            // The turn is let go at the cut, so the backend never says what it used: what was
            // written is counted, and input, which is not known, is left at zero.
            let output = self.count.tokens();
            end.usage = Some(Usage { output, total: output, ..Usage::default() });
        }
        self.encoder.end(end, out)
    }

    fn fail(mut self, failure: &Failure, out: &mut Out) {
        // A failure follows in any case, so whether this reaches a bound does not matter.
        let _ = self.release(out);
        self.encoder.fail(failure, out);
    }
}

#[cfg(test)]
mod tests;
