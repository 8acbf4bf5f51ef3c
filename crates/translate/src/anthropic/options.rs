//! Options of a messages request: reasoning, format, ends, and what has no effect.

use std::borrow::Cow;

use chatmock_protocol::anthropic::request::{Edit, OutputFormat, Request, Thinking, UserMetadata};
use chatmock_protocol::effort::Effort;
use chatmock_protocol::json::{Raw, Text, read_text};
use serde::Deserialize;

use super::ShownThinking;
use super::request::word;
use crate::draft::{Draft, NO_SAMPLING, NOT_ACCEPTED, ParamName, UNKNOWN_MEMBER, UNKNOWN_OPTION};
use crate::failure::Failure;
use crate::format::{self, Format, SchemaOptions};
use crate::notice::{self, Notice, NoticeKind};

/// The efforts for budgets of so many tokens and fewer.
const BUDGETS: [(u64, &str); 3] = [(4_095, "low"), (16_383, "medium"), (32_767, "high")];

/// The effort for larger budgets.
const LARGEST_BUDGET: &str = "xhigh";

/// Reads the wish for reasoning: the effort, and the blocks that show it. An effort of a system message
/// counts before that of the request.
pub(super) fn reasoning<'b>(
    request: &mut Request<'b>,
    effort: Option<Text<'b>>,
    draft: &mut Draft<'b>,
) -> Result<ShownThinking, Failure> {
    let mut config = request.output_config.take().unwrap_or_default();
    notice::unknown(&mut draft.notices, "output_config", &config.unknown, UNKNOWN_OPTION);
    let thinking = request.thinking.take();
    let effort = effort.or_else(|| config.effort.take());
    let effort = effort.filter(|word| {
        let known = word.parse::<Effort>().is_ok();
        draft.report_ignored("output_config.effort", !known, "not the name of an effort");
        known
    });
    if let Some(effort) = &effort {
        draft.reasoning.params.set("effort", effort)?;
    }
    let Some(thinking) = thinking else { return Ok(ShownThinking::None) };
    notice::unknown(&mut draft.notices, "thinking", &thinking.unknown, UNKNOWN_OPTION);
    match word(thinking.kind.as_ref()) {
        "disabled" | "between_tools" if effort.is_none() => {
            draft.reasoning.effort_member = Some("thinking");
            draft.reasoning.params.set("effort", Effort::None.as_str())?;
            return Ok(ShownThinking::None);
        }
        "disabled" | "between_tools" => return Ok(ShownThinking::None),
        "enabled" | "adaptive" => {}
        _ => {
            draft.notices.push(Notice::ignored("thinking.type", "not a known kind of thinking"));
            return Ok(ShownThinking::None);
        }
    }
    budget(&thinking, effort.is_some(), draft)?;
    Ok(shown(&thinking, draft))
}

/// A budget becomes an effort, since the backend takes no number of tokens.
fn budget(thinking: &Thinking<'_>, has_effort: bool, draft: &mut Draft<'_>) -> Result<(), Failure> {
    let Some(tokens) = thinking.budget_tokens else { return Ok(()) };
    let (member, kind) = ("thinking.budget_tokens", NoticeKind::Changed);
    if has_effort {
        draft.notices.push(Notice::new(member, kind, "the effort decides"));
        return Ok(());
    }
    let fitting = BUDGETS.iter().find(|(most, _)| tokens <= *most);
    let effort = fitting.map_or(LARGEST_BUDGET, |(_, effort)| effort);
    draft.reasoning.effort_member = Some(member);
    draft.reasoning.params.set("effort", effort)?;
    draft.notices.push(Notice::new(member, kind, format!("an effort of {effort} is asked for")));
    Ok(())
}

fn shown(thinking: &Thinking<'_>, draft: &mut Draft<'_>) -> ShownThinking {
    match word(thinking.display.as_ref()) {
        "omitted" => return ShownThinking::Sealed,
        "" | "summarized" | "updates" => {}
        _ => draft.notices.push(Notice::ignored("thinking.display", UNKNOWN_OPTION)),
    }
    (draft.reasoning.shown, draft.reasoning.requested) = (true, true);
    ShownThinking::Text
}

/// Reads the format of the answer, from its newer place or its older one.
pub(super) fn format<'b>(
    request: &mut Request<'b>,
    draft: &mut Draft<'b>,
) -> Result<Option<Format<'b>>, Failure> {
    let newer = request.output_config.as_mut().and_then(|config| config.format.take());
    let (format, path) = match (newer, request.output_format.take()) {
        (Some(format), _) => (format, "output_config.format"),
        (None, Some(format)) => (format, "output_format"),
        (None, None) => return Ok(None),
    };
    notice::unknown(&mut draft.notices, path, &format.unknown, UNKNOWN_OPTION);
    let OutputFormat { kind, schema, .. } = format;
    if word(kind.as_ref()) != "json_schema" {
        draft.notices.push(Notice::ignored(format!("{path}.type"), "not a known format"));
        return Ok(None);
    }
    let path = format!("{path}.schema");
    let Some(schema) = schema else {
        return Err(Failure::param(path, "a json_schema format needs a schema"));
    };
    let format = format::schema(schema, SchemaOptions::default(), &path)?;
    if matches!(format, Format::JsonSchema { strict: false, .. }) {
        let why = "the schema cannot be kept to strictly, so the model is asked to";
        draft.notices.push(Notice::new(path, NoticeKind::Changed, why));
    }
    draft.json = true;
    Ok(Some(format))
}

/// Reads the stop sequences. As in the API itself, those of white space alone mean nothing.
pub(super) fn stop_sequences(request: &mut Request<'_>, draft: &mut Draft<'_>) {
    let sequences = request.stop_sequences.take().unwrap_or_default();
    if let Some(index) = sequences.iter().position(|text| text.is_empty()) {
        let field = format!("stop_sequences[{index}]");
        draft.notices.push(Notice::ignored(field, "a stop sequence is empty"));
    }
    let meant = sequences.into_iter().filter(|text| !text.trim().is_empty());
    draft.caps.stop.sequences = meant.map(|text| text.0.into_owned()).collect();
    draft.report_emulated("stop_sequences");
}

/// Reads the speed; returns whether the fast one is asked for.
pub(super) fn speed(request: &mut Request<'_>, draft: &mut Draft<'_>) -> bool {
    match request.speed.take().as_deref() {
        Some("fast") => {
            draft.tier = Some(Cow::Borrowed("priority"));
            draft.tier_member = Some("speed");
            true
        }
        None | Some("standard") => false,
        Some(_) => {
            draft.notices.push(Notice::ignored("speed", "not a speed of this API"));
            false
        }
    }
}

/// Reports the members that have no effect here. Those that clients send with every request, and which
/// ask nothing of this backend, have no notice: a notice for each would hide the others.
///
/// # Errors
/// Only where a value cannot be written.
pub(super) fn report_ignored(
    request: &mut Request<'_>,
    draft: &mut Draft<'_>,
) -> Result<(), Failure> {
    for (name, value) in [("temperature", request.temperature), ("top_p", request.top_p)] {
        let name = ParamName::new(name, NO_SAMPLING);
        draft.optional_param(name, value, |value| !is_one(*value))?;
    }
    draft.report_ignored("top_k", request.top_k.is_some(), NO_SAMPLING);
    for (name, value) in [
        ("container", request.container),
        ("user_profile_id", request.user_profile_id),
        ("inference_geo", request.inference_geo),
        ("tags", request.tags),
        ("fallbacks", request.fallbacks),
        ("fallback_credit_token", request.fallback_credit_token),
        ("billing_policy", request.billing_policy),
        ("betas", request.betas),
    ] {
        draft.report_ignored(name, value.is_some(), NOT_ACCEPTED);
    }
    edits(request, draft);
    draft.session = request.metadata.take().and_then(session);
    notice::unknown(&mut draft.notices, "", &request.unknown, UNKNOWN_MEMBER);
    Ok(())
}

fn is_one(value: Raw<'_>) -> bool {
    value.text().parse() == Ok(1.0)
}

/// Reports the parts of the conversation that were to be left out: it goes whole.
fn edits(request: &mut Request<'_>, draft: &mut Draft<'_>) {
    let management = request.context_management.take().unwrap_or_default();
    let path = "context_management";
    notice::unknown(&mut draft.notices, path, &management.unknown, UNKNOWN_OPTION);
    for (index, edit) in management.edits.into_iter().flatten().enumerate() {
        if !keeps_all(&edit) {
            let field = format!("{path}.edits[{index}]");
            draft.notices.push(Notice::ignored(field, "the conversation goes whole"));
        }
    }
}

fn keeps_all(edit: &Edit<'_>) -> bool {
    let clears_thinking = word(edit.kind.as_ref()).starts_with("clear_thinking_");
    clears_thinking && edit.keep.is_some_and(|keep| keep.as_text().as_deref() == Some("all"))
}

/// The session that Claude Code names in the JSON of its `user_id`.
fn session(metadata: Raw<'_>) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        session_id: String,
    }
    let metadata: UserMetadata<'_> = read_text(metadata.text()).ok()?;
    let named: Named = serde_json::from_str(&metadata.user_id?).ok()?;
    Some(named.session_id).filter(|id| !id.is_empty())
}
