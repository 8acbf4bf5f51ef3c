//! `POST /api/chat`.

use std::sync::Arc;
use std::time::Duration;

use chatmock_protocol::ollama::chat::{Reply as Wire, ReplyMessage, Request};

use super::lines::{self, Kind};
use super::{Ollama, Streamed, Whole, request};
use crate::chain::chain;
use crate::dialect::{Dialect, Output};
use crate::draft::Drafted;
use crate::failure::Failure;
use crate::frames::{Framing, Out};
use crate::reasoning_seal::ReasoningSeal;
use crate::reply::{Collector, Reply, ReplyCall};
use crate::shape::Shape;
use crate::text_only::TextOnly;

/// `POST /api/chat`.
#[derive(Clone, Copy, Debug)]
pub struct OllamaChat;

impl Dialect for OllamaChat {
    type Request<'b> = Request<'b>;
    type Own = ();
    type Encoder = Streamed;
    type Whole = Whole;
    type Response<'r> = Wire<'r>;
    type Family = Ollama;

    const NAME: &'static str = "ollama-chat";
    const FRAMING: Framing = Framing::Ndjson;

    fn read(body: &[u8]) -> Result<Request<'_>, Failure> {
        Ok(chatmock_protocol::json::read(body)?)
    }

    fn draft<'b>(
        request: Self::Request<'b>,
        _: &ReasoningSeal,
    ) -> Result<Drafted<'b, Self::Own>, Failure> {
        Ok(Drafted { draft: request::chat(request)?, own: () })
    }

    fn encoder(shape: &Arc<Shape<Self::Own>>, _: u32) -> Streamed {
        lines::streamed(shape, Kind::Chat)
    }

    fn whole(shape: &Arc<Shape<Self::Own>>, _: u32) -> Whole {
        chain(shape, TextOnly(Collector::new()))
    }

    fn tail(outcome: Result<&[Output<Self>], &Failure>, _: &Shape<Self::Own>, out: &mut Out) {
        lines::tail(outcome, out);
    }

    fn render<'r>(replies: &'r [Reply], shape: &'r Shape<Self::Own>, took: Duration) -> Wire<'r> {
        let reply = replies.first();
        let calls = reply.map(|reply| reply.calls().enumerate());
        // Arguments that broke off are no object, so such a call is not given; see `Lines`.
        let call = |(index, call): (usize, &'r ReplyCall)| {
            call.complete.then(|| lines::reply_call(index, call, &shape.shortened))
        };
        Wire {
            model: &shape.model,
            created_at: lines::line_time(shape.created, shape.since_created(took)),
            message: ReplyMessage {
                role: "assistant",
                content: reply.map(Reply::text).unwrap_or_default(),
                thinking: reply.map(Reply::reasoning).unwrap_or_default(),
                tool_calls: calls.into_iter().flatten().filter_map(call).collect(),
            },
            done: true,
            figures: reply.map(|reply| lines::figures(&reply.end, reply.first_at, took)),
        }
    }
}
