//! Anthropic's family: the messages dialect.

mod blocks;
mod checked;
mod client_tools;
mod count;
mod documents;
mod events;
mod family;
mod lowering;
mod models;
mod options;
mod reply;
mod request;
mod search_results;
mod tools;

use std::sync::Arc;
use std::time::Duration;

use chatmock_protocol::anthropic::event::Event;
use chatmock_protocol::anthropic::reply::Message;
use chatmock_protocol::anthropic::request::Request;

use crate::chain::{BlockChain, block_chain};
use crate::dialect::{Dialect, Output};
use crate::draft::Drafted;
use crate::failure::Failure;
use crate::family::Family;
use crate::frames::{Framing, Out};
use crate::reasoning_seal::ReasoningSeal;
use crate::reply::Reply;
use crate::shape::Shape;

use checked::{Checked, WholeBlocks};
pub use count::count_tokens;
pub use events::BlockEvents;
pub use family::Anthropic;
pub use models::{model, model_list};
use search_results::SearchResults;

/// The part of a request that only the encoders of messages need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessagesShape {
    /// The blocks that show reasoning.
    pub thinking: ShownThinking,
    /// The seal of the reasoning that is handed out.
    pub seal: ReasoningSeal,
    /// About how many tokens the request has; it stands for the backend's count where that does not come.
    pub input_tokens: u64,
    /// True if the fast mode was asked for.
    pub fast: bool,
    /// True if nothing but a web search is offered, so that its pages are what is wanted.
    pub only_searches: bool,
}

/// The blocks that show reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShownThinking {
    /// There are none.
    #[default]
    None,
    /// Their text is empty; they only carry the reasoning back.
    Sealed,
    /// They have text.
    Text,
}

/// `POST /v1/messages`.
#[derive(Clone, Copy, Debug)]
pub struct Messages;

impl Dialect for Messages {
    type Request<'b> = Request<'b>;
    type Own = MessagesShape;
    type Encoder = Checked<BlockChain<SearchResults<BlockEvents>>>;
    type Whole = Checked<BlockChain<SearchResults<WholeBlocks>>>;
    type Response<'r> = Message<'r>;
    type Family = Anthropic;

    const NAME: &'static str = "messages";
    const FRAMING: Framing = Framing::Sse;

    fn read(body: &[u8]) -> Result<Request<'_>, Failure> {
        Ok(chatmock_protocol::json::read(body)?)
    }

    fn draft<'b>(
        request: Self::Request<'b>,
        seal: &ReasoningSeal,
    ) -> Result<Drafted<'b, Self::Own>, Failure> {
        request::draft(request, seal)
    }

    fn encoder(shape: &Arc<Shape<Self::Own>>, _: u32) -> Self::Encoder {
        let searches = SearchResults::new(shape.own.only_searches, BlockEvents::new(shape));
        Checked(block_chain(shape, searches))
    }

    fn whole(shape: &Arc<Shape<Self::Own>>, _: u32) -> Self::Whole {
        let searches = SearchResults::new(shape.own.only_searches, WholeBlocks::default());
        Checked(block_chain(shape, searches))
    }

    fn tail(outcome: Result<&[Output<Self>], &Failure>, shape: &Shape<Self::Own>, out: &mut Out) {
        match outcome {
            Ok(_) => out.frames.message_json(Some("message_stop"), &Event::MessageStop),
            Err(failure) => {
                let failure = Self::explain(failure.clone(), shape);
                out.frames.message_json(Some("error"), &Anthropic::error(&failure));
            }
        }
    }

    fn render<'r>(replies: &'r [Reply], shape: &'r Shape<Self::Own>, _: Duration) -> Message<'r> {
        reply::render(replies.first(), shape)
    }

    fn explain(failure: Failure, shape: &Shape<Self::Own>) -> Failure {
        family::with_facts(failure, shape)
    }

    fn keep_alive(shape: &Shape<Self::Own>, out: &mut Out) {
        // Before its beginning a message has no events.
        if shape.response_id.get().is_some() {
            out.frames.message_json(Some("ping"), &Event::Ping);
        } else {
            out.frames.comment(crate::dialect::KEEP_ALIVE);
        }
    }
}

#[cfg(test)]
mod tests;
