//! The seam between the one pipeline and each client API.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::draft::Drafted;
use crate::encoder::Encoder;
use crate::failure::Failure;
use crate::family::Family;
use crate::frames::{Framing, Out};
use crate::reasoning_seal::ReasoningSeal;
use crate::shape::Shape;

/// One client API: how its requests are read and its replies worded.
///
/// A dialect is a type parameter of the pipeline, so that every turn of every API runs through the
/// same code. A stream and a whole reply come from the same events: [`Self::whole`] collects what
/// [`Self::encoder`] would write.
pub trait Dialect: 'static {
    /// A request as read, borrowed from the body.
    type Request<'b>: Send;
    /// The facts about a request that only this dialect's encoders need.
    type Own: Clone + Debug + Default + Send + Sync + 'static;
    /// Encodes one choice of a streamed reply.
    type Encoder: Encoder;
    /// Collects one choice of a whole reply.
    type Whole: Encoder;
    /// A whole reply.
    type Response<'r>: Serialize;
    /// The vendor's family, which words failures.
    type Family: Family;

    /// The dialect's name in logs.
    const NAME: &'static str;
    /// The framing of its streams where the connection does not decide it.
    const FRAMING: Framing;

    /// Reads a body.
    ///
    /// # Errors
    /// When it is not JSON of the dialect's shape.
    fn read(body: &[u8]) -> Result<Self::Request<'_>, Failure>;

    /// Lowers a request to the Responses API: only what the client said, no policy. Reasoning that
    /// the client returns is opened by the seal of the account that answers.
    ///
    /// # Errors
    /// When the value of a member is not valid.
    fn draft<'b>(
        request: Self::Request<'b>,
        seal: &ReasoningSeal,
    ) -> Result<Drafted<'b, Self::Own>, Failure>;

    /// Starts one streamed choice.
    fn encoder(shape: &Arc<Shape<Self::Own>>, choice: u32) -> Self::Encoder;

    /// Starts one choice of a whole reply.
    fn whole(shape: &Arc<Shape<Self::Own>>, choice: u32) -> Self::Whole;

    /// Writes what ends a stream, once for all its choices.
    fn tail(outcome: Result<&[Output<Self>], &Failure>, shape: &Shape<Self::Own>, out: &mut Out);

    /// Words a whole reply; `took` is the time since the request arrived.
    fn render<'r>(
        replies: &'r [WholeOutput<Self>],
        shape: &'r Shape<Self::Own>,
        took: Duration,
    ) -> Self::Response<'r>;

    /// Writes the reply of which nothing has been done; `None` where the API has no such thing. `shape` has its id.
    fn queued(_: &Shape<Self::Own>) -> Option<String> {
        None
    }

    /// Writes the reply that was streamed as clients are given it later, where the dialect has that.
    fn kept(_: &[Output<Self>], _: &Shape<Self::Own>) -> Option<String> {
        None
    }

    /// Writes the reply that was given whole in the same way.
    fn kept_whole(_: &[WholeOutput<Self>], _: &Shape<Self::Own>) -> Option<String> {
        None
    }

    /// Adds to a failure what is known of the turn that failed, where the dialect has words for it.
    #[must_use]
    fn explain(failure: Failure, _: &Shape<Self::Own>) -> Failure {
        failure
    }

    /// Writes that a stream is alive, after a long silence.
    fn keep_alive(_: &Shape<Self::Own>, out: &mut Out) {
        out.frames.comment(KEEP_ALIVE);
    }
}

/// A comment that says only that the connection lives.
pub(crate) const KEEP_ALIVE: &str = "keep-alive";

/// The output of a streamed choice of `D`, which its tail is given.
pub type Output<D> = <<D as Dialect>::Encoder as Encoder>::Output;

/// The output of a collected choice of `D`, which is rendered.
pub type WholeOutput<D> = <<D as Dialect>::Whole as Encoder>::Output;
