//! The API keys that clients must send: typed, in the environment, or in a file.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow, ensure};
use chatmock_server::{ApiKey, KeySwitch};

use crate::text_file::TextFile;
use chatmock_server::auth::Secret;

/// The length in bytes below which a key could be guessed.
const GUESSABLE_LENGTH: usize = 16;

/// The largest length of a label, in bytes.
const MAX_LABEL: usize = 64;

/// The pause between two looks at the file of keys.
const LOOK: Duration = Duration::from_secs(1);

/// The keys that were loaded, and the warnings about them.
#[derive(Debug, Default)]
pub(crate) struct LoadedKeys {
    /// The keys.
    pub(crate) keys: Vec<ApiKey>,
    /// Sentences for the log.
    pub(crate) warnings: Vec<String>,
}

impl LoadedKeys {
    /// Loads the typed keys and those of a file. No error message repeats a key.
    pub(crate) fn read(typed: &[Secret], file: Option<&Path>) -> anyhow::Result<Self> {
        let mut found = Self::default();
        for key in typed {
            found.add(key.expose()).context("--api-key")?;
        }
        if let Some(path) = file {
            let shown = path.display();
            found.add_file(path).with_context(|| format!("--api-key-file {shown}"))?;
        }
        Ok(found)
    }

    fn add_file(&mut self, path: &Path) -> anyhow::Result<()> {
        let file = TextFile::read(path)?;
        if file.is_open_to_others() {
            self.warnings.push(open_file_warning(path));
        }
        let before = self.keys.len();
        for (number, line) in (1..).zip(file.text().lines()) {
            let line = line.trim();
            if !(line.is_empty() || line.starts_with('#')) {
                self.add(line).with_context(|| format!("line {number}"))?;
            }
        }
        ensure!(self.keys.len() > before, "the file holds no key");
        Ok(())
    }

    /// Adds a key that is written `KEY` or `LABEL:KEY`.
    fn add(&mut self, text: &str) -> anyhow::Result<()> {
        let (label, key) = match text.trim().split_once(':') {
            Some((label, key)) => (label.trim().to_owned(), key.trim()),
            None => (format!("key-{}", self.keys.len() + 1), text.trim()),
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.@".contains(&b);
        if label.is_empty() || label.len() > MAX_LABEL || !label.bytes().all(plain) {
            return Err(anyhow!(
                "the label before the colon may hold only letters, digits, and - _ . @"
            ));
        }
        ensure!(!key.is_empty(), "the key is empty");
        ensure!(
            key.bytes().all(|b| b.is_ascii_graphic()),
            "a key must be plain ASCII without blanks"
        );
        if key.len() < GUESSABLE_LENGTH {
            self.warnings.push(format!("the API key {label} is short enough to be guessed"));
        }
        self.keys.push(ApiKey::new(&label, key));
        Ok(())
    }
}

/// The file of keys of a running server, and the keys that were typed besides.
///
/// The file is looked at once a second rather than on a signal: SIGHUP is the end of the terminal here, and not every
/// system has signals. A look is one call of the system.
#[derive(Debug)]
pub(crate) struct KeyFile {
    path: PathBuf,
    typed: Vec<Secret>,
    seen: Option<Stamp>,
}

/// What differs between two states of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    changed: SystemTime,
    length: u64,
}

impl Stamp {
    /// Reads the state of a file; `None` if it does not exist.
    fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        Some(Self { changed: metadata.modified().ok()?, length: metadata.len() })
    }
}

impl KeyFile {
    /// Notes the state of the file before it is read, so that no change after that is missed.
    pub(crate) fn of(typed: &[Secret], path: Option<&Path>) -> Option<Self> {
        let path = path?;
        Some(Self { path: path.to_owned(), typed: typed.to_vec(), seen: Stamp::of(path) })
    }

    /// Hands the keys to the server whenever the file has changed. A file that cannot be used changes nothing.
    pub(crate) async fn watch(mut self, server: KeySwitch) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let Some(read) = self.read_if_changed() else { continue };
            match read {
                Ok(LoadedKeys { keys, warnings }) => {
                    for warning in warnings {
                        tracing::warn!("{warning}");
                    }
                    tracing::info!("the API keys were read again: {} apply now", keys.len());
                    server.replace(keys);
                }
                Err(error) => tracing::warn!("{error:#}; the API keys stay as they were"),
            }
        }
    }

    fn read_if_changed(&mut self) -> Option<anyhow::Result<LoadedKeys>> {
        let now = Stamp::of(&self.path);
        if now == self.seen {
            return None;
        }
        self.seen = now;
        Some(LoadedKeys::read(&self.typed, Some(&self.path)))
    }
}

/// Returns the warning about a file with keys that other users can read.
pub(crate) fn open_file_warning(path: &Path) -> String {
    let path = path.display();
    format!("other users can read the API keys: run chmod 600 {path}")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn typed(texts: &[&str]) -> anyhow::Result<LoadedKeys> {
        let typed: Vec<Secret> = texts.iter().map(|text| Secret::new(*text)).collect();
        LoadedKeys::read(&typed, None)
    }

    fn in_file(text: &str) -> anyhow::Result<LoadedKeys> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(text.as_bytes())?;
        LoadedKeys::read(&[], Some(file.path()))
    }

    #[test]
    fn keys_have_a_label_of_their_own_or_a_number() {
        let found =
            in_file("# ours\n\nann:0123456789abcdef\r\n  0123456789abcdeg\nann:x:y\n").unwrap();
        let expected = [
            ApiKey::new("ann", "0123456789abcdef"),
            ApiKey::new("key-2", "0123456789abcdeg"),
            ApiKey::new("ann", "x:y"),
        ];
        assert_eq!(found.keys, expected);
        assert_eq!(found.warnings, ["the API key ann is short enough to be guessed"]);
    }

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        for text in
            ["", " ", "label:", "secret words", "se cret:key", "schlüssel-secret", ":secret"]
        {
            let error = format!("{:#}", typed(&[text]).unwrap_err());
            assert!(error.starts_with("--api-key: ") && !error.contains("secret"), "{error}");
        }
        for text in ["", "# none\n", "good-enough-for-this\nsecret words\n"] {
            let error = format!("{:#}", in_file(text).unwrap_err());
            assert!(error.contains("--api-key-file") && !error.contains("secret"), "{error}");
        }
        let error = LoadedKeys::read(&[], Some(Path::new("no/such/file"))).unwrap_err();
        assert!(format!("{error:#}").contains("no/such/file"));
    }

    #[test]
    fn a_file_is_read_again_only_when_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        std::fs::write(&path, "ann:0123456789abcdef\n").unwrap();
        let mut file = KeyFile::of(&[Secret::new("typed-0123456789")], Some(&path)).unwrap();
        assert!(file.read_if_changed().is_none());
        std::fs::write(&path, "ann:0123456789abcdef\nben:0123456789abcdeg\n").unwrap();
        assert_eq!(file.read_if_changed().unwrap().unwrap().keys.len(), 3);
        assert!(file.read_if_changed().is_none());
        std::fs::remove_file(&path).unwrap();
        assert!(file.read_if_changed().unwrap().is_err() && file.read_if_changed().is_none());
        assert!(KeyFile::of(&[], None).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_warned_of() {
        use std::os::unix::fs::PermissionsExt;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"0123456789abcdef").unwrap();
        for (mode, warned) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
            file.as_file().set_permissions(PermissionsExt::from_mode(mode)).unwrap();
            let found = LoadedKeys::read(&[], Some(file.path())).unwrap();
            assert_eq!(!found.warnings.is_empty(), warned, "{mode:o}: {:?}", found.warnings);
        }
    }
}
