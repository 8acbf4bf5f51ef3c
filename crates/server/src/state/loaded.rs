//! The models that Ollama's clients find loaded: those that were used within the time for which they are kept.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chatmock_translate::KeepAlive;

/// The most models that are listed; names with an effort are models of their own.
const MAX_MODELS: usize = 256;

/// Ollama's own end of what is kept for ever: so many seconds from now, which is 292 years.
const FOREVER: Duration = Duration::from_secs(9_223_372_036);

/// The models that were used, by name, and the end of their time since the Unix epoch.
#[derive(Debug, Default)]
pub(crate) struct LoadedModels(Mutex<BTreeMap<String, Duration>>);

impl LoadedModels {
    /// Notes a use, after which the model is kept so long; `now` is since the Unix epoch.
    pub(crate) fn note(&self, name: &str, keep_alive: KeepAlive, now: Duration) {
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        models.retain(|_, end| *end > now);
        let kept = match keep_alive {
            KeepAlive::For(Duration::ZERO) => {
                models.remove(name);
                return;
            }
            KeepAlive::For(kept) => kept.min(FOREVER),
            KeepAlive::Forever => FOREVER,
        };
        if models.len() < MAX_MODELS || models.contains_key(name) {
            models.insert(name.to_owned(), now + kept);
        }
    }

    /// Returns the names of the models that are kept, and the ends of their times.
    pub(crate) fn list(&self, now: Duration) -> Vec<(String, Duration)> {
        let models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = models.iter().filter(|(_, end)| **end > now);
        kept.map(|(name, end)| (name.clone(), *end)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_model_is_listed_until_its_time_is_over() {
        let loaded = LoadedModels::default();
        loaded.note("a", KeepAlive::For(at(10)), at(100));
        loaded.note("b", KeepAlive::default(), at(100));
        loaded.note("c", KeepAlive::Forever, at(100));
        let names =
            |now| loaded.list(at(now)).into_iter().map(|(name, _)| name).collect::<String>();
        assert_eq!((names(109), names(110), names(400)), ("abc".into(), "bc".into(), "c".into()));
        loaded.note("a", KeepAlive::For(at(10)), at(105));
        assert_eq!(names(110), "abc", "each use begins the time anew");
        loaded.note("c", KeepAlive::For(Duration::ZERO), at(105));
        assert_eq!(names(105), "ab", "unloaded at once");
    }

    #[test]
    fn a_list_of_many_names_is_bounded() {
        let loaded = LoadedModels::default();
        for number in 0..1000 {
            loaded.note(&number.to_string(), KeepAlive::Forever, at(1));
        }
        assert_eq!(loaded.list(at(2)).len(), MAX_MODELS);
    }
}
