//! Bodies on one of OpenAI's two routes of turns, in either of their two shapes.
//!
//! Programs exist that post the one shape to the other's route. What they meant is plain, so it is
//! understood, and answered in the route's own shape.

use chatmock_protocol::json;
use chatmock_protocol::openai::chat::request::Request as Chat;
use chatmock_protocol::responses::Request as Responses;

use super::{chat, responses};
use crate::draft::Drafted;
use crate::failure::Failure;
use crate::notice::Notice;
use crate::openai::chat::ChatShape;
use crate::openai::responses::ResponsesShape;
use crate::reasoning_seal::ReasoningSeal;

/// A request of either API.
#[derive(Debug)]
pub enum OpenAiBody<'b> {
    /// In the shape of chat completions.
    Chat(Box<Chat<'b>>),
    /// In the shape of the Responses API.
    Responses(Responses<'b>),
}

impl<'b> OpenAiBody<'b> {
    /// Reads a body on the route of chat completions.
    ///
    /// # Errors
    /// When it is JSON of neither shape.
    pub(crate) fn of_chat(body: &'b [u8]) -> Result<Self, Failure> {
        let chat = json::read::<Chat<'b>>(body);
        // A member of both APIs may hold what only the other one knows, so a fault decides nothing.
        let other = match &chat {
            Ok(chat) => chat.messages.is_none() && chat.unknown.iter().any(|name| name == "input"),
            Err(_) => true,
        };
        if other
            && let Ok(request) = json::read::<Responses<'b>>(body)
            && request.present("input").is_some()
            && request.present("messages").is_none()
        {
            return Ok(Self::Responses(request));
        }
        Ok(Self::Chat(Box::new(chat?)))
    }

    /// Reads a body on the route of the Responses API.
    ///
    /// # Errors
    /// When it is JSON of neither shape.
    pub(crate) fn of_responses(body: &'b [u8]) -> Result<Self, Failure> {
        let request: Responses<'b> = json::read(body)?;
        if request.present("input").is_none() && request.present("messages").is_some() {
            return Ok(Self::Chat(Box::new(json::read(body)?)));
        }
        Ok(Self::Responses(request))
    }

    /// Lowers the request for a reply of chat completions.
    ///
    /// # Errors
    /// When a member's value cannot be meant.
    pub(crate) fn for_chat(self, seal: &ReasoningSeal) -> Result<Drafted<'b, ChatShape>, Failure> {
        match self {
            Self::Chat(request) => chat::draft(*request, seal),
            Self::Responses(mut request) => {
                let options = request.remove("stream_options");
                let Drafted { mut draft, .. } = responses::draft(request)?;
                draft.refuse_background("chat completions are answered at once")?;
                // A value of another shape asks for nothing.
                let options = options.as_deref().map(|options| json::read_text(options.get()));
                let stream_usage = draft.stream_options(options.and_then(Result::ok));
                draft.reasoning.shown = true;
                draft.storage.store = false;
                let seal = seal.clone();
                Ok(Drafted { draft, own: ChatShape { stream_usage, seal, ..ChatShape::default() } })
            }
        }
    }

    /// Lowers the request for a reply of the Responses API.
    ///
    /// # Errors
    /// When a member's value cannot be meant.
    pub(crate) fn for_responses(
        self,
        seal: &ReasoningSeal,
    ) -> Result<Drafted<'b, ResponsesShape>, Failure> {
        let mut draft = match self {
            Self::Responses(request) => return responses::draft(request),
            Self::Chat(request) => chat::draft(*request, seal)?.draft,
        };
        // Such a body is not kept as what this route keeps.
        let keeps = std::mem::take(&mut draft.storage).store;
        draft.report_ignored(
            "store",
            keeps,
            "a body of chat completions is not kept on this route",
        );
        draft.reasoning.shown = false;
        if draft.choices > 1 {
            draft.notices.retain(|notice| notice.field != "n");
            draft.notices.push(Notice::ignored("n", "not a member of this API"));
        }
        draft.choices = 1;
        let mut own = ResponsesShape::default();
        own.put_in_force(&draft);
        Ok(Drafted { draft, own })
    }
}

#[cfg(test)]
mod tests;
