//! Steps that plain-text APIs have no words for, turned into text.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::delta::Delta;
use crate::dialect::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::frames::Frames;

/// Gives refusals and generated images as text; citations stand in the text already.
#[derive(Debug)]
pub struct TextOnly<E>(pub E);

impl<E: DeltaEncoder> DeltaEncoder for TextOnly<E> {
    type Output = E::Output;

    fn delta(
        &mut self,
        delta: Delta<'_>,
        at: Duration,
        frames: &mut Frames,
    ) -> ControlFlow<Finish> {
        match delta {
            Delta::Refusal(text) => self.0.delta(Delta::Text(text), at, frames),
            Delta::Image { format, base64 } => {
                let text = format!("\n\n![image](data:image/{format};base64,{base64})\n");
                self.0.delta(Delta::Text(text.as_str().into()), at, frames)
            }
            delta => self.0.delta(delta, at, frames),
        }
    }

    fn end(self, end: End, at: Duration, frames: &mut Frames) -> E::Output {
        self.0.end(end, at, frames)
    }

    fn fail(self, failure: &Failure, frames: &mut Frames) {
        self.0.fail(failure, frames);
    }
}
