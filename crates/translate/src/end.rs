//! The end of a reply: why it ended, and with which token counts.

use std::ops::ControlFlow;

use chatmock_protocol::responses::Usage;

use crate::failure::Failure;

/// The result of a step: go on, or stop with an end or a failure.
pub type Step = ControlFlow<Result<End, Failure>>;

/// The end of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The reason.
    pub finish: Finish,
    /// Token counts, where known.
    pub usage: Option<Usage>,
    /// The tier that was used, where the backend said so.
    pub service_tier: Option<String>,
}

impl End {
    /// Makes an end with nothing but its reason.
    #[must_use]
    pub fn new(finish: Finish) -> Self {
        Self { finish, usage: None, service_tier: None }
    }
}

/// The reason why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model was done.
    Stop,
    /// A stop sequence came up: the one of that number in
    /// [`StopCriteria::sequences`](crate::stop::StopCriteria::sequences).
    StopSequence(usize),
    /// A token limit.
    Length,
    /// The model waits for tools.
    ToolCalls,
    /// The backend cut the answer for a reason that is not known here.
    Incomplete,
    /// The backend's filter cut in.
    ContentFilter,
    /// Nothing was asked but that the model be loaded.
    Loaded,
    /// Nothing was asked but that the model be unloaded.
    Unloaded,
}
