//! The location of the configuration file: the platform's folder for settings, or the path that the
//! user gives.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf, absolute};

use anyhow::Context;

use crate::env::Folders;
use crate::text_file::TextFile;

/// The word that means no file.
const NONE: &str = "none";

/// The location of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConfigLocation {
    /// No file is read.
    None,
    /// The platform's folder for settings. The file may be missing.
    Default(PathBuf),
    /// The path that the user gave. The file must exist.
    Explicit(PathBuf),
}

impl ConfigLocation {
    /// Finds the location.
    pub(crate) fn find(explicit: Option<&Path>, folders: &Folders) -> anyhow::Result<Self> {
        let default = || folders.config.as_ref().map(|at| at.join("chatmock/chatmock.toml"));
        match explicit {
            Some(word) if word == Path::new(NONE) => Ok(Self::None),
            Some(path) => {
                let whole = absolute(path).with_context(|| format!("--config {}", path.display()));
                Ok(Self::Explicit(whole?))
            }
            None => Ok(default().map_or(Self::None, Self::Default)),
        }
    }

    /// Returns the path of the file.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::None => None,
            Self::Default(path) | Self::Explicit(path) => Some(path),
        }
    }

    /// Reads the file, if it exists.
    pub(super) fn read(&self) -> anyhow::Result<Option<(&Path, TextFile)>> {
        let Some(path) = self.path() else { return Ok(None) };
        match TextFile::read(path) {
            Ok(file) => Ok(Some((path, file))),
            Err(_) if matches!(self, Self::Default(_)) && is_missing(path) => Ok(None),
            Err(error) => Err(error.context(path.display().to_string())),
        }
    }
}

impl fmt::Display for ConfigLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            Some(path) => path.display().fmt(f),
            None => f.write_str(NONE),
        }
    }
}

/// Returns whether there is nothing at a path. A link to a missing file is something, so a broken link is
/// reported.
fn is_missing(path: &Path) -> bool {
    let kind = path.symlink_metadata().err().map(|error| error.kind());
    matches!(kind, Some(ErrorKind::NotFound | ErrorKind::NotADirectory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_looked_for_in_the_settings_unless_another_is_named_or_none() {
        let settings = std::env::temp_dir();
        let folders = Folders { config: Some(settings.clone()), ..Folders::default() };
        fn of(named: Option<&str>, folders: &Folders) -> ConfigLocation {
            ConfigLocation::find(named.map(Path::new), folders).unwrap()
        }
        let default = ConfigLocation::Default(settings.join("chatmock").join("chatmock.toml"));
        assert_eq!(of(None, &folders), default);
        assert_eq!(of(None, &Folders::default()), ConfigLocation::None);
        assert_eq!(of(Some("none"), &folders), ConfigLocation::None);
        for (named, end) in [("a.toml", "a.toml"), ("./none", "none")] {
            let ConfigLocation::Explicit(path) = of(Some(named), &folders) else {
                panic!("{named}")
            };
            assert!(path.is_absolute() && path.ends_with(end), "{}", path.display());
        }
    }

    #[test]
    fn only_a_file_that_was_named_has_to_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chatmock").join("chatmock.toml");
        assert!(ConfigLocation::Default(path.clone()).read().unwrap().is_none());
        std::fs::write(folder.path().join("chatmock"), "").unwrap();
        assert!(ConfigLocation::Default(path.clone()).read().unwrap().is_none());
        let error = format!("{:#}", ConfigLocation::Explicit(path.clone()).read().unwrap_err());
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert!(ConfigLocation::Default(folder.path().to_owned()).read().is_err());
        assert!(ConfigLocation::None.read().unwrap().is_none());
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink("nowhere", &link).unwrap();
            assert!(ConfigLocation::Default(link).read().is_err());
        }
    }
}
