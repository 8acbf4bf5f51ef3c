//! Names of models: a slug, perhaps followed by an effort.

use chatmock_protocol::effort::Effort;

use super::{Catalog, CatalogSource, listed};

/// A name understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The model's slug.
    pub slug: String,
    /// The effort that the name carried.
    pub effort: Option<Effort>,
    /// True if that effort holds whatever a request says.
    pub pinned: bool,
    /// True if the name is one of another vendor's, for whose model this one stands.
    pub stands_in: bool,
}

impl Resolved {
    pub(super) fn plain(slug: &str) -> Self {
        Self { slug: slug.to_owned(), effort: None, pinned: false, stands_in: false }
    }
}

/// A name that the account's list does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownModel {
    /// Names that are near, the nearest first; at most three.
    pub nearest: Vec<String>,
}

/// Resolves a name that is no alias.
pub(super) fn resolve(catalog: &Catalog, name: &str) -> Result<Resolved, UnknownModel> {
    let name = name.trim();
    if let Some(resolved) = known(catalog, name) {
        return Ok(resolved);
    }
    // A colon is no part of a slug, so behind one the effort is sure.
    if let Some((slug, effort)) = suffixed(name)
        && name.as_bytes().get(slug.len()) == Some(&b':')
        && catalog.source == CatalogSource::Builtin
    {
        return Ok(Resolved { effort: Some(effort), ..Resolved::plain(slug) });
    }
    match catalog.source {
        CatalogSource::Builtin => Ok(Resolved::plain(name)),
        _ if catalog.open => Ok(Resolved::plain(name)),
        CatalogSource::Live | CatalogSource::Cached | CatalogSource::Configured => {
            Err(UnknownModel { nearest: nearest(catalog, name) })
        }
    }
}

/// Resolves a name that the list has, perhaps with an effort behind it.
pub(super) fn known(catalog: &Catalog, name: &str) -> Option<Resolved> {
    if catalog.find(name).is_some() {
        return Some(Resolved::plain(name));
    }
    let (slug, effort) = suffixed(name)?;
    catalog.find(slug)?;
    Some(Resolved { effort: Some(effort), ..Resolved::plain(slug) })
}

/// Splits `gpt-6-sol-high`, `gpt-6-sol:high` and `gpt-6-sol_high`.
pub(super) fn suffixed(name: &str) -> Option<(&str, Effort)> {
    let at = name.rfind(['-', ':', '_'])?;
    let effort = name.get(at + 1..)?.parse().ok()?;
    Some((name.get(..at)?, effort))
}

fn nearest(catalog: &Catalog, name: &str) -> Vec<String> {
    let models = catalog.entries.iter().map(|entry| &entry.model).filter(|model| listed(model));
    let aliases = catalog.aliases.iter().map(|alias| alias.name.as_str());
    let names = aliases.chain(models.map(|model| model.slug.as_str()));
    let mut near: Vec<(f64, &str)> =
        names.map(|known| (strsim::jaro_winkler(name, known), known)).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.into_iter().take(3).map(|(_, slug)| slug.to_owned()).collect()
}
