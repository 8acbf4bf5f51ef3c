//! The shape of a reply: what all of its choices have in common.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::backend::Backend;
use crate::reasoning_style::ReasoningStyle;
use crate::stop::StopCriteria;
use crate::tokens::{Estimate, Tokenizer};
use crate::tool_names::ShortenedName;

/// The members that all choices of a reply have in common.
///
/// `O` is what one dialect alone needs, see [`Dialect::Own`](crate::Dialect::Own): no other dialect,
/// test or bench has to spell out a member that only its encoders read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Shape<O = ()> {
    /// When the request arrived, in seconds of the Unix epoch.
    pub created: u64,
    /// The nanoseconds after that second, where they are known.
    pub created_nanos: u32,
    /// The model as the client named it.
    pub model: String,
    /// The backend's id of the choice that began first, from which all choices have theirs.
    pub response_id: OnceLock<String>,
    /// The style of reasoning.
    pub reasoning: ReasoningStyle,
    /// True if the text must be JSON, so that nothing may be mixed into it.
    pub json: bool,
    /// True if text between tool calls is left out.
    pub hide_commentary: bool,
    /// The criteria by which the reply is cut.
    pub stop: StopCriteria,
    /// Counts the tokens of text that is cut here.
    pub tokenizer: Arc<dyn Tokenizer>,
    /// True if the final response is stored by whoever serves the turn.
    pub store: bool,
    /// The parameters that the backend accepts.
    pub backend: Backend,
    /// The tokens that fit a request and its answer, where the list of models says so.
    pub context_window: Option<u64>,
    /// Names that went out shortened, to be mapped back.
    pub shortened: Vec<ShortenedName>,
    /// The part that only the dialect needs.
    pub own: O,
}

impl<O> Shape<O> {
    /// Returns the time from the second in which the request arrived to a moment `at` after its arrival.
    pub(crate) fn since_created(&self, at: Duration) -> Duration {
        Duration::from_nanos(self.created_nanos.into()) + at
    }

    /// Returns the style of reasoning: in JSON mode the text must stay JSON, so tags give way to the
    /// field.
    pub(crate) fn reasoning_style(&self) -> ReasoningStyle {
        match self.reasoning {
            ReasoningStyle::ThinkTags if self.json => ReasoningStyle::ReasoningContent,
            style => style,
        }
    }
}

impl<O: Default> Shape<O> {
    /// Makes a shape without anything special, for a model of that name.
    #[must_use]
    pub fn new(model: &str, created: u64) -> Self {
        Self {
            created,
            created_nanos: 0,
            model: model.to_owned(),
            response_id: OnceLock::new(),
            reasoning: ReasoningStyle::default(),
            json: false,
            hide_commentary: false,
            stop: StopCriteria::default(),
            tokenizer: Arc::new(Estimate),
            store: false,
            backend: Backend::default(),
            context_window: None,
            shortened: Vec::new(),
            own: O::default(),
        }
    }
}
