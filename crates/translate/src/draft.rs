//! What a client asked, lowered to the Responses API but not yet completed by policy.

use std::borrow::Cow;

use chatmock_protocol::responses::Request;

use crate::bounds::Bounds;
use crate::names::Renamed;
use crate::notice::Notice;

/// A lowered request: only what the client said.
#[derive(Debug, Default)]
pub struct Draft<'b> {
    /// The model as the client named it.
    pub model: Cow<'b, str>,
    /// Whether to answer as a stream.
    pub stream: bool,
    /// How many answers; at least one.
    pub choices: u32,
    /// Whether a stream ends with token counts.
    pub stream_usage: bool,
    /// The request for the backend, as far as the client's words give it.
    pub request: Request<'b>,
    /// The `reasoning` member, apart since effort and summary are settled later.
    pub reasoning: Request<'b>,
    /// The tier asked for.
    pub tier: Option<Cow<'b, str>>,
    /// Whether this dialect shows reasoning unasked, so that a summary is worth asking for.
    pub shows_reasoning: bool,
    /// Whether a web search was asked for (`Some(true)`), ruled out, or not spoken of.
    pub web_search: Option<bool>,
    /// Whether the answer must be JSON.
    pub json: bool,
    /// Whether the client offered the old `functions`.
    pub legacy_functions: bool,
    /// Where the reply is cut.
    pub bounds: Bounds,
    /// Names that went out shortened.
    pub renamed: Vec<Renamed>,
    /// What was not simply honoured.
    pub notices: Vec<Notice>,
}
