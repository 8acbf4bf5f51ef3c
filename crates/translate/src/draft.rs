//! What a client asked, lowered to the Responses API but not yet completed by policy.

use std::borrow::Cow;

use chatmock_protocol::json::{RawValue, Text};
use chatmock_protocol::openai::chat::request::StreamOptions;
use chatmock_protocol::responses::Request;

use crate::backend::OptionalParam;
use crate::end::Finish;
use crate::failure::Failure;
use crate::notice::{self, Notice, NoticeKind};
use crate::shape::EchoedParams;
use crate::stop::StopCriteria;
use crate::tool_names::ShortenedName;

/// The most answers that one request may ask for.
pub(crate) const MOST_CHOICES: u32 = 8;

/// Why a member of an option's object has no effect.
pub(crate) const NOT_KNOWN: &str = "not a known option";

/// Why a member of a request has no effect that its API does not have.
pub(crate) const NOT_OF_API: &str = "not a member of this API";

/// Why a parameter of the sampling has no effect.
pub(crate) const SAMPLING: &str = "the backend takes no sampling parameters";

/// Why a member has no effect that a backend would have to take.
pub(crate) const NOT_SENT: &str = "the backend takes no such member";

/// Why a member has no effect that only a backend which keeps responses takes.
pub(crate) const NOT_STORED: &str = "completions are not stored";

/// A lowered request: only what the client said.
#[derive(Debug, Default)]
pub struct Draft<'b> {
    /// The model as the client named it.
    pub model: Cow<'b, str>,
    /// The name that replies echo, where it is not `model`.
    pub echoed_model: Option<Cow<'b, str>>,
    /// Whether to answer as a stream.
    pub stream: bool,
    /// How many answers to each prompt; at least one.
    pub choices: u32,
    /// Whether a stream ends with token counts.
    pub stream_usage: bool,
    /// The request for the backend, as far as the client's words give it.
    pub request: Request<'b>,
    /// Inputs of further prompts, each asked by itself.
    pub more_inputs: Vec<Box<RawValue>>,
    /// The `reasoning` member, apart since effort and summary are settled later.
    pub reasoning: Request<'b>,
    /// The member in which this dialect's effort stands, where it is not `reasoning_effort`.
    pub effort_member: Option<&'static str>,
    /// The tier asked for.
    pub tier: Option<Cow<'b, str>>,
    /// Whether this dialect shows reasoning unasked, so that a summary is worth asking for.
    pub shows_reasoning: bool,
    /// Whether the client asked for reasoning to be shown, so that a summary is asked for whatever
    /// the backend is.
    pub asks_reasoning: bool,
    /// Whether this dialect has a field of its own for reasoning, whatever wording is set.
    pub own_reasoning: bool,
    /// Whether a web search was asked for (`Some(true)`), ruled out, or not spoken of.
    pub web_search: Option<bool>,
    /// Whether the answer must be JSON.
    pub json: bool,
    /// Whether the client offered the old `functions`.
    pub legacy_functions: bool,
    /// Where the reply is cut.
    pub stop: StopCriteria,
    /// The member in which the cap on tokens stands.
    pub cap_member: &'static str,
    /// What only some backends do.
    pub optional_params: Vec<OptionalParam>,
    /// Prompts that the answers repeat before their text.
    pub echo: Vec<String>,
    /// How the reply ends without a word to the backend, where nothing is asked of it.
    pub at_once: Option<Finish>,
    /// Whether the final response is kept, to be asked for later.
    pub keep: bool,
    /// The response that this one continues; whoever keeps it puts its conversation in front of
    /// the input.
    pub previous: Option<String>,
    /// Members of the request that a response object repeats, where what they ask for is done here
    /// and the backend knows nothing of it.
    pub echoed_params: EchoedParams,
    /// Names that went out shortened.
    pub shortened: Vec<ShortenedName>,
    /// What was not simply honoured.
    pub notices: Vec<Notice>,
}

/// The model's name, which must be there.
///
/// # Errors
/// When there is none.
pub(crate) fn model(name: Option<Text<'_>>) -> Result<Cow<'_, str>, Failure> {
    match name.filter(|name| !name.trim().is_empty()) {
        Some(Text(name)) => Ok(name),
        None => Err(Failure::param("model", "model is required: name one of /v1/models")),
    }
}

/// How many answers are asked for.
///
/// # Errors
/// When there are more than this server makes.
pub(crate) fn choices(n: Option<u32>) -> Result<u32, Failure> {
    match n {
        None => Ok(1),
        Some(n @ 1..=MOST_CHOICES) => Ok(n),
        Some(n) => Err(Failure::param("n", format!("n is {n}; it must be 1 to {MOST_CHOICES}"))
            .with_code("unsupported_value")),
    }
}

impl Draft<'_> {
    /// Reads what a stream is to contain.
    pub(crate) fn read_stream_options(&mut self, options: Option<StreamOptions<'_>>) {
        let Some(options) = options else { return };
        self.stream_usage = options.include_usage.unwrap_or(false);
        if options.include_obfuscation == Some(true) {
            let why = "streams are never padded";
            self.notices.push(Notice::ignored("stream_options.include_obfuscation", why));
        }
        notice::unknown(&mut self.notices, "stream_options", &options.unknown, NOT_KNOWN);
    }

    /// Names the members that are kept here and by no backend; `stop` is one of them.
    pub(crate) fn note_emulated(&mut self, stop: &'static str) {
        let done = [
            ("n", self.choices > 1, "the question is asked once for each answer"),
            (stop, !self.stop.sequences.is_empty(), "the answer is cut here"),
        ];
        let done = done.into_iter().filter(|(_, present, _)| *present);
        let notice = |(name, _, how)| Notice::new(name, NoticeKind::Emulated, how);
        self.notices.extend(done.map(notice));
    }

    /// Names members that have no effect, where they say something.
    pub(crate) fn note_ignored(&mut self, said: &[(&'static str, bool, &'static str)]) {
        let said = said.iter().filter(|(_, present, _)| *present);
        self.notices.extend(said.map(|(name, _, why)| Notice::ignored(*name, why)));
    }
}
