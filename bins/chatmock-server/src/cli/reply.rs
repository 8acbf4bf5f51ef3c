//! The flags about requests and their answers.

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, ValueEnum};

use crate::{env, value_parsers};

/// The flags about requests and their answers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Answers")]
pub(crate) struct ReplyArgs {
    /// Sets the effort when neither the request nor the model's name does [default: the model's own]
    #[arg(long, env = env::REASONING_EFFORT, value_name = "EFFORT", ignore_case = true, value_parser = PossibleValuesParser::new(EFFORTS))]
    pub(crate) reasoning_effort: Option<String>,
    /// Sets the reasoning summary when the request does not [default: auto when reasoning is shown]
    #[arg(long, env = env::REASONING_SUMMARY, value_name = "SUMMARY", ignore_case = true, value_parser = PossibleValuesParser::new(SUMMARIES))]
    pub(crate) reasoning_summary: Option<String>,
    /// Selects how chat completions show reasoning
    #[arg(long, env = env::REASONING_COMPAT, value_name = "STYLE", ignore_case = true, value_enum, default_value_t = ReasoningCompat::ReasoningContent)]
    pub(crate) reasoning_compat: ReasoningCompat,
    /// Remembers what the model thought before it called tools, for clients that cannot send it back
    ///
    /// auto: for 7 days, up to 64 MiB; in memory, or encrypted in the folder of --state-dir. off: the model begins to think
    /// again after each call.
    #[arg(long, env = env::REASONING_REPLAY, value_name = "auto|off", ignore_case = true, value_enum, default_value_t = ReasoningReplay::Auto)]
    pub(crate) reasoning_replay: ReasoningReplay,
    /// Requests the fast tier when the model offers it and the request names no tier
    #[arg(long, env = env::FAST_MODE)]
    pub(crate) fast_mode: bool,
    /// Lets the model search the web when the request does not mention web search
    #[arg(long, env = env::ENABLE_WEB_SEARCH)]
    pub(crate) enable_web_search: bool,
    /// Hides what the model says between tool calls
    #[arg(long, env = env::HIDE_COMMENTARY)]
    pub(crate) hide_commentary: bool,
    /// Sets the instructions when the request has none: `none`, `builtin` or a text file
    #[arg(long, env = env::INSTRUCTIONS, value_name = "none|builtin|FILE", default_value = "none")]
    pub(crate) instructions: PathBuf,
    /// Rejects requests with a field that would have no effect, instead of naming it in a header
    #[arg(long, env = env::STRICT)]
    pub(crate) strict: bool,
    /// Uses this model for every request, whichever the request names
    #[arg(long, env = env::DEBUG_MODEL, value_name = "MODEL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) debug_model: Option<String>,
    /// Limits the number of answers that one request may have: its choices (`n`) times its prompts
    #[arg(long, env = env::MAX_ANSWERS, value_name = "NUMBER", default_value = "16", value_parser = value_parsers::count)]
    pub(crate) max_answers: usize,
}

const EFFORTS: [&str; 8] = ["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"];

const SUMMARIES: [&str; 4] = ["auto", "concise", "detailed", "none"];

/// The values of `--reasoning-replay`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReasoningReplay {
    /// Where the client did not send it back
    Auto,
    /// Never
    Off,
}

/// The values of `--reasoning-compat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReasoningCompat {
    /// In the field reasoning_content
    ReasoningContent,
    /// At the start of the text, between <think> and </think>
    ThinkTags,
    /// In the field reasoning, as a list of parts
    O3,
    /// In the fields reasoning_summary and reasoning
    #[value(alias = "current")]
    Legacy,
    /// Nowhere; reasoning is not shown
    None,
}
