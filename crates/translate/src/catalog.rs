//! The one catalogue of models: their abilities, and the resolution of names.
//!
//! Whether a name is refused depends on the origin of the list. A list from the backend is the
//! account's own, so a name that it does not have is refused here, with near names and without a
//! call. The built-in table ages and does not know the account: names beyond it go to the backend,
//! which decides.

mod builtin;
mod family;
mod name;

use std::fmt;

use chatmock_protocol::codex::models::{Entry, Model, named};
use chatmock_protocol::effort::Effort;

pub use family::CLAUDE;
pub use name::{Resolved, UnknownModel};

/// The origin of a catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogSource {
    /// The backend's answer.
    Live,
    /// An earlier answer, kept in a file.
    Cached,
    /// The table in this crate; it does not know what the account may use.
    Builtin,
    /// Names that the person gave.
    Configured,
}

impl fmt::Display for CatalogSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Cached => "cached",
            Self::Builtin => "builtin",
            Self::Configured => "configured",
        })
    }
}

/// Models in the order in which they are listed.
#[derive(Clone, Debug)]
pub struct Catalog {
    entries: Vec<Entry>,
    source: CatalogSource,
    fetched_at: u64,
    aliases: Vec<Alias>,
    open: bool,
}

/// A name that the person gave to a model, perhaps with an effort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The name to ask for.
    pub name: String,
    /// Its meaning, such as `gpt-6-sol:high`; with `!` behind the effort, that holds whatever a request
    /// says.
    pub target: String,
}

impl Catalog {
    /// Makes a catalogue of a list; `fetched_at` is in seconds of the Unix epoch.
    #[must_use]
    pub fn new(mut entries: Vec<Entry>, source: CatalogSource, fetched_at: u64) -> Self {
        entries.sort_by_key(|entry| entry.model.priority.unwrap_or(i64::MAX));
        Self { entries, source, fetched_at, aliases: Vec::new(), open: false }
    }

    /// The small table for when neither a live nor a cached list is at hand.
    #[must_use]
    pub fn builtin() -> Self {
        Self::new(builtin::entries(), CatalogSource::Builtin, builtin::AS_OF)
    }

    /// A catalogue of a backend whose models are not known yet, and which no built-in table replaces.
    #[must_use]
    pub fn unknown() -> Self {
        Self::new(Vec::new(), CatalogSource::Builtin, 0)
    }

    /// The models that the person named.
    #[must_use]
    pub fn configured(names: &[String]) -> Self {
        let entries = names.iter().filter_map(|name| named(name)).collect();
        Self::new(entries, CatalogSource::Configured, 0)
    }

    /// Takes names that the list does not have too: the backend decides about them.
    #[must_use]
    pub fn opened(self, open: bool) -> Self {
        Self { open, ..self }
    }

    /// Adds names of the person's own; they win over the models' names.
    #[must_use]
    pub fn with_aliases(self, aliases: Vec<Alias>) -> Self {
        Self { aliases, ..self }
    }

    /// The names that are shown in lists, each with its model: aliases first, then the models,
    /// with `efforts` also one name for each effort that a model offers.
    #[must_use]
    pub fn names(&self, efforts: bool) -> Vec<(String, &Entry)> {
        let aliases = self.aliases.iter().filter_map(|alias| {
            let slug = alias.resolve(self).ok()?.slug;
            let entry = self.entries.iter().find(|entry| entry.model.slug == slug)?;
            Some((alias.name.clone(), entry))
        });
        let own = |name: &str| self.aliases.iter().any(|alias| alias.name == name);
        let models = self.listed().flat_map(|entry| {
            let slug = &entry.model.slug;
            let variants = if efforts { self::efforts(&entry.model) } else { Vec::new() };
            let variants = variants.into_iter().map(move |effort| format!("{slug}-{effort}"));
            std::iter::once(slug.clone()).chain(variants).map(move |name| (name, entry))
        });
        aliases.chain(models.filter(|(name, _)| !own(name))).collect()
    }

    /// Returns the origin of the list.
    #[must_use]
    pub fn source(&self) -> CatalogSource {
        self.source
    }

    /// When the list was fetched, in seconds of the Unix epoch.
    #[must_use]
    pub fn fetched_at(&self) -> u64 {
        self.fetched_at
    }

    /// Every model, hidden ones included.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The models that are shown in lists.
    pub fn listed(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| listed(&entry.model))
    }

    /// The model of that slug.
    #[must_use]
    pub fn find(&self, slug: &str) -> Option<&Model> {
        self.entries.iter().map(|entry| &entry.model).find(|model| model.slug == slug)
    }

    /// A model that can use the image tool: the first that sees pictures, else, of a list that does not say so, the
    /// newest by its name of those that a list of OpenAI's has for conversations.
    #[must_use]
    pub(crate) fn for_images(&self) -> Option<&Model> {
        const OTHERS: [&str; 7] =
            ["image", "audio", "realtime", "tts", "transcribe", "instruct", "search"];
        let sees = |model: &&Model| model.input_modalities.iter().flatten().any(|m| m == "image");
        let talks = |model: &&Model| {
            model.slug.starts_with("gpt-") && !OTHERS.iter().any(|word| model.slug.contains(word))
        };
        let models = || self.listed().map(|entry| &entry.model);
        models().find(sees).or_else(|| models().filter(talks).max_by_key(|model| &model.slug))
    }

    /// Resolves a client's name to a model, and an effort where the name carries one. An effort
    /// behind an alias takes precedence over the effort of the name that the alias replaces.
    ///
    /// # Errors
    /// [`UnknownModel`] when a list does not know the name. The built-in table refuses nothing,
    /// since it does not know what the account may use, and neither does one that is open.
    pub fn resolve(&self, name: &str) -> Result<Resolved, UnknownModel> {
        let name = name.trim();
        target(self, name).unwrap_or_else(|| name::resolve(self, name))
    }

    /// Resolves the name that a client of Anthropic's API asks for: also by the family's word in it, and
    /// without what such clients add to names. See [`Self::resolve`].
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn resolve_family(&self, name: &str) -> Result<Resolved, UnknownModel> {
        family::resolve(self, name)
    }
}

/// Resolves a name by the aliases, if one has it, perhaps with an effort behind it.
fn target(catalog: &Catalog, name: &str) -> Option<Result<Resolved, UnknownModel>> {
    let target = |name: &str| {
        let alias = catalog.aliases.iter().find(|alias| alias.name == name);
        alias.map(|alias| alias.resolve(catalog))
    };
    if let Some(resolved) = target(name) {
        return Some(resolved);
    }
    // A model of that very name is meant before an alias with an effort behind it.
    if catalog.find(name).is_some() {
        return None;
    }
    let (alias, effort) = name::suffixed(name)?;
    let resolved = target(alias)?;
    Some(resolved.map(|resolved| match resolved.pinned {
        true => resolved,
        false => Resolved { effort: Some(effort), ..resolved },
    }))
}

/// The mark behind an effort that holds whatever a request says.
const PINNED: char = '!';

impl Alias {
    fn resolve(&self, catalog: &Catalog) -> Result<Resolved, UnknownModel> {
        match self.target.strip_suffix(PINNED) {
            Some(target) => {
                let resolved = name::resolve(catalog, target)?;
                Ok(Resolved { pinned: resolved.effort.is_some(), ..resolved })
            }
            None => name::resolve(catalog, &self.target),
        }
    }
}

fn listed(model: &Model) -> bool {
    model.visibility.as_deref().is_none_or(|visibility| visibility == "list")
}

/// The efforts that a model offers, least first; empty where the list does not say.
#[must_use]
pub(crate) fn efforts(model: &Model) -> Vec<Effort> {
    let levels = model.supported_reasoning_levels.iter().flatten();
    let mut efforts: Vec<Effort> = levels.filter_map(|level| level.effort.parse().ok()).collect();
    efforts.sort_unstable();
    efforts
}

/// The effort that goes out when `wanted` is asked of `model`.
///
/// `ultra` is no wire effort and becomes the model's own word for it; an effort that the model
/// does not offer becomes the nearest that it does, the lower of two as near.
#[must_use]
pub(crate) fn clamp(model: Option<&Model>, wanted: Effort) -> Effort {
    let offered = model.map(efforts).unwrap_or_default();
    let behind_ultra = || {
        let word = model.and_then(|model| model.multi_agent_reasoning_effort.as_deref());
        word.and_then(|word| word.parse().ok()).unwrap_or(Effort::Xhigh)
    };
    let nearest = if offered.is_empty() || offered.contains(&wanted) {
        wanted
    } else {
        let distance = |effort: &Effort| (*effort as i32 - wanted as i32).abs();
        let wire = offered.iter().filter(|effort| **effort != Effort::Ultra);
        wire.min_by_key(|effort| distance(effort)).copied().unwrap_or(wanted)
    };
    if nearest == Effort::Ultra { behind_ultra() } else { nearest }
}

#[cfg(test)]
mod tests;
