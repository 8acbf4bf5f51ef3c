//! Drafts: requests lowered to the Responses API, before policy completes them.

mod param;

use std::borrow::Cow;

use chatmock_protocol::json::{RawValue, Text};
use chatmock_protocol::openai::chat::request::StreamOptions;
use chatmock_protocol::responses::Request;

use crate::end::Finish;
use crate::failure::Failure;
use crate::keep_alive::KeepAlive;
use crate::notice::{self, Notice, NoticeKind};
use crate::stop::StopCriteria;
use crate::tool_names::ShortenedName;

pub use param::{OptionalParam, ParamName};

/// The most answers that one request may ask for.
pub(crate) const MAX_CHOICES: u32 = 8;

/// The reason why a member of an option's object has no effect.
pub(crate) const UNKNOWN_OPTION: &str = "not a known option";

/// The reason why a member has no effect that its API does not have.
pub(crate) const UNKNOWN_MEMBER: &str = "not a member of this API";

/// The reason why a sampling parameter has no effect.
pub(crate) const NO_SAMPLING: &str = "the backend takes no sampling parameters";

/// The reason why a member has no effect that the backend would have to accept.
pub(crate) const NOT_ACCEPTED: &str = "the backend takes no such member";

/// The reason why a member has no effect that only a backend which stores responses accepts.
pub(crate) const NOT_STORED: &str = "the backend stores nothing";

/// A draft, with what only its dialect needs.
#[derive(Debug)]
#[non_exhaustive]
pub struct Drafted<'b, O> {
    /// The lowered request.
    pub draft: Draft<'b>,
    /// The part of the request that only the dialect's own encoders need.
    pub own: O,
}

/// A lowered request: only what the client said.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Draft<'b> {
    /// The model asked for.
    pub model: ModelName<'b>,
    /// The request for the backend, as far as the client's words give it.
    pub request: Request<'b>,
    /// Asks for a stream.
    pub stream: bool,
    /// The number of answers to each prompt; at least one.
    pub choices: u32,
    /// Inputs of further prompts, each asked by itself.
    pub more_inputs: Vec<Box<RawValue>>,
    /// The end of a reply that needs no call of the backend, where nothing is asked of the model.
    pub immediate_finish: Option<Finish>,
    /// The wishes about reasoning.
    pub reasoning: Reasoning<'b>,
    /// The tier asked for.
    pub tier: Option<Cow<'b, str>>,
    /// The member of the client's request that holds the tier, where it is not `service_tier`.
    pub tier_member: Option<&'static str>,
    /// The name that the client gives its conversation in the body.
    pub session: Option<String>,
    /// A web search was asked for (`Some(true)`), ruled out, or not mentioned.
    pub web_search: Option<bool>,
    /// Demands an answer in JSON.
    pub json: bool,
    /// The limits at which the reply is cut.
    pub caps: Caps,
    /// The wishes about stored responses.
    pub storage: Storage,
    /// The time for which the model stays listed as loaded.
    pub keep_alive: KeepAlive,
    /// Parameters that only some backends have.
    pub optional_params: Vec<OptionalParam>,
    /// Names that went out shortened.
    pub shortened: Vec<ShortenedName>,
    /// Members that were ignored, changed or emulated.
    pub notices: Vec<Notice>,
}

/// The model of a request.
#[derive(Debug, Default)]
pub struct ModelName<'b> {
    /// The model as the client named it.
    pub name: Cow<'b, str>,
    /// The name that replies echo, where it is not `name`.
    pub echoed: Option<Cow<'b, str>>,
    /// Names of Anthropic's models stand for models of the backend.
    pub families: bool,
    /// Any model will do that can use the image tool, whatever the name is.
    pub for_images: bool,
}

/// The wishes of a request about reasoning.
#[derive(Debug, Default)]
pub struct Reasoning<'b> {
    /// The `reasoning` member, apart since effort and summary are settled later.
    pub params: Request<'b>,
    /// The member of the client's request that holds the effort, where it is not `reasoning_effort`.
    pub effort_member: Option<&'static str>,
    /// The reply shows reasoning unasked, so that a summary is worth asking for.
    pub shown: bool,
    /// The client asked for reasoning to be shown, so that a summary is asked for whatever
    /// the backend is.
    pub requested: bool,
    /// The dialect has a field of its own for reasoning, whatever style is set.
    pub own_field: bool,
}

/// The limits at which a reply is cut.
#[derive(Debug, Default)]
pub struct Caps {
    /// Stop sequences and the cap on tokens.
    pub stop: StopCriteria,
    /// The member of the client's request that holds the cap on tokens; `None` in an API whose every
    /// request has one, so that nobody needs to be told.
    pub max_tokens_member: Option<&'static str>,
}

/// The wishes of a request about stored responses.
#[derive(Debug, Default)]
pub struct Storage {
    /// Stores the final response, to be asked for later.
    pub store: bool,
    /// True if it is kept here also where the backend stores responses itself.
    pub kept_here: bool,
    /// True if it is kept as a completion of chat: with the messages of the request, in place of items.
    pub as_completion: bool,
    /// True if the answer is made without its client, who asks for it later.
    pub background: bool,
    /// The response that this one continues; whoever stores it puts its conversation in front of the
    /// input.
    pub previous_response_id: Option<String>,
    /// True if the input consists of items as they came, which are to be fit to be sent again.
    pub raw_items: bool,
    /// The conversation that this response belongs to; whoever keeps it puts its items in front of the input, and adds
    /// what is new to it.
    pub conversation: Option<String>,
}

/// The model's name, which must be there.
///
/// # Errors
/// When the request names no model.
pub(crate) fn model(name: Option<Text<'_>>) -> Result<Cow<'_, str>, Failure> {
    match name.filter(|name| !name.trim().is_empty()) {
        Some(Text(name)) => Ok(name),
        None => Err(Failure::param("model", "model is required: name one of /v1/models")),
    }
}

/// Reads the number of answers that are asked for.
///
/// # Errors
/// When there are more than this server makes.
pub(crate) fn choices(n: Option<u32>) -> Result<u32, Failure> {
    match n {
        None => Ok(1),
        Some(n @ 1..=MAX_CHOICES) => Ok(n),
        Some(n) => Err(Failure::param("n", format!("n is {n}; it must be 1 to {MAX_CHOICES}"))
            .with_code("unsupported_value")),
    }
}

/// Reads the cap on the tokens of an answer.
///
/// # Errors
/// For 0, which asks for no answer: the API refuses it, and a call of the model would be paid for in vain.
pub(crate) fn token_cap(member: &'static str, cap: Option<u64>) -> Result<Option<u64>, Failure> {
    match cap {
        Some(0) => Err(Failure::param(member, format!("{member} is 0; it must be at least 1"))
            .with_code("integer_below_min_value")),
        cap => Ok(cap),
    }
}

impl Draft<'_> {
    /// Reads what a stream is to contain, and returns whether it ends with token counts.
    pub(crate) fn stream_options(&mut self, options: Option<StreamOptions<'_>>) -> bool {
        let Some(options) = options else { return false };
        if options.include_obfuscation == Some(true) {
            let why = "streams are never padded";
            self.notices.push(Notice::ignored("stream_options.include_obfuscation", why));
        }
        notice::unknown(&mut self.notices, "stream_options", &options.unknown, UNKNOWN_OPTION);
        options.include_usage.unwrap_or(false)
    }

    /// Refuses an answer without its client, where there is none.
    pub(crate) fn refuse_background(&self, why: &'static str) -> Result<(), Failure> {
        if self.storage.background {
            let message = format!("background is not supported here: {why}");
            return Err(Failure::param("background", message).with_code("unsupported_parameter"));
        }
        Ok(())
    }

    /// Reports the members that are emulated for every backend; `stop` is one of them.
    pub(crate) fn report_emulated(&mut self, stop: &'static str) {
        if self.choices > 1 {
            let how = "the question is asked once for each answer";
            self.notices.push(Notice::new("n", NoticeKind::Emulated, how));
        }
        if !self.caps.stop.sequences.is_empty() {
            self.notices.push(Notice::new(stop, NoticeKind::Emulated, "the answer is cut here"));
        }
    }

    /// Reports a member that has no effect, where it asks for something.
    pub(crate) fn report_ignored(
        &mut self,
        member: &'static str,
        present: bool,
        reason: &'static str,
    ) {
        if present {
            self.notices.push(Notice::ignored(member, reason));
        }
    }
}
