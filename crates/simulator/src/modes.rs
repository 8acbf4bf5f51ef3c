//! The modes: named scripts for special and unhappy cases.
//!
//! A mode can be requested in the text of a prompt, so that a person with any client can see how it
//! handles a failure. A header would be cleaner, but most clients cannot send one of their own.

mod errors;
mod plan_errors;
mod replies;
mod steps;
mod transport;

use std::time::Duration;

use serde_json::json;

use crate::backend::Backend;
use crate::composer::{Composer, ResponseMeta};
use crate::default_answer;
use crate::model_request::{ModelRequest, Tool};
use crate::output_items::{self, ToolCall};
use crate::script::Script;

/// Declares the modes with their names and documentation.
macro_rules! modes {
    ($($(#[$doc:meta])* $mode:ident = $name:literal,)*) => {
        /// A special case, to be queued, or to be requested by `MODE:<name>` in the last user
        /// message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Mode {
            $(#[doc = concat!("`", $name, "`:")] $(#[$doc])* $mode,)*
        }

        impl Mode {
            /// Every mode.
            pub const ALL: &'static [Self] = &[$(Self::$mode),*];

            /// Returns the name, as it is written after `MODE:`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$mode => $name,)*
                }
            }
        }
    };
}

modes! {
    /// a reasoning item with a summary of two parts, then text
    Reasoning = "reasoning",
    /// two calls at once, their deltas interleaved by `output_index`
    ParallelCalls = "parallel-calls",
    /// a call without argument deltas: only the event that says they are complete
    Argless = "argless",
    /// a call that arrives only as its finished item
    Deltaless = "deltaless",
    /// text, then a call
    TextBeforeCall = "text-before-call",
    /// a call of a custom tool
    CustomCall = "custom-call",
    /// a call whose arguments are not JSON
    BadArguments = "bad-arguments",
    /// a call whose id has 69 characters
    LongCallId = "long-call-id",
    /// a commentary message, a call, a final message
    Commentary = "commentary",
    /// a web search and a cited answer
    Search = "search",
    /// a generated image
    Image = "image",
    /// a refusal
    Refusal = "refusal",
    /// line and paragraph separators, controls and quotes inside the text
    Separators = "separators",
    /// the request's headers and body as the text of the answer
    Echo = "echo",
    /// `response.incomplete` at the token limit
    IncompleteLength = "incomplete-length",
    /// `response.incomplete` by the content filter
    IncompleteFilter = "incomplete-filter",
    /// a completed response without any output
    EmptyOutput = "empty-output",
    /// a completed response without usage
    NoUsage = "no-usage",
    /// events between the others that no client needs, some of them unknown
    Keepalive = "keepalive",
    /// more events after the terminal one, which comes twice
    AfterEnd = "after-end",
    /// `response.failed` right after the first events
    FailBefore = "fail-before",
    /// `response.failed` after some text; of `MODE:fail-after:<count>`, only so many answers fail
    FailAfter = "fail-after",
    /// `response.failed` whose error is null
    FailNull = "fail-null",
    /// `response.failed` for a rate limit
    FailRate = "fail-rate",
    /// `response.failed` because the context is full
    FailContext = "fail-context",
    /// an `error` event with its members at the top
    ErrorFlat = "error-flat",
    /// an `error` event with its members inside `error`
    ErrorNested = "error-nested",
    /// `server_is_overloaded`, after the first events of a 200; of `MODE:overloaded:<count>`, only so many answers fail
    Overloaded = "overloaded",
    /// `server_is_overloaded` after some text; of `MODE:overloaded-after:<count>`, only so many answers fail
    OverloadedAfter = "overloaded-after",
    /// 401 for the first request with a text, the default answer for the second
    UnauthorizedOnce = "unauthorized-once",
    /// 401
    Unauthorized = "unauthorized",
    /// 402 with an object as its detail
    Deactivated = "402",
    /// 429, the plan's limit is reached
    UsageLimit = "429",
    /// 429, too many requests
    RateLimit = "429-rate",
    /// 403, the plan does not include Codex
    NotIncluded = "usage-not-included",
    /// 503 in JSON, overloaded
    Unavailable = "503",
    /// 500 with a page of five megabytes
    Html500 = "500-html",
    /// 403 with the page of a challenge
    Html403 = "403-html",
    /// 200 with a page
    Html200 = "200-html",
    /// 404 without a body
    Empty404 = "404-empty",
    /// 307 to another port
    Redirect = "redirect",
    /// a head of one megabyte
    HugeHead = "huge-head",
    /// an interim 103 before the answer
    EarlyHints = "early-hints",
    /// no head, ever
    Mute = "mute",
    /// the first events, then silence
    Stall = "stall",
    /// some text, then silence
    StallAfter = "stall-after",
    /// the body ends after some text, without a terminal event
    Cut = "cut",
    /// the connection closes inside a chunk
    CutHard = "cut-hard",
    /// `data: [DONE]` and no terminal event
    DoneOnly = "done-only",
    /// deltas with a pause before each; `MODE:slow:<count>:<milliseconds>`
    Slow = "slow",
    /// a task of many steps, each a call, and reasoning that is counted again unless it comes back;
    /// `MODE:steps:<count>`
    Steps = "steps",
    /// many large deltas; `MODE:flood:<count>:<bytes>`
    Flood = "flood",
    /// one delta beyond any sensible size; `MODE:huge-event:<bytes>`
    HugeEvent = "huge-event",
    /// lines that end in CR
    Cr = "cr",
    /// lines that end in CR LF
    Crlf = "crlf",
    /// a byte order mark at the start
    Bom = "bom",
    /// no space after `data:`
    NoSpace = "no-space",
    /// one JSON text over two data lines
    MultilineData = "multiline-data",
    /// `event:` lines that contradict the JSON
    WrongEventName = "wrong-event-name",
    /// a delta with bytes that are not UTF-8
    InvalidUtf8 = "invalid-utf8",
    /// every byte a write of its own
    Bytewise = "bytewise",
    /// the answer of another model, which `openai-model` names
    Rerouted = "rerouted",
    /// the default answer, and another tag of the catalogue from now on
    CatalogChanged = "catalog-changed",
    /// the state of the turn in an event, and not in the head
    TurnStateEvent = "turn-state-event",
    /// 400 while the input holds encrypted reasoning, else the default answer
    UnverifiedReasoning = "unverified-reasoning",
    /// the plan's 401: the identity is not accepted
    PlanInvalidUser = "plan-invalid-user",
    /// the same for the first request with a text, the default answer for the second
    PlanInvalidUserOnce = "plan-invalid-user-once",
    /// the plan's 403: plan or workspace is not eligible
    PlanNotEligible = "plan-not-eligible",
    /// the plan's 403: another endpoint
    PlanWrongRoute = "plan-wrong-route",
    /// the plan's 429: used up, without a time
    PlanLimit = "plan-limit",
    /// the plan is used up after some text: `response.failed`
    PlanLimitLate = "plan-limit-late",
    /// the plan's 503: its usage is not known
    PlanUsageUnavailable = "plan-usage-unavailable",
    /// the plan's 503: the user is not available
    PlanUserUnavailable = "plan-user-unavailable",
    /// the plan's 400: something that it does not offer, with `param`
    PlanUnsupported = "plan-unsupported",
    /// the plan's 403: the grant lacks a scope
    PlanScope = "plan-scope",
    /// the plan's 403: the grant's context is not valid
    PlanContext = "plan-context",
    /// the plan's 403 with a text for a person and no code
    PlanDetail = "plan-detail",
    /// the public API's 429: nothing is left to pay with
    Quota = "quota",
    /// the public API's 429: too many requests
    ApiRateLimit = "api-rate-limit",
    /// the public API's 404: no such model
    NoSuchModel = "model-not-found",
    /// the public API's 400: the input is too long
    ContextLength = "context-length",
    /// the public API's 500
    ServerError = "server-error",
}

impl Mode {
    /// Returns the mode of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| mode.name() == name)
    }

    /// Returns the number of requests with a text after which the next one is answered, with the numbers after the
    /// mode's name; `None` where that never happens.
    pub(crate) fn times(self, numbers: &[u64]) -> Option<u64> {
        match self {
            Self::UnauthorizedOnce | Self::PlanInvalidUserOnce => Some(1),
            Self::FailAfter | Self::Overloaded | Self::OverloadedAfter => numbers.first().copied(),
            _ => None,
        }
    }

    /// Returns whether it is the default answer with unusual framing.
    pub(crate) fn is_framing(self) -> bool {
        use Mode::{Bom, Bytewise, Cr, Crlf, InvalidUtf8, MultilineData, NoSpace, WrongEventName};
        matches!(
            self,
            Cr | Crlf | Bom | NoSpace | MultilineData | WrongEventName | InvalidUtf8 | Bytewise
        )
    }
}

/// The next reply of an endpoint: a fixed script, or a mode that is composed for the request.
#[derive(Clone, Debug)]
pub enum QueuedReply {
    /// A script, played as it is.
    Script(Script),
    /// A mode, composed with the model, tools and texts of the request.
    Mode(Mode),
}

impl From<Script> for QueuedReply {
    fn from(script: Script) -> Self {
        Self::Script(script)
    }
}

impl From<Mode> for QueuedReply {
    fn from(mode: Mode) -> Self {
        Self::Mode(mode)
    }
}

impl Script {
    /// Returns the script of a mode, as it answers a request with nothing but a model.
    pub fn mode(mode: Mode) -> Self {
        for_empty_request(mode)
    }
}

/// The context for which a mode is composed.
pub(crate) struct ModeContext<'a> {
    /// The request.
    pub(crate) request: &'a ModelRequest,
    /// The response's identity.
    pub(crate) meta: &'a ResponseMeta,
    /// The backend that answers.
    pub(crate) backend: Backend,
    /// Returns the request as JSON text.
    pub(crate) request_json: &'a dyn Fn() -> String,
}

impl ModeContext<'_> {
    fn begin(&self) -> Composer {
        Composer::begin(self.request, self.meta)
    }

    /// Returns a call of one of the request's function tools, or of a tool that it never declared.
    fn call(&self, index: usize) -> ToolCall {
        let tools = self.request.tools();
        let functions: Vec<&Tool> = tools.iter().filter(|tool| tool.schema.is_some()).collect();
        let call_id = default_answer::call_id(self.meta, index);
        let text = self.request.last_user_text();
        let usual = Tool {
            name: "lookup".to_owned(),
            namespace: None,
            schema: Some(json!({"properties": {"city": {"const": "Oslo"}}})),
        };
        let tool = functions.get(index).or_else(|| functions.first()).copied().unwrap_or(&usual);
        default_answer::call(tool, &text, call_id)
    }

    /// Returns the default answer as bytes.
    fn bytes(&self) -> Vec<u8> {
        let script = default_answer::answer(self.request, self.meta);
        let events = script.steps.iter().filter_map(|step| match step {
            crate::script::Step::Event(text) => Some(crate::body::framed(text)),
            _ => None,
        });
        events.flatten().collect()
    }
}

/// Returns the mode that the last user message names, with the numbers after the name. An input
/// that ends with a tool's output is a later turn of the same question, and has no mode but that of many steps.
pub(crate) fn requested_mode(request: &ModelRequest) -> Option<(Mode, Vec<u64>)> {
    let text = request.last_user_text();
    let (_, rest) = text.split_once("MODE:")?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-:".contains(c)));
    let mut words = rest[..end.unwrap_or(rest.len())].split(':');
    let mode = Mode::parse(words.next()?)?;
    if mode != Mode::Steps && !request.trailing_outputs().is_empty() {
        return None;
    }
    Some((mode, words.map_while(|word| word.parse().ok()).collect()))
}

/// Composes a mode with the numbers after its name.
pub(crate) fn script(mode: Mode, context: &ModeContext<'_>, numbers: &[u64]) -> Script {
    replies::script(mode, context)
        .or_else(|| errors::script(mode, context))
        .or_else(|| plan_errors::script(mode, context))
        .or_else(|| steps::script(mode, context, numbers))
        .unwrap_or_else(|| transport::script(mode, context, numbers))
}

/// Composes a mode for an empty request.
pub(crate) fn for_empty_request(mode: Mode) -> Script {
    let meta = ResponseMeta {
        serial: 0,
        created_at: 0,
        pace: Duration::ZERO,
        fill_output: false,
        input_tokens: 1,
        cached_tokens: 0,
        encrypted_content: Some("gAAAA".to_owned()),
        turn_state: "turn-00000000".to_owned(),
    };
    let request_json = || "{}".to_owned();
    let request = ModelRequest::default();
    let backend = Backend::Codex;
    script(
        mode,
        &ModeContext { request: &request, meta: &meta, backend, request_json: &request_json },
        &[],
    )
}

/// Begins a message and writes its text, without ending the message.
fn half_a_message(composer: &mut Composer, text: &str) {
    let open = composer.open_message("final_answer");
    for piece in output_items::pieces(text) {
        composer.text_delta(&open, piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_read_from_the_last_user_message() {
        let request =
            |text: &str| ModelRequest::new(json!({"input": [{"role": "user", "content": text}]}));
        assert_eq!(requested_mode(&request("go MODE:cut, please")), Some((Mode::Cut, vec![])));
        assert_eq!(requested_mode(&request("MODE:slow:3:10")), Some((Mode::Slow, vec![3, 10])));
        assert_eq!(requested_mode(&request("MODE:429")), Some((Mode::UsageLimit, vec![])));
        assert_eq!(requested_mode(&request("MODE:none-such")), None);
    }

    #[test]
    fn every_mode_has_a_script_of_its_own() {
        let mut names: Vec<_> = Mode::ALL.iter().map(|mode| mode.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Mode::ALL.len());
        for mode in Mode::ALL {
            let script = for_empty_request(*mode);
            assert!(script.status >= 200, "{}", mode.name());
            assert_eq!(Mode::parse(mode.name()), Some(*mode));
        }
    }
}
