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
    Ok(Policy {
        reasoning_style: reasoning_style(reasoning_compat),
        effort: effort.context("--reasoning-effort")?,
        summary: reasoning_summary.map(|word| word.to_ascii_lowercase()),
        fast: fast_mode,
        web_search: enable_web_search,
        hide_commentary,
        strict,
        debug_model,
        max_calls: max_answers,
        instructions: self::instructions(&instructions)?,
        tokenizer: chatmock_server::tokenizer(),
        // The server fills in what its backend accepts.
        ..Policy::default()
    })
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
