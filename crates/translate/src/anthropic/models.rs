//! The catalogue as Anthropic's API lists it.

use std::borrow::Cow;

use chatmock_protocol::anthropic::models::{
    Capabilities, EffortSupport, Model, ModelList, Support, ThinkingSupport, ThinkingTypes,
};
use chatmock_protocol::codex::models::{self as codex, Entry};
use chatmock_protocol::effort::Effort;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::catalog::{self, CLAUDE, Catalog};

/// Makes the list of models: each by the names that other APIs list, and once more behind `claude-`, since
/// some clients show no others; with `efforts` also one name for each effort.
#[must_use]
pub fn model_list(catalog: &Catalog, efforts: bool) -> ModelList<'_> {
    let names = catalog.names(efforts);
    let own = names.iter().map(|(name, entry)| model(name.clone().into(), entry));
    let mut data: Vec<Model<'_>> = own.collect();
    let again = catalog.listed().filter(|entry| !entry.model.slug.starts_with(CLAUDE));
    data.extend(again.map(|entry| model(format!("{CLAUDE}{}", entry.model.slug).into(), entry)));
    let first_id = data.first().map(|model| model.id.clone());
    let last_id = data.last().map(|model| model.id.clone());
    ModelList { data, has_more: false, first_id, last_id }
}

/// Makes the row of a model under one of its names.
#[must_use]
pub fn model<'c>(id: Cow<'c, str>, entry: &'c Entry) -> Model<'c> {
    let model = &entry.model;
    let shown = model.display_name.as_deref().unwrap_or(&model.slug);
    let created = OffsetDateTime::from_unix_timestamp(model.created.unwrap_or(0) as i64);
    let created = created.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Model {
        kind: "model",
        id,
        display_name: shown.into(),
        created_at: created.format(&Rfc3339).unwrap_or_default(),
        lifecycle: "active",
        line: None,
        max_input_tokens: model.context_window,
        max_tokens: None,
        capabilities: capabilities(model),
    }
}

fn capabilities(model: &codex::Model) -> Capabilities {
    let is = |supported| Support { supported };
    let efforts = catalog::efforts(model);
    let has = |effort| is(efforts.contains(&effort));
    let reasons = !efforts.is_empty();
    let images = model.input_modalities.iter().flatten().any(|kind| kind == "image");
    Capabilities {
        batch: is(false),
        citations: is(false),
        code_execution: is(false),
        context_management: is(false),
        effort: EffortSupport {
            supported: reasons,
            low: has(Effort::Low),
            medium: has(Effort::Medium),
            high: has(Effort::High),
            xhigh: has(Effort::Xhigh),
            max: has(Effort::Max),
        },
        image_input: is(images),
        pdf_input: is(images),
        server_tools: is(true),
        structured_outputs: is(true),
        thinking: ThinkingSupport {
            supported: reasons,
            types: ThinkingTypes {
                adaptive: is(reasons),
                enabled: is(reasons),
                disabled: is(true),
                between_tools: is(false),
            },
        },
    }
}
