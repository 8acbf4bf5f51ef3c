//! Steps that plain-text APIs have no words for, turned into text.

use std::ops::ControlFlow;

use crate::delta::Delta;
use crate::encoder::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::frames::Out;

/// Gives refusals and generated images as text; citations are in the text already.
///
/// Leaving them out would hide from the reader that the model refused, or that there is an image.
#[derive(Debug)]
pub struct TextOnly<E>(pub E);

impl<E: DeltaEncoder> DeltaEncoder for TextOnly<E> {
    type Output = E::Output;

    fn keeps_text(&self) -> bool {
        self.0.keeps_text()
    }

    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
        match delta {
            Delta::Refusal(text) => self.0.delta(Delta::Text(text), out),
            Delta::Image { format, base64 } => {
                let text = format!("\n\n![image](data:image/{format};base64,{base64})\n");
                self.0.delta(Delta::Text(text.as_str().into()), out)
            }
            delta => self.0.delta(delta, out),
        }
    }

    fn end(self, end: End, out: &mut Out) -> E::Output {
        self.0.end(end, out)
    }

    fn fail(self, failure: &Failure, out: &mut Out) {
        self.0.fail(failure, out);
    }
}
