//! The Codex version whose models are asked for: it adapts to the Codex CLI of this machine, without any call.

use std::path::{Path, PathBuf};

use chatmock_server::protocol::json::{RawObject, items, read_text};
use chatmock_server::upstream::CLIENT_VERSION;

use crate::env::Folders;
use crate::text_file::TextFile;

/// The file in which the Codex CLI notes the newest version that it has heard of.
const FILE: &str = "version.json";

/// The member with that version.
const NEWEST: &str = "latest_version";

/// The lists of models that the Codex CLI and this program keep, as the backend sent them.
const LISTS: [&str; 2] = ["models_cache.json", "chatmock_models_cache.json"];

/// The member of a model with the least version that the backend wants for it.
const LEAST: &str = "minimal_client_version";

/// The word for the newest that can be found.
const LATEST: &str = "latest";

/// Returns the version to ask for: the one that was set, else that of the Codex CLI here, but none older than the newest
/// that this program knows.
pub(crate) fn resolve(set: Option<&str>, folders: &Folders, home: Option<&Path>) -> String {
    let noted_in = |folder: &Path| noted(&folder.join(FILE));
    match set {
        Some(word) if !word.eq_ignore_ascii_case(LATEST) => word.to_owned(),
        Some(_) => {
            let usual = folders.home.as_ref().map(|home| home.join(".chatgpt-local"));
            let home = home.map(Path::to_owned).or(usual);
            let folders: Vec<PathBuf> = places(folders).chain(home).collect();
            let files = folders.iter().filter_map(|folder| noted_in(folder));
            let lists = folders.iter().flat_map(|folder| LISTS.map(|list| folder.join(list)));
            newest(files.chain(lists.flat_map(|list| wanted(&list))))
        }
        None => newest(folders.codex.iter().filter_map(|folder| noted_in(folder))),
    }
}

/// The folders in which Codex CLIs keep their files.
fn places(folders: &Folders) -> impl Iterator<Item = PathBuf> {
    let home = folders.home.iter();
    let usual = home.flat_map(|home| [home.join(".codex"), home.join(".config/codex")]);
    folders.codex.iter().cloned().chain(usual)
}

fn newest(found: impl Iterator<Item = String>) -> String {
    let known = CLIENT_VERSION.to_owned();
    let newest = found.chain([known]).max_by_key(|version| numbers(version));
    newest.unwrap_or_else(|| CLIENT_VERSION.to_owned())
}

/// Reads the version in a file; one that is not there or not as expected has none.
fn noted(file: &Path) -> Option<String> {
    let file = TextFile::read(file).ok()?;
    let members: RawObject<'_> = read_text(file.text()).ok()?;
    let version = members.text(NEWEST)?.into_owned();
    numbers(&version).is_some().then_some(version)
}

/// Reads the versions that the backend wants for the models of a list.
fn wanted(list: &Path) -> Vec<String> {
    let Ok(file) = std::fs::read_to_string(list) else { return Vec::new() };
    let read = read_text::<RawObject<'_>>(&file).ok();
    let Some(models) = read.as_ref().and_then(|list| list.get("models")) else { return Vec::new() };
    let version = |model: &str| {
        let model: RawObject<'_> = read_text(model).ok()?;
        let version = model.text(LEAST)?.into_owned();
        numbers(&version).is_some().then_some(version)
    };
    items(models.get()).filter_map(version).collect()
}

/// Reads `major.minor.patch`.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let mut parts = version.split('.').map(|part| part.parse::<u64>().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn version(text: &str, set: Option<&str>) -> String {
        let codex = TempDir::new().unwrap();
        std::fs::write(codex.path().join(FILE), text).unwrap();
        let folders = Folders { codex: Some(codex.path().into()), ..Folders::default() };
        resolve(set, &folders, None)
    }

    #[test]
    fn latest_takes_the_word_of_the_backend_where_a_list_has_one() {
        let home = TempDir::new().unwrap();
        let list = |name: &str, version: &str| {
            let text = format!(
                r#"{{"models":[{{"slug":"a","minimal_client_version":"{version}"}},{{"slug":"b"}}]}}"#
            );
            std::fs::write(home.path().join(name), text).unwrap();
        };
        let latest = || resolve(Some("latest"), &Folders::default(), Some(home.path()));
        list(LISTS[1], "9.2.0");
        assert_eq!(latest(), "9.2.0");
        list(LISTS[0], "9.10.0");
        assert_eq!(latest(), "9.10.0");
        assert_eq!(resolve(None, &Folders::default(), Some(home.path())), CLIENT_VERSION);
        for damaged in
            ["{}", "[]", "{\"models\":{}}", "{\"models\":[1,{\"minimal_client_version\":\"x\"}]}"]
        {
            std::fs::write(home.path().join(LISTS[0]), damaged).unwrap();
            assert_eq!(latest(), "9.2.0", "{damaged}");
        }
    }

    #[test]
    fn a_newer_codex_cli_on_this_machine_gives_its_version() {
        let newer = r#"{"latest_version":"9.1.0","last_checked_at":"2026-11-30T00:00:00Z"}"#;
        assert_eq!(version(newer, None), "9.1.0");
        assert_eq!(version(newer, Some("latest")), "9.1.0");
        assert_eq!(version(newer, Some("0.150.0")), "0.150.0");
    }

    #[test]
    fn an_older_one_and_what_cannot_be_read_leave_the_newest_that_is_known() {
        for text in [r#"{"latest_version":"0.9.0"}"#, r#"{"latest_version":"x"}"#, "{}", "", "[1]"]
        {
            assert_eq!(version(text, None), CLIENT_VERSION, "{text}");
            assert_eq!(version(text, Some("LATEST")), CLIENT_VERSION, "{text}");
        }
        assert_eq!(resolve(None, &Folders::default(), None), CLIENT_VERSION);
    }
}
