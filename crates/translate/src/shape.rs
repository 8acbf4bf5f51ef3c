//! The shape of a reply: what all of its choices have in common.

use std::sync::{Arc, OnceLock};

use chatmock_protocol::json::RawValue;

use crate::reasoning_style::ReasoningStyle;
use crate::stop::StopCriteria;
use crate::tokens::Tokenizer;
use crate::tool_names::ShortenedName;

/// What all choices of a reply have in common.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Seconds of the Unix epoch.
    pub created: u64,
    /// The model as the client named it.
    pub model: String,
    /// Whether a stream ends with token counts.
    pub stream_usage: bool,
    /// How reasoning is worded.
    pub reasoning: ReasoningStyle,
    /// Whether the text must be JSON, so that nothing may be mixed into it.
    pub json: bool,
    /// Whether text between tool calls is left out.
    pub hide_commentary: bool,
    /// Whether calls go out in the old form, as the client offered `functions`.
    pub legacy_functions: bool,
    /// Where the reply is cut.
    pub stop: StopCriteria,
    /// Counts the tokens of what is cut here.
    pub tokenizer: Arc<dyn Tokenizer>,
    /// Prompts that the choices repeat before their text, one for each prompt.
    pub echo: Vec<String>,
    /// How many choices each prompt has.
    pub choices_per_prompt: u32,
    /// Whether the final response is kept, to be asked for later.
    pub keep: bool,
    /// The backend's id of the choice that began first, from which all choices have theirs.
    pub response_id: OnceLock<String>,
    /// Members that response objects repeat, in place of what the backend says of them.
    pub echoed_params: EchoedParams,
    /// Names that went out shortened, to be mapped back.
    pub shortened: Vec<ShortenedName>,
}

/// Members by name, as a client wrote them.
pub type EchoedParams = Vec<(&'static str, Box<RawValue>)>;
