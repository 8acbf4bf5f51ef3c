//! The parser of the configuration file: TOML to keys and values, each with its line.

use std::borrow::Cow;
use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use clap::{Arg, Command, Id};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{PathBase, key, keys, value};

/// The similarity to a key from which a word is suggested as a misspelling of it.
const SIMILARITY: f64 = 0.8;

/// The setting of one flag in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConfigEntry {
    /// The id of the flag.
    pub(super) id: Id,
    /// The line of the key.
    pub(super) line: usize,
    /// The values, as they would be typed.
    pub(super) words: Vec<OsString>,
}

/// An error in the file, with its position.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ParseError {
    position: String,
    message: String,
}

impl ParseError {
    /// Returns the error with the path of the file.
    pub(super) fn at(&self, path: &Path) -> anyhow::Error {
        anyhow::anyhow!("{}:{}: {}", path.display(), self.position, self.message)
    }
}

/// Parses a text. Stops at the first error.
pub(super) fn parse(
    text: &str,
    command: &Command,
    base: &PathBase,
) -> Result<Vec<ConfigEntry>, ParseError> {
    let table = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
    let mut found: Vec<_> = table.get_ref().iter().collect();
    found.sort_by_key(|(name, _)| name.span().start);
    let parser = Parser { text, command, base };
    found.into_iter().map(|(name, value)| parser.entry(name, value)).collect()
}

/// The context in which the entries of a file are parsed.
struct Parser<'a> {
    text: &'a str,
    command: &'a Command,
    base: &'a PathBase,
}

impl Parser<'_> {
    fn entry(
        &self,
        name: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<ConfigEntry, ParseError> {
        let line = line_of(self.text, name.span().start);
        let Some(arg) = keys(self.command).find(|arg| key(arg) == name.get_ref()) else {
            let message = unknown(self.command, name.get_ref(), value.get_ref());
            return Err(ParseError { position: line.to_string(), message });
        };
        let words: Result<Vec<OsString>, ParseError> = match value.get_ref() {
            DeValue::Array(values) if value::is_list(arg) => {
                values.iter().map(|value| self.word(arg, value)).collect()
            }
            _ => self.word(arg, value).map(|word| vec![word]),
        };
        Ok(ConfigEntry { id: arg.get_id().clone(), line, words: words? })
    }

    fn word(&self, arg: &Arg, value: &Spanned<DeValue<'_>>) -> Result<OsString, ParseError> {
        value::parse_value(arg, value.get_ref(), self.base).map_err(|message| {
            let position = line_of(self.text, value.span().start).to_string();
            ParseError { position, message: format!("{}: {message}", key(arg)) }
        })
    }
}

/// Words the error for an unknown key, with the nearest key that exists.
fn unknown(command: &Command, name: &str, value: &DeValue<'_>) -> String {
    if value.is_table() {
        return format!(
            "unknown table {name:?}: write every key at the top level, as in port = 8000"
        );
    }
    match nearest(command, name) {
        Some(near) => format!("unknown key {name:?}: did you mean {}?", key(near)),
        None => format!("unknown key {name:?}: keys are the names of flags, see --help"),
    }
}

/// Finds the key that was meant. The word may also be the name of a variable, or of a flag that
/// turns a switch off.
fn nearest<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    let name = name.to_lowercase().replace('_', "-");
    let like = |arg: &Arg| match name.strip_suffix(key(arg)) {
        Some(before) if before.ends_with('-') => 1.0 + key(arg).len() as f64,
        _ => strsim::jaro_winkler(&name, key(arg)),
    };
    let near = keys(command).map(|arg| (like(arg), arg)).filter(|(like, _)| *like >= SIMILARITY);
    near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, arg)| arg)
}

fn syntax(text: &str, error: &toml::de::Error) -> ParseError {
    let Range { start, .. } = error.span().unwrap_or_default();
    let before = text.get(..start).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let position = format!("{}:{column}", line_of(text, start));
    ParseError { position, message: error.message().to_owned() }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::without_environment;

    fn read(text: &str) -> Result<Vec<ConfigEntry>, ParseError> {
        parse(text, &without_environment(), &PathBase::default())
    }

    fn wrong(text: &str) -> String {
        let ParseError { position, message } = read(text).unwrap_err();
        format!("{position}: {message}")
    }

    #[test]
    fn entries_keep_the_order_and_the_lines_of_the_file() {
        let text = "# mine\r\nport = 9000\r\n\r\nalias = [\r\n  'a=b',\r\n]\nhost = 'é'\n";
        let found: Vec<(String, usize)> =
            read(text).unwrap().iter().map(|entry| (entry.id.to_string(), entry.line)).collect();
        assert_eq!(found, [("port".into(), 2), ("alias".into(), 4), ("host".into(), 7)]);
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read("# nothing\n").unwrap(), []);
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest() {
        for (text, near) in [
            ("prot = 1", "port"),
            ("max_body = 1", "max-body"),
            ("Reasoning-Efort = 1", "reasoning-effort"),
            ("\nCHATGPT_LOCAL_FAST_MODE = 1", "fast-mode"),
            ("no-model-sync = true", "model-sync"),
            ("api-keyfile = 'x'", "api-key-file"),
        ] {
            let error = wrong(text);
            assert!(error.ends_with(&format!("did you mean {near}?")), "{text}: {error}");
        }
        assert!(wrong("colour = 1").contains("names of flags"), "{}", wrong("colour = 1"));
        assert!(wrong("port = 1\n[listening]\nport = 2").starts_with("2: unknown table"));
        for text in ["config = 'x'", "help = true", "'' = 1", "\"a\\u0085\" = 1"] {
            let error = wrong(text);
            assert!(error.starts_with("1: unknown key"), "{error}");
            assert!(!error.chars().any(char::is_control), "{error}");
        }
    }

    #[test]
    fn the_first_fault_of_a_file_is_told_with_its_line() {
        assert_eq!(wrong("port = 1\n\nport-x = 1\nhost = 5"), wrong("\n\nport-x = 1"));
        assert_eq!(wrong("alias = [\n'a=b',\n'c',\n]").split(':').next(), Some("3"));
    }

    #[test]
    fn what_is_no_toml_is_told_with_line_and_column() {
        for (text, position) in [
            ("port = ", "1:8: "),
            ("port = 1\nhost = \"é\" x", "2:12: "),
            ("port = 1\nport = 2", "2:1: "),
            ("\0", "1:"),
            ("port = 1\rhost = 'x'", "1:"),
            ("host = 'x", "1:"),
        ] {
            assert!(wrong(text).starts_with(position), "{text:?}: {}", wrong(text));
        }
        wrong(&"x = [".repeat(2000));
        wrong(&"[a.".repeat(2000));
        wrong(&"{".repeat(100_000));
    }
}
