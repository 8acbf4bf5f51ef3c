//! The chain of adapters in front of every encoder that works on steps.

use crate::encoder::DeltaEncoder;
use crate::reader::{InRow, ReaderEncoder};
use crate::reasoning_style::StyledReasoning;
use crate::shape::Shape;
use crate::stop::StopAt;

/// Events become steps, the text of which is cut, and the reasoning styled.
///
/// The text is cut before reasoning is styled, so that reasoning which is moved into the text
/// counts neither for a stop sequence nor for a cap.
pub(crate) type Chain<E> = ReaderEncoder<StopAt<StyledReasoning<E>>>;

/// Puts the adapters in front of an encoder, as the shape asks for them.
pub(crate) fn chain<O, E: DeltaEncoder>(shape: &Shape<O>, encoder: E) -> Chain<E> {
    let styled = StyledReasoning::new(shape.reasoning_style(), encoder);
    let stopped = StopAt::new(shape.stop.clone(), &*shape.tokenizer, styled);
    ReaderEncoder::new(shape.hide_commentary, stopped)
}

/// The same for dialects of blocks, which are given one item after the other.
pub(crate) type BlockChain<E> = InRow<StopAt<StyledReasoning<E>>>;

/// Puts the adapters in front of an encoder of blocks, as the shape asks for them.
pub(crate) fn block_chain<O, E: DeltaEncoder>(shape: &Shape<O>, encoder: E) -> BlockChain<E> {
    let styled = StyledReasoning::new(shape.reasoning_style(), encoder);
    let stopped = StopAt::new(shape.stop.clone(), &*shape.tokenizer, styled);
    InRow::new(shape.hide_commentary, stopped)
}
