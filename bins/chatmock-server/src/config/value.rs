//! The values of keys: converted from TOML to the word that would be typed, and checked by the
//! parser of the flag.

use std::any::TypeId;
use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::num::ParseIntError;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chatmock_server::auth::Secret;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use toml::de::{DeInteger, DeValue};

use super::PathBase;
use crate::command::is_bool;
use crate::value_parsers::{SizeOrOff, SocketPath, UNIX};

/// The type of value that a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueKind {
    /// A boolean.
    Bool,
    /// A number, or a text that contains one.
    Number,
    /// A text.
    Text,
}

impl ValueKind {
    /// Returns the type, which follows from what the parser of the flag returns.
    pub(crate) fn of(arg: &Arg) -> Self {
        let numbers = [
            TypeId::of::<u16>(),
            TypeId::of::<u32>(),
            TypeId::of::<u64>(),
            TypeId::of::<usize>(),
            TypeId::of::<f64>(),
            TypeId::of::<Duration>(),
            TypeId::of::<SizeOrOff>(),
        ];
        let parsed = arg.get_value_parser().type_id();
        match parsed {
            _ if is_bool(arg) => Self::Bool,
            _ if numbers.iter().any(|number| parsed == *number) => Self::Number,
            _ => Self::Text,
        }
    }
}

/// Returns whether a flag may be given several times.
pub(crate) fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// Returns whether no message may show the values of a flag.
pub(crate) fn is_secret(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<Secret>()
}

/// Parses one value of a flag, or says what is expected.
pub(super) fn parse_value(
    arg: &Arg,
    value: &DeValue<'_>,
    base: &PathBase,
) -> Result<OsString, String> {
    let kind = ValueKind::of(arg);
    let word = match (kind, value) {
        (ValueKind::Bool, DeValue::Boolean(truth)) => truth.to_string().into(),
        (ValueKind::Number, DeValue::Integer(number)) => decimal(number)?.into(),
        (ValueKind::Number, DeValue::Float(number)) => number.as_str().into(),
        (ValueKind::Number, DeValue::String(text)) => text.as_ref().into(),
        (ValueKind::Text, DeValue::String(text)) if text.contains('\0') => {
            return Err("a value cannot contain NUL".to_owned());
        }
        (ValueKind::Text, DeValue::String(text)) => resolve_path(arg, text, base)?,
        _ => return Err(wanted(arg).to_owned()),
    };
    check(arg, &word)?;
    Ok(word)
}

/// Says which type of value a flag expects.
fn wanted(arg: &Arg) -> &'static str {
    match (ValueKind::of(arg), is_list(arg)) {
        (ValueKind::Bool, _) => "expected true or false, without quotes",
        (ValueKind::Number, _) => "expected a number",
        (ValueKind::Text, false) => "expected a text in quotes, such as \"this\"",
        (ValueKind::Text, true) => {
            "expected a list of texts in quotes, such as [\"this\", \"that\"]"
        }
    }
}

/// Formats a number as it would be typed. TOML also has `0x1F40` and `8_000`.
fn decimal(number: &DeInteger<'_>) -> Result<String, String> {
    let read = i128::from_str_radix(number.as_str(), number.radix());
    read.map(|number| number.to_string()).map_err(|_| "this number is too large".to_owned())
}

/// Resolves a path against the home folder after `~`, else against the folder of the file.
///
/// The working directory would be the usual choice, but a program that a desktop starts has one
/// that its user does not know.
fn resolve_path(arg: &Arg, text: &str, base: &PathBase) -> Result<OsString, String> {
    let parsed = arg.get_value_parser().type_id();
    if parsed == TypeId::of::<SocketPath>()
        && let Some(path) = text.strip_prefix(UNIX)
    {
        return Ok([OsString::from(UNIX), absolute(path, base)?].into_iter().collect());
    }
    let is_path = parsed == TypeId::of::<PathBuf>();
    if !is_path || text.is_empty() || is_fixed_word(arg, text) {
        return Ok(text.into());
    }
    absolute(text, base)
}

fn absolute(text: &str, base: &PathBase) -> Result<OsString, String> {
    match (Path::new(text).strip_prefix("~"), &base.home) {
        (Ok(rest), Some(person)) => Ok(person.join(rest).into()),
        (Ok(_), None) => Err("your home folder is unknown: write an absolute path".to_owned()),
        (Err(_), _) => Ok(base.folder.join(text).into()),
    }
}

/// Returns whether a text is one of the fixed words in a value name such as `none|builtin|FILE`.
fn is_fixed_word(arg: &Arg, text: &str) -> bool {
    let names = arg.get_value_names().into_iter().flatten();
    let mut words = names.flat_map(|name| name.split('|'));
    words.any(|word| word == text && word.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// Checks a word with the parser of the flag.
fn check(arg: &Arg, word: &OsStr) -> Result<(), String> {
    let probe = Arg::new("value")
        .value_parser(arg.get_value_parser().clone())
        .ignore_case(arg.is_ignore_case_set())
        .allow_hyphen_values(true)
        .value_delimiter(arg.get_value_delimiter());
    let command = Command::new("value").no_binary_name(true).arg(probe.long("value"));
    let mut typed = OsString::from("--value=");
    typed.push(word);
    command.try_get_matches_from([typed]).map(|_| ()).map_err(|error| reason(&error))
}

fn reason(error: &clap::Error) -> String {
    if let Some(source) = error.source() {
        return match source.is::<ParseIntError>() {
            true => "expected a whole number".to_owned(),
            false => source.to_string(),
        };
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(words)) if !words.is_empty() => {
            format!("expected one of {}", words.join(", "))
        }
        _ => "the value is empty".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::without_environment;

    fn read(key: &str, value: &str) -> Result<OsString, String> {
        let (command, text) = (without_environment(), format!("x = {value}"));
        let arg = command.get_arguments().find(|arg| arg.get_long() == Some(key)).unwrap();
        let table = toml::de::DeTable::parse(&text).unwrap();
        let base = PathBase { folder: "/etc/chatmock".into(), home: Some("/home/ada".into()) };
        parse_value(arg, table.get_ref()["x"].get_ref(), &base)
    }

    #[test]
    fn values_become_what_would_be_typed() {
        for (key, value, typed) in [
            ("verbose", "true", "true"),
            ("model-sync", "false", "false"),
            ("port", "8_000", "8000"),
            ("port", "0x1F40", "8000"),
            ("port", "'8000'", "8000"),
            ("max-body", "65536", "65536"),
            ("max-body", "'64m'", "64m"),
            ("drain", "30", "30"),
            ("drain", "2.5", "2.5"),
            ("host", "'::1'", "::1"),
            ("user-agent", "'-- x'", "-- x"),
            ("reasoning-compat", "'Current'", "Current"),
            ("api-key", "'not, one'", "not, one"),
        ] {
            assert_eq!(read(key, value).unwrap(), typed, "{key} = {value}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused_with_the_one_that_is_wanted() {
        for (key, value, wanted) in [
            ("verbose", "'yes'", "true or false"),
            ("verbose", "1", "true or false"),
            ("port", "true", "a number"),
            ("port", "1.5", "a whole number"),
            ("port", "70000", "0..=65535"),
            ("port", "0xffffffffffffffffffffffffffffffffffffff", "too large"),
            ("drain", "1979-05-27", "a number"),
            ("drain", "nan", "number of seconds"),
            ("host", "5", "a text in quotes"),
            ("host", "''", "empty"),
            ("host", "\"a\\u0000\"", "NUL"),
            ("home", "''", "empty"),
            ("home", "['x']", "a text in quotes"),
            ("api-key", "5", "a list of texts"),
            ("alias", "'x'", "an equals sign"),
            ("reasoning-effort", "'hihg'", "minimal, low"),
            ("allow-origin", "'*'", "every page"),
            ("max-body", "'64x'", "64m"),
        ] {
            let error = read(key, value).unwrap_err();
            assert!(error.contains(wanted), "{key} = {value}: {error}");
        }
    }

    #[test]
    fn a_path_starts_from_the_person_or_from_the_folder_of_the_file() {
        for (key, value, path) in [
            ("home", "~/chat", "/home/ada/chat"),
            ("home", "~", "/home/ada/"),
            ("home", "/var/chat", "/var/chat"),
            ("api-key-file", "keys", "/etc/chatmock/keys"),
            ("api-key-file", "../keys", "/etc/chatmock/../keys"),
            ("instructions", "mine.md", "/etc/chatmock/mine.md"),
            ("instructions", "./none", "/etc/chatmock/./none"),
        ] {
            let resolve_path = read(key, &format!("'{value}'")).unwrap();
            assert_eq!(Path::new(&resolve_path), Path::new(path), "{key} = {value}");
        }
        for word in ["none", "builtin"] {
            assert_eq!(read("instructions", &format!("'{word}'")).unwrap(), word);
        }
    }

    #[test]
    fn every_number_of_a_flag_is_known_as_one() {
        for arg in without_environment().get_arguments() {
            let default = arg.get_default_values().first().and_then(|word| word.to_str());
            let number = default.is_some_and(|word| word.parse::<f64>().is_ok());
            assert!(
                !number || ValueKind::of(arg) == ValueKind::Number,
                "{}: add its type",
                arg.get_id()
            );
        }
    }
}
