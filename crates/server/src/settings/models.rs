//! The settings of the catalogue of models.

use std::time::Duration;

use chatmock_translate::catalog::Alias;

/// The upkeep of the catalogue of models.
#[derive(Clone, Debug)]
pub struct ModelSettings {
    /// True if the backend's list is fetched at all.
    pub sync: bool,
    /// The time between two fetches.
    pub refresh: Duration,
    /// True if a model's efforts are listed as models of their own.
    pub expose_efforts: bool,
    /// Names of the person's own.
    pub aliases: Vec<Alias>,
    /// Models that replace the backend's list, which is then not fetched.
    pub list: Vec<String>,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            sync: true,
            refresh: Duration::from_secs(3600),
            expose_efforts: false,
            aliases: Vec::new(),
            list: Vec::new(),
        }
    }
}
