//! The built-in table: the models that the Codex CLI 0.171.0 carries in itself.

use chatmock_protocol::codex::models::{Entry, Model, ReasoningLevel, ServiceTier};
use chatmock_protocol::json::raw;
use serde::Serialize;

/// When that program came out, 2026-11-20, in seconds of the Unix epoch.
pub(super) const AS_OF: u64 = 1_795_132_800;

const LOW_TO_MAX: &[&str] = &["low", "medium", "high", "xhigh", "max"];
const LOW_TO_ULTRA: &[&str] = &["low", "medium", "high", "xhigh", "max", "ultra"];
const LOW_TO_XHIGH: &[&str] = &["low", "medium", "high", "xhigh"];

/// Slug, priority, whether listed, window and largest window in thousands of tokens, default
/// effort, efforts, and whether the tier `priority` is offered.
type Row = (&'static str, i64, bool, (u64, u64), &'static str, &'static [&'static str], bool);

const TABLE: [Row; 14] = [
    ("gpt-6.2-sol", 1, true, (500, 872), "low", LOW_TO_ULTRA, true),
    ("gpt-6.2-astra", 2, true, (272, 872), "low", LOW_TO_ULTRA, true),
    ("gpt-6.1-terra", 3, true, (500, 872), "low", LOW_TO_ULTRA, true),
    ("gpt-6.1-sol", 4, true, (500, 872), "low", LOW_TO_ULTRA, true),
    ("gpt-6-astra", 5, true, (272, 872), "low", LOW_TO_ULTRA, true),
    ("gpt-6-sol", 6, true, (272, 872), "medium", LOW_TO_ULTRA, true),
    ("gpt-6-luna", 7, true, (272, 872), "medium", LOW_TO_MAX, true),
    ("gpt-5.6-sol", 8, true, (272, 872), "low", LOW_TO_ULTRA, true),
    ("gpt-5.6-terra", 9, true, (272, 872), "medium", LOW_TO_ULTRA, true),
    ("gpt-5.6-luna", 10, true, (272, 872), "medium", LOW_TO_MAX, true),
    ("gpt-daybreak-blue-latest", 11, false, (272, 872), "low", LOW_TO_ULTRA, false),
    ("gpt-daybreak-red-latest", 12, false, (372, 372), "medium", LOW_TO_ULTRA, false),
    ("gpt-5.5", 13, true, (272, 272), "medium", LOW_TO_XHIGH, true),
    ("codex-auto-review", 43, false, (272, 872), "medium", LOW_TO_MAX, true),
];

/// A model object as the backend would send it, as far as the table knows it; the last six members
/// are the same for all of them, and the Codex CLI takes no list without these.
#[derive(Serialize)]
struct Object<'a> {
    slug: &'a str,
    display_name: &'a str,
    default_reasoning_level: &'a str,
    supported_reasoning_levels: &'a [ReasoningLevel],
    visibility: &'a str,
    priority: i64,
    context_window: u64,
    max_context_window: u64,
    service_tiers: &'a [ServiceTier],
    input_modalities: [&'static str; 2],
    base_instructions: &'static str,
    shell_type: &'static str,
    support_verbosity: bool,
    supported_in_api: bool,
    truncation_policy: TruncationPolicy,
    experimental_supported_tools: [&'static str; 0],
}

/// The limit up to which the Codex CLI keeps a tool's output.
#[derive(Serialize)]
struct TruncationPolicy {
    mode: &'static str,
    limit: u32,
}

pub(super) fn entries() -> Vec<Entry> {
    TABLE.iter().filter_map(entry).collect()
}

fn entry(row: &Row) -> Option<Entry> {
    let (slug, priority, list, (window, largest), default, efforts, fast) = *row;
    let levels: Vec<ReasoningLevel> = efforts
        .iter()
        .map(|effort| ReasoningLevel { effort: (*effort).to_owned(), description: String::new() })
        .collect();
    let tiers: Vec<ServiceTier> = fast
        .then(|| ServiceTier {
            id: "priority".to_owned(),
            name: "Fast".to_owned(),
            description: String::new(),
        })
        .into_iter()
        .collect();
    let object = Object {
        slug,
        display_name: slug,
        default_reasoning_level: default,
        supported_reasoning_levels: &levels,
        visibility: if list { "list" } else { "hide" },
        priority,
        context_window: window * 1000,
        max_context_window: largest * 1000,
        service_tiers: &tiers,
        input_modalities: ["text", "image"],
        base_instructions: "",
        shell_type: "shell_command",
        support_verbosity: true,
        supported_in_api: true,
        truncation_policy: TruncationPolicy { mode: "tokens", limit: 10_000 },
        experimental_supported_tools: [],
    };
    let raw = raw(&object).ok()?;
    let model: Model = serde_json::from_str(raw.get()).ok()?;
    Some(Entry { model, raw })
}
