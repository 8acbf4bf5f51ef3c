//! Names of Anthropic's models, each with the model that stands for it.
//!
//! Clients of that API ask for models by names that they know, and some let nobody choose others. So a
//! name of theirs stands for a model of the list, by the family's word in it.

use chatmock_protocol::codex::models::Model;

use super::name::{Resolved, UnknownModel, known};
use super::{Catalog, target};

/// The beginning of the names under which all models are listed a second time, for clients that show
/// no others.
pub const CLAUDE: &str = "claude-";

/// The families of models.
const FAMILIES: [&str; 4] = ["opus", "sonnet", "haiku", "fable"];

/// The parts of names of the middle and of the small models.
const MIDDLE: &str = "-terra";
const SMALL: &str = "-luna";

/// Resolves a name: as it is, without what clients add to it, without `claude-` before it, or by the
/// family's word in it.
pub(super) fn resolve(catalog: &Catalog, name: &str) -> Result<Resolved, UnknownModel> {
    let (name, plain) = (name.trim(), plain(name.trim()));
    let bare = plain.strip_prefix(CLAUDE).unwrap_or(plain);
    for name in [name, plain, bare] {
        if let Some(resolved) = target(catalog, name) {
            return resolved;
        }
        if let Some(resolved) = known(catalog, name) {
            return Ok(resolved);
        }
    }
    match word(plain) {
        Some(word) => by_family(catalog, word).unwrap_or_else(|| catalog.resolve(name)),
        None => catalog.resolve(name),
    }
}

/// Returns a name without what stands around it: the vendor, the size of the window, a date, a version.
fn plain(name: &str) -> &str {
    let name = name.strip_prefix("anthropic/").unwrap_or(name);
    let name = name.split(['[', '@']).next().unwrap_or(name);
    match name.rsplit_once('-') {
        Some((before, date)) if date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) => {
            before
        }
        _ => name,
    }
}

/// Returns the family's word in a name of that vendor.
fn word(name: &str) -> Option<&'static str> {
    let has = |word: &str| name.split(['-', '.', '_']).any(|part| part.eq_ignore_ascii_case(word));
    let of_vendor = |word: &str| name.eq_ignore_ascii_case(word) || has("claude");
    FAMILIES.into_iter().find(|word| has(word) && of_vendor(word))
}

/// The model of a family: by an alias of the family's word, else by the list. An open list that has models
/// of that vendor may have others too, so that only an alias stands for them there.
fn by_family(catalog: &Catalog, word: &str) -> Option<Result<Resolved, UnknownModel>> {
    if let Some(resolved) = target(catalog, word) {
        return Some(resolved.map(stand_in));
    }
    let models = || catalog.listed().map(|entry| &entry.model);
    let named = |part: &str| models().find(|model| model.slug.contains(part));
    let has_claude = models().any(|model| model.slug.contains("claude"));
    let model: Option<&Model> = match word {
        _ if catalog.open && has_claude => None,
        "sonnet" => named(MIDDLE).or_else(|| models().next()),
        "haiku" => named(SMALL).or_else(|| models().last()),
        _ => models().next(),
    };
    model.map(|model| Ok(stand_in(Resolved::plain(&model.slug))))
}

fn stand_in(resolved: Resolved) -> Resolved {
    Resolved { stands_in: true, ..resolved }
}
