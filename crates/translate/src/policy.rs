//! Policy: the operator's decisions for all requests.
//!
//! Settings and abilities of the backend arrive as one value, so that settling a request stays pure: the same
//! draft, list of models and policy give the same turn. The defaults add nothing to a request. Other proxies
//! send a coding agent's prompt with each, which changes every answer and which each request pays for;
//! here that is the operator's choice (`Instructions`), at the price of terser answers without it.

use std::sync::Arc;

use chatmock_protocol::effort::Effort;

use crate::backend::Backend;
use crate::failure::Failure;
use crate::notice::{Notice, NoticeKind};
use crate::reasoning_style::ReasoningStyle;
use crate::tokens::{Estimate, Tokenizer};

/// The most calls of the backend that one request may cause, where nothing else is set: each call uses up limits.
const MAX_CALLS: usize = 16;

/// The settings of the operator for all requests.
///
/// Begin with [`Policy::for_backend`], and set what is to differ:
///
/// ```
/// use chatmock_translate::{Backend, Policy};
///
/// let mut policy = Policy::for_backend(Backend::openai());
/// policy.strict = true;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// The style of reasoning.
    pub reasoning_style: ReasoningStyle,
    /// The effort where neither request nor model name says one; else the model's own default.
    pub effort: Option<Effort>,
    /// The reasoning summary where a request says none: `auto`, `concise`, `detailed` or `none`.
    pub summary: Option<String>,
    /// True if the fast tier is asked for where a request says none and the model offers it.
    pub fast: bool,
    /// True if a web search is offered where a request does not speak of one.
    pub web_search: bool,
    /// True if text between tool calls is left out.
    pub hide_commentary: bool,
    /// True if a member that has no effect is refused.
    pub strict: bool,
    /// The model that is used in place of whatever model a request names.
    pub debug_model: Option<String>,
    /// What a rule of the operator's caps.
    pub cap: Option<Cap>,
    /// The most calls of the backend that one request may cause: its choices times its prompts.
    pub max_calls: usize,
    /// Instructions where a request has none.
    pub instructions: Instructions,
    /// The parameters that the backend accepts.
    pub backend: Backend,
    /// Counts the tokens of what is cut here.
    pub tokenizer: Arc<dyn Tokenizer>,
}

/// What a rule of the operator's caps in a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cap {
    /// The rule's name, for the notices.
    pub rule: Arc<str>,
    /// The most effort.
    pub effort: Option<Effort>,
    /// The model that answers in place of another.
    pub model: Option<String>,
}

impl Cap {
    /// Makes a cap of the effort.
    #[must_use]
    pub fn of_effort(rule: impl Into<Arc<str>>, effort: Effort) -> Self {
        Self { rule: rule.into(), effort: Some(effort), model: None }
    }

    /// Makes a cap that puts a model in the place of others.
    #[must_use]
    pub fn of_model(rule: impl Into<Arc<str>>, model: impl Into<String>) -> Self {
        Self { rule: rule.into(), effort: None, model: Some(model.into()) }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            reasoning_style: ReasoningStyle::default(),
            effort: None,
            summary: None,
            fast: false,
            web_search: false,
            hide_commentary: false,
            strict: false,
            debug_model: None,
            cap: None,
            max_calls: MAX_CALLS,
            instructions: Instructions::default(),
            backend: Backend::default(),
            tokenizer: Arc::new(Estimate),
        }
    }
}

impl Policy {
    /// Makes the default policy for a backend.
    #[must_use]
    pub fn for_backend(backend: Backend) -> Self {
        Self { backend, ..Self::default() }
    }

    /// Returns the same policy with a rule's cap.
    #[must_use]
    pub fn with_cap(mut self, cap: Cap) -> Self {
        self.cap = Some(cap);
        self
    }

    /// Refuses a request that would cause too many calls of the backend: `choices` for each of `prompts`.
    ///
    /// # Errors
    /// A failure that names `n`.
    pub(crate) fn refuse_many_calls(&self, choices: u32, prompts: usize) -> Result<(), Failure> {
        let calls = prompts.saturating_mul(usize::try_from(choices).unwrap_or(usize::MAX));
        if calls <= self.max_calls {
            return Ok(());
        }
        let message = format!(
            "{prompts} prompts with {choices} choices each are {calls} calls of the model; one request may make {}",
            self.max_calls
        );
        Err(Failure::param("n", message).with_code("too_many_answers"))
    }

    /// Refuses a member that has no effect, where the policy is strict.
    ///
    /// # Errors
    /// A failure that names the member.
    pub fn refuse_ignored(&self, notices: &[Notice]) -> Result<(), Failure> {
        let ignored = notices.iter().find(|notice| notice.kind == NoticeKind::Ignored);
        match ignored.filter(|_| self.strict) {
            Some(notice) => {
                let message = format!("{} has no effect here: {}", notice.field, notice.detail);
                let param = notice.field.clone();
                Err(Failure::param(param, message).with_code("unsupported_parameter"))
            }
            None => Ok(()),
        }
    }
}

/// Default instructions; none unless the person asked for them.
#[derive(Clone, Debug, Default)]
pub enum Instructions {
    /// The empty string: no hidden prompt.
    #[default]
    Empty,
    /// One text for Codex models, another for all else.
    Builtin {
        /// For every other model.
        base: Arc<str>,
        /// For models whose name has `codex` in it.
        codex: Arc<str>,
    },
    /// The person's own text.
    Text(Arc<str>),
}

impl Instructions {
    pub(crate) fn of(&self, slug: &str) -> &str {
        match self {
            Self::Empty => "",
            Self::Builtin { codex, .. } if slug.contains("codex") => codex,
            Self::Builtin { base: text, .. } | Self::Text(text) => text,
        }
    }
}
