//! `POST /api/generate`.

use std::sync::Arc;
use std::time::Duration;

use chatmock_protocol::ollama::generate::{Reply as Wire, Request};

use super::lines::{self, Kind};
use super::{Ollama, OllamaChat, Streamed, Whole, request};
use crate::dialect::{Dialect, Output};
use crate::draft::Drafted;
use crate::failure::Failure;
use crate::frames::{Framing, Out};
use crate::reasoning_seal::ReasoningSeal;
use crate::reply::Reply;
use crate::shape::Shape;

/// `POST /api/generate`.
#[derive(Clone, Copy, Debug)]
pub struct OllamaGenerate;

impl Dialect for OllamaGenerate {
    type Request<'b> = Request<'b>;
    type Own = ();
    type Encoder = Streamed;
    type Whole = Whole;
    type Response<'r> = Wire<'r>;
    type Family = Ollama;

    const NAME: &'static str = "ollama-generate";
    const FRAMING: Framing = Framing::Ndjson;

    fn read(body: &[u8]) -> Result<Request<'_>, Failure> {
        Ok(chatmock_protocol::json::read(body)?)
    }

    fn draft<'b>(
        request: Self::Request<'b>,
        _: &ReasoningSeal,
    ) -> Result<Drafted<'b, Self::Own>, Failure> {
        Ok(Drafted { draft: request::generate(request)?, own: () })
    }

    fn encoder(shape: &Arc<Shape<Self::Own>>, _: u32) -> Streamed {
        lines::streamed(shape, Kind::Generate)
    }

    fn whole(shape: &Arc<Shape<Self::Own>>, choice: u32) -> Whole {
        OllamaChat::whole(shape, choice)
    }

    fn tail(outcome: Result<&[Output<Self>], &Failure>, _: &Shape<Self::Own>, out: &mut Out) {
        lines::tail(outcome, out);
    }

    fn render<'r>(replies: &'r [Reply], shape: &'r Shape<Self::Own>, took: Duration) -> Wire<'r> {
        let reply = replies.first();
        Wire {
            model: &shape.model,
            created_at: lines::line_time(shape.created, shape.since_created(took)),
            response: reply.map(Reply::text).unwrap_or_default(),
            thinking: reply.map(Reply::reasoning).unwrap_or_default(),
            done: true,
            figures: reply.map(|reply| lines::figures(&reply.end, reply.first_at, took)),
        }
    }
}
