//! Settling: from a client's request to the turn that will run, with a notice of every difference.

mod params;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use chatmock_protocol::codex::models::Model;
use chatmock_protocol::effort::Effort;
use chatmock_protocol::json::{RawValue, Text, raw};
use chatmock_protocol::responses::Request;
use chatmock_protocol::responses::tool::Tool;
use chatmock_protocol::tier::Tier;

use crate::catalog::{self, Catalog, Resolved, UnknownModel};
use crate::choice;
use crate::draft::{Draft, Drafted};
use crate::end::Finish;
use crate::failure::{Failure, FailureKind};
use crate::keep_alive::KeepAlive;
use crate::notice::{Notice, NoticeKind};
use crate::policy::{Cap, Policy};
use crate::reasoning_style::ReasoningStyle;
use crate::resend;
use crate::shape::Shape;

/// A settled turn: what will be done.
#[derive(Debug)]
#[non_exhaustive]
pub struct Turn<'b, O = ()> {
    /// The request for the backend.
    pub request: Request<'b>,
    /// Inputs of further prompts, each for a call of its own.
    pub more_inputs: Vec<Box<RawValue>>,
    /// The end of a reply that needs no call of the backend, where the model has nothing to do.
    pub immediate_finish: Option<Finish>,
    /// The shape of all choices.
    pub shape: Arc<Shape<O>>,
    /// Asks for a stream.
    pub stream: bool,
    /// The number of answers to each prompt.
    pub choices: u32,
    /// The time for which the model stays listed as loaded.
    pub keep_alive: KeepAlive,
    /// Members that were ignored, changed or emulated.
    pub notices: Vec<Notice>,
}

/// Completes a draft by policy and catalogue; `created` is in seconds of the Unix epoch.
///
/// # Errors
/// When the model is unknown, a word of a closed set is not of it, or `strict` refuses a member.
pub fn settle<'b, O>(
    drafted: Drafted<'b, O>,
    catalog: &Catalog,
    policy: &Policy,
    created: u64,
) -> Result<Turn<'b, O>, Failure> {
    let Drafted { mut draft, own } = drafted;
    policy.refuse_many_calls(draft.choices.max(1), 1 + draft.more_inputs.len())?;
    let slug = complete(&mut draft, catalog, policy)?;
    policy.refuse_ignored(&draft.notices)?;
    let shape = Shape {
        created,
        created_nanos: 0,
        model: draft.model.echoed.unwrap_or(draft.model.name).into_owned(),
        response_id: OnceLock::new(),
        reasoning: style(draft.reasoning.own_field, draft.reasoning.shown, policy),
        json: draft.json,
        // Commentary next to JSON would break it.
        hide_commentary: policy.hide_commentary || draft.json,
        stop: draft.caps.stop,
        tokenizer: Arc::clone(&policy.tokenizer),
        store: draft.storage.store,
        backend: policy.backend,
        context_window: catalog.find(&slug).and_then(|model| model.context_window),
        shortened: draft.shortened,
        own,
    };
    Ok(Turn {
        request: draft.request,
        shape: Arc::new(shape),
        stream: draft.stream,
        choices: draft.choices.max(1),
        more_inputs: draft.more_inputs,
        immediate_finish: draft.immediate_finish,
        keep_alive: draft.keep_alive,
        notices: draft.notices,
    })
}

/// Completes what goes to the backend; returns the model's slug.
fn complete(draft: &mut Draft<'_>, catalog: &Catalog, policy: &Policy) -> Result<String, Failure> {
    let resolved = model(draft, catalog, policy)?;
    let found = catalog.find(&resolved.slug);
    let changed =
        effort(draft, &resolved, found, policy)? | summary(draft, &resolved.slug, policy)?;
    let reasoning = std::mem::take(&mut draft.reasoning.params);
    if reasoning.is_empty() {
        draft.request.remove("reasoning");
    } else if changed || !draft.request.contains("reasoning") {
        draft.request.put("reasoning", Cow::Owned(raw(&reasoning)?));
    }
    tier(draft, found, policy)?;
    params::apply(draft, &policy.backend)?;
    resend::fit(draft, &policy.backend)?;
    choice::fit(draft, &policy.backend)?;
    if draft.request.present("instructions").is_none() {
        draft.request.set("instructions", policy.instructions.of(&resolved.slug))?;
    }
    if policy.web_search && draft.web_search.is_none() {
        offer_web_search(&mut draft.request)?;
    }
    Ok(resolved.slug)
}

fn model(draft: &mut Draft<'_>, catalog: &Catalog, policy: &Policy) -> Result<Resolved, Failure> {
    let capped = policy.cap.as_ref().and_then(|cap| Some((cap.model.as_deref()?, &cap.rule)));
    let any = if draft.model.for_images { Some(for_images(catalog)?) } else { None };
    let named = any.unwrap_or(&draft.model.name);
    let requested = policy.debug_model.as_deref().unwrap_or(named);
    let requested = capped.map_or(requested, |(model, _)| model);
    let resolved = match draft.model.families {
        true => catalog.resolve_family(requested),
        false => catalog.resolve(requested),
    };
    let resolved = resolved.map_err(|unknown| unknown_model(requested, &unknown))?;
    if resolved.stands_in {
        let detail = format!("{} answers", resolved.slug);
        draft.notices.push(Notice::new("model", NoticeKind::Changed, detail));
    }
    if let Some((_, rule)) = capped {
        let detail = format!("{} answers, by the rule {rule}", resolved.slug);
        draft.notices.push(Notice::new("model", NoticeKind::Changed, detail));
    } else if policy.debug_model.is_some() && resolved.slug != draft.model.name {
        let detail = format!("{} is used for every request", resolved.slug);
        draft.notices.push(Notice::new("model", NoticeKind::Changed, detail));
    }
    draft.request.set("model", &resolved.slug)?;
    Ok(resolved)
}

/// The name of a model that can use the image tool.
fn for_images(catalog: &Catalog) -> Result<&str, Failure> {
    let model = catalog.for_images().ok_or_else(|| {
        let message = "no model is known that makes pictures: name one that can use the image tool";
        Failure::param("model", message).with_code("model_not_found")
    })?;
    Ok(&model.slug)
}

/// A dialect with a field of its own for reasoning uses that, unless none is to be shown.
fn style(own_field: bool, shown: bool, policy: &Policy) -> ReasoningStyle {
    match policy.reasoning_style {
        ReasoningStyle::None => ReasoningStyle::None,
        _ if !shown => ReasoningStyle::None,
        _ if own_field => ReasoningStyle::ReasoningContent,
        style => style,
    }
}

/// Words the failure of a name that the catalogue does not have.
#[must_use]
pub fn unknown_model(name: &str, unknown: &UnknownModel) -> Failure {
    let near = match unknown.nearest.as_slice() {
        [] => String::new(),
        near => format!("; near names are {}", near.join(", ")),
    };
    let shown: String = name.chars().take(100).collect();
    let message = format!(
        "the model {shown:?} was not found: it does not exist or this account may not use it{near}"
    );
    Failure { param: Some("model".to_owned()), ..Failure::new(FailureKind::NotFound, message) }
        .with_code("model_not_found")
}

/// The request's own effort wins, then the name's, then the default; the model's offer bounds it.
///
/// Returns whether `reasoning` was changed.
fn effort(
    draft: &mut Draft<'_>,
    resolved: &Resolved,
    found: Option<&Model>,
    policy: &Policy,
) -> Result<bool, Failure> {
    // A dialect that passes `reasoning` through has it in its request already.
    let passed = draft.request.contains("reasoning");
    let path = if passed { "reasoning.effort" } else { "reasoning_effort" };
    let path = draft.reasoning.effort_member.unwrap_or(path);
    if resolved.pinned && draft.reasoning.params.remove("effort").is_some() {
        let detail = "the alias of the model sets the effort";
        draft.notices.push(Notice::new(path, NoticeKind::Changed, detail));
    }
    let cap = policy.cap.as_ref().filter(|cap| cap.effort.is_some());
    let effort = draft.reasoning.params.present("effort").map(RawValue::get);
    let named = effort.is_none() && resolved.effort.is_some();
    let wanted = match effort {
        // A configured number goes out as it is.
        Some(effort) if !effort.starts_with('"') && cap.is_none() => return Ok(false),
        Some(effort) if !effort.starts_with('"') => None,
        Some(effort) => {
            let Text(word) = serde_json::from_str(effort)?;
            let shown: String = word.chars().take(32).collect();
            let unknown = |error| Failure::param(path, format!("{error}, not {shown:?}"));
            Some(word.parse::<Effort>().map_err(unknown)?)
        }
        None => resolved.effort.or(policy.effort),
    };
    let Some(wanted) = capped(draft, (wanted, cap), found, path) else { return Ok(false) };
    let sent = catalog::clamp(found, wanted);
    if sent != wanted {
        let detail = format!("{} takes {sent} for {wanted}", resolved.slug);
        let field = if named { "model" } else { path };
        draft.notices.push(Notice::new(field, NoticeKind::Clamped, detail));
    }
    let changes = draft.reasoning.params.text("effort").as_deref() != Some(sent.as_str());
    if changes {
        draft.reasoning.params.set("effort", sent.as_str())?;
    }
    Ok(changes)
}

/// Returns the effort that a cap leaves. Where none is asked for, that of the model counts.
fn capped(
    draft: &mut Draft<'_>,
    (wanted, cap): (Option<Effort>, Option<&Cap>),
    found: Option<&Model>,
    path: &'static str,
) -> Option<Effort> {
    let Some((most, rule)) = cap.and_then(|cap| Some((cap.effort?, &cap.rule))) else {
        return wanted;
    };
    let usual = || found?.default_reasoning_level.as_deref()?.parse().ok();
    if wanted.or_else(usual).is_some_and(|effort| effort <= most) {
        return wanted;
    }
    let detail = format!("{most} at most, by the rule {rule}");
    draft.notices.push(Notice::new(path, NoticeKind::Clamped, detail));
    Some(most)
}

/// The one model known to refuse a reasoning summary.
const WITHOUT_SUMMARY: &str = "gpt-5.3-codex-spark";

/// The words for a summary, as they are written; `none` asks for nothing.
const SUMMARIES: [&str; 4] = ["\"auto\"", "\"concise\"", "\"detailed\"", "\"none\""];

/// Asks for a summary where one is shown, and returns whether `reasoning` was changed.
fn summary(draft: &mut Draft<'_>, slug: &str, policy: &Policy) -> Result<bool, Failure> {
    if slug == WITHOUT_SUMMARY {
        let removed = draft.reasoning.params.remove("summary").is_some();
        if removed {
            let why = "the model gives no reasoning summary";
            draft.notices.push(Notice::ignored("reasoning.summary", why));
        }
        return Ok(removed);
    }
    let given = draft.reasoning.params.present("summary");
    if given.is_some_and(|word| !SUMMARIES.contains(&word.get())) {
        let path = "reasoning.summary";
        let message = "reasoning.summary must be auto, concise, detailed or none";
        return Err(Failure::param(path, message));
    }
    if draft.reasoning.params.text("summary").as_deref() == Some("none") {
        return Ok(draft.reasoning.params.remove("summary").is_some());
    }
    let shown = draft.reasoning.shown
        && (policy.backend.default_summary || draft.reasoning.requested)
        && policy.reasoning_style != ReasoningStyle::None;
    let default = policy.summary.as_deref().or_else(|| shown.then_some("auto"));
    match default.filter(|word| *word != "none") {
        Some(word) if draft.reasoning.params.present("summary").is_none() => {
            draft.reasoning.params.set("summary", word)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// A tier that the model does not list is not requested, since the backend refuses it.
fn tier(draft: &mut Draft<'_>, found: Option<&Model>, policy: &Policy) -> Result<(), Failure> {
    let offers = |tier: Tier| {
        let tiers = found.and_then(|model| model.service_tiers.as_ref());
        tiers.is_none_or(|tiers| tiers.iter().any(|t| Some(t.id.as_str()) == tier.wire()))
    };
    let Some(word) = draft.tier.take() else {
        if policy.fast && offers(Tier::Priority) {
            draft.request.set("service_tier", "priority")?;
        }
        return Ok(());
    };
    let shown: String = word.chars().take(32).collect();
    match Tier::read(&word) {
        Some(tier) if tier.wire().is_none() => {}
        Some(tier) if offers(tier) => draft.request.set("service_tier", &tier.wire())?,
        Some(_) => {
            let detail = format!("the model has no tier {shown}; the ordinary one is used");
            let member = draft.tier_member.unwrap_or("service_tier");
            draft.notices.push(Notice::new(member, NoticeKind::Clamped, detail));
        }
        None => {
            let why = "not a tier of this backend";
            draft.notices.push(Notice::ignored("service_tier", why));
        }
    }
    Ok(())
}

/// Adds a web search to the tools, keeping what is there byte for byte.
fn offer_web_search(request: &mut Request<'_>) -> Result<(), Failure> {
    let tool = Tool::WebSearch { search_context_size: None, user_location: None, filters: None };
    let search = raw(&tool)?;
    let tools = match request.present("tools") {
        Some(tools) => {
            let mut tools: Vec<&RawValue> = serde_json::from_str(tools.get())
                .map_err(|_| Failure::param("tools", "tools must be a list"))?;
            tools.push(&search);
            raw(&tools)?
        }
        None => raw(&[&*search])?,
    };
    request.put("tools", Cow::Owned(tools));
    Ok(())
}

#[cfg(test)]
mod tests;
