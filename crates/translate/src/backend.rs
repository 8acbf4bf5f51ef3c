//! Abilities of the backend, which decide what is emulated here.
//!
//! Backends differ in the parameters that they accept: one refuses the cap on tokens that another
//! keeps. A parameter that is passed on is neither emulated nor reported, so the decision is made
//! once, here, from a list of names that the embedder knows; the dialects only say what was asked.

use chatmock_protocol::responses::{GENERIC_PARAMS, OPENAI_PARAMS};

/// The parameters that a backend accepts beyond those which every one accepts. The default is the Codex
/// backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backend {
    /// Parameters of a request that are passed on, instead of being emulated here or reported.
    pub accepted_params: &'static [&'static str],
    /// True if a summary of the reasoning may be asked for where the client did not: a model that
    /// does not reason refuses that.
    pub default_summary: bool,
    /// True if it takes only what is known of it: ids of its own making, reasoning in encrypted form, and
    /// nothing that refers to what was said before.
    pub closed: bool,
    /// Types of items of the public API that are refused: what they hold goes in another form, or is left out.
    pub refused_items: &'static [&'static str],
}

impl Default for Backend {
    fn default() -> Self {
        Self::codex()
    }
}

impl Backend {
    /// The Codex backend, which is reached with a ChatGPT sign-in.
    #[must_use]
    pub const fn codex() -> Self {
        let refused_items = &chatmock_protocol::codex::items::REFUSED;
        Self { accepted_params: &[], default_summary: true, closed: true, refused_items }
    }

    /// OpenAI's platform, or Azure's v1 endpoint.
    #[must_use]
    pub const fn openai() -> Self {
        Self::accepting(OPENAI_PARAMS)
    }

    /// A server of another maker: vLLM, Ollama, LM Studio, llama.cpp, a gateway.
    #[must_use]
    pub const fn generic() -> Self {
        Self::accepting(GENERIC_PARAMS)
    }

    /// A server that is open, and accepts these parameters beyond those which every one accepts.
    #[must_use]
    pub const fn accepting(accepted_params: &'static [&'static str]) -> Self {
        Self { accepted_params, default_summary: false, closed: false, refused_items: &[] }
    }

    /// Returns whether this parameter is passed on.
    #[must_use]
    pub fn accepts(&self, param: &str) -> bool {
        self.accepted_params.contains(&param)
    }
}
