//! What becomes of requests and answers where they do not say it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use chatmock_server::translate::Policy;
use chatmock_server::translate::policy::Instructions;
use chatmock_server::translate::reasoning_style::ReasoningStyle;

use crate::cli::{ReasoningCompat, ReplyArgs};

/// The instructions that `--instructions builtin` means.
pub(super) const BASE: &str = include_str!("../../../../prompts/base.md");
const CODEX: &str = include_str!("../../../../prompts/codex.md");

/// Resolves the policy of conversions.
pub(super) fn policy(args: ReplyArgs) -> anyhow::Result<Policy> {
    let ReplyArgs {
        reasoning_effort,
        reasoning_summary,
        reasoning_compat,
        reasoning_replay: _,
        fast_mode,
        enable_web_search,
        hide_commentary,
        instructions,
        strict,
        debug_model,
        max_answers,
    } = args;
    let effort = reasoning_effort.map(|word| word.parse()).transpose();
    // The server fills in what its backend accepts.
    let mut policy = Policy::default();
    policy.reasoning_style = reasoning_style(reasoning_compat);
    policy.effort = effort.context("--reasoning-effort")?;
    policy.summary = reasoning_summary.map(|word| word.to_ascii_lowercase());
    (policy.fast, policy.web_search) = (fast_mode, enable_web_search);
    (policy.hide_commentary, policy.strict) = (hide_commentary, strict);
    policy.debug_model = debug_model;
    policy.max_calls = max_answers;
    policy.instructions = self::instructions(&instructions)?;
    policy.tokenizer = chatmock_server::tokenizer();
    Ok(policy)
}

fn reasoning_style(compat: ReasoningCompat) -> ReasoningStyle {
    match compat {
        ReasoningCompat::ReasoningContent => ReasoningStyle::ReasoningContent,
        ReasoningCompat::ThinkTags => ReasoningStyle::ThinkTags,
        ReasoningCompat::O3 => ReasoningStyle::O3,
        ReasoningCompat::Legacy => ReasoningStyle::Legacy,
        ReasoningCompat::None => ReasoningStyle::None,
    }
}

fn instructions(source: &Path) -> anyhow::Result<Instructions> {
    match source.to_str() {
        Some("none" | "") => Ok(Instructions::Empty),
        Some("builtin") => Ok(Instructions::Builtin { base: BASE.into(), codex: CODEX.into() }),
        _ => {
            let context = || format!("cannot read the instructions in {}", source.display());
            let text = std::fs::read_to_string(source).with_context(context)?;
            Ok(Instructions::Text(Arc::from(text)))
        }
    }
}
