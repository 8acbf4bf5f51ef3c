//! The record of what was written into a client's file, by which it is taken out again.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use chatmock_server::auth::write_private;
use sha2::{Digest, Sha256};

use super::edit::Piece;
use crate::env::Folders;

/// The folder of the records, in that of this program's settings.
const FOLDER: &str = "chatmock/connect";

/// A change that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// The file, without links.
    pub(crate) target: PathBuf,
    /// True if there was a file before.
    pub(crate) existed: bool,
    /// The file as it was before; `None` if it was changed since, so that only what was added is taken out.
    pub(crate) backup: Option<PathBuf>,
    /// The digest of the file as it was written.
    pub(crate) after: String,
    /// What was put in.
    pub(crate) pieces: Vec<Piece>,
}

impl Record {
    /// Reads the record of a client; `None` where it has none, or one that cannot be read.
    pub(crate) fn read(client: &str, folders: &Folders) -> Option<Self> {
        let text = std::fs::read_to_string(path(client, folders)?).ok()?;
        let table: toml::Table = text.parse().ok()?;
        let word = |name: &str| table.get(name).and_then(toml::Value::as_str).map(str::to_owned);
        let pieces = table.get("piece").and_then(toml::Value::as_array);
        let pieces = pieces.into_iter().flatten().filter_map(piece).collect();
        Some(Self {
            target: word("target")?.into(),
            existed: table.get("existed")?.as_bool()?,
            backup: word("backup").map(PathBuf::from),
            after: word("after")?,
            pieces,
        })
    }

    /// Writes the record.
    pub(crate) fn write(&self, client: &str, folders: &Folders) -> anyhow::Result<()> {
        let path =
            path(client, folders).ok_or_else(|| anyhow!("the folder for settings is unknown"))?;
        write_private(&path, self.text().as_bytes()).context("cannot write down what was changed")
    }

    /// Removes the record.
    pub(crate) fn forget(client: &str, folders: &Folders) {
        if let Some(path) = path(client, folders) {
            // A record that stays is found to be out of date.
            let _ = std::fs::remove_file(path);
        }
    }

    fn text(&self) -> String {
        let mut text = format!(
            "target = {}\nexisted = {}\n",
            quoted(&self.target.to_string_lossy()),
            self.existed
        );
        if let Some(backup) = &self.backup {
            let _ = writeln!(text, "backup = {}", quoted(&backup.to_string_lossy()));
        }
        let _ = writeln!(text, "after = {}", quoted(&self.after));
        for Piece { path, made, text: piece } in &self.pieces {
            let path: Vec<String> = path.iter().map(|name| quoted(name)).collect();
            let (path, piece) = (path.join(", "), quoted(piece));
            let _ = writeln!(text, "\n[[piece]]\npath = [{path}]\nmade = {made}\ntext = {piece}");
        }
        text
    }
}

fn piece(value: &toml::Value) -> Option<Piece> {
    let names = value.get("path")?.as_array()?;
    let path = names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    let made = usize::try_from(value.get("made")?.as_integer()?).ok()?;
    Some(Piece { path, made, text: value.get("text")?.as_str()?.to_owned() })
}

fn path(client: &str, folders: &Folders) -> Option<PathBuf> {
    let config: &Path = folders.config.as_deref()?;
    Some(config.join(FOLDER).join(format!("{client}.toml")))
}

/// Returns the digest of a text.
pub(crate) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders { config: Some(folder.path().into()), ..Folders::default() };
        let record = Record {
            target: "/home/ann/a \"b\".json".into(),
            existed: true,
            backup: Some("/home/ann/c".into()),
            after: digest("x"),
            pieces: vec![Piece {
                path: vec!["a".into(), "b".into()],
                made: 1,
                text: "{\n\t\"é\\\"}".into(),
            }],
        };
        assert_eq!(Record::read("x", &folders), None);
        record.write("x", &folders).unwrap();
        assert_eq!(Record::read("x", &folders), Some(record));
        Record::forget("x", &folders);
        assert_eq!(Record::read("x", &folders), None);
    }
}
