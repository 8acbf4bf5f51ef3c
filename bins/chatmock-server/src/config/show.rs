//! The effective settings and their sources, as `config show` prints them.

use std::fmt::Write;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};

use super::value::{ValueKind, is_list, is_secret};
use super::{Config, key, keys};
use crate::backend::uses_key;
use crate::env;

/// The text that replaces a secret.
const HIDDEN: &str = "****";

/// One setting.
#[derive(Debug, PartialEq, Eq)]
struct Setting<'a> {
    key: &'a str,
    /// The value as TOML and JSON both write it; nothing if it is not set.
    value: Option<String>,
    origin: SettingOrigin,
}

/// The source of a value.
#[derive(Debug, PartialEq, Eq)]
enum SettingOrigin {
    /// A flag of this name.
    Flag(String),
    /// A variable of this name.
    Variable(String),
    /// A variable of this name that is used because the flag is not set.
    Fallback(&'static str),
    /// This line of the file.
    File(usize),
    /// The program's default.
    Default,
}

impl SettingOrigin {
    /// Formats the source for people.
    fn text(&self, config: &Config) -> String {
        match self {
            Self::Flag(name) => format!("flag {name}"),
            Self::Variable(name) => format!("variable {name}"),
            Self::Fallback(name) => format!("variable {name} is used instead"),
            Self::File(line) => format!("file {}:{line}", config.location),
            Self::Default => "default".to_owned(),
        }
    }

    /// Formats the source as members of a JSON object.
    fn json(&self) -> String {
        match self {
            Self::Flag(name) => format!(r#""origin":"flag","name":{}"#, quoted(name)),
            Self::Variable(name) => format!(r#""origin":"variable","name":{}"#, quoted(name)),
            Self::Fallback(name) => format!(r#""origin":"variable","name":"{name}""#),
            Self::File(line) => format!(r#""origin":"file","line":{line}"#),
            Self::Default => r#""origin":"default""#.to_owned(),
        }
    }
}

/// Formats the settings as a configuration file with the same effect, except for secrets.
pub(crate) fn text(config: &Config, matches: &ArgMatches) -> String {
    let (command, mut heading) = (config.command(), None);
    let there = if config.found { "" } else { " (not found)" };
    let mut text = format!("# {}{there}\n", config.location);
    for arg in keys(&command) {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n# {}", heading.unwrap_or_default());
        }
        let Setting { key, value, origin } = setting(config, matches, arg);
        let line = match value {
            Some(value) if is_secret(arg) => format!("# {key} = {value}"),
            Some(value) => format!("{key} = {value}"),
            None => format!("# {key} is not set"),
        };
        let _ = writeln!(text, "{line:<44} # {}", origin.text(config));
    }
    text
}

/// Formats the settings as one JSON object.
pub(crate) fn json(config: &Config, matches: &ArgMatches) -> String {
    let command = config.command();
    let settings = keys(&command).map(|arg| {
        let Setting { key, value, origin } = setting(config, matches, arg);
        let value = value.as_deref().unwrap_or("null");
        format!(r#"{}:{{"value":{value},{}}}"#, quoted(key), origin.json())
    });
    let settings: Vec<String> = settings.collect();
    let path = config.location.path().map(|path| quoted(&path.to_string_lossy()));
    let (path, found) = (path.as_deref().unwrap_or("null"), config.found);
    let settings = settings.join(",");
    format!("{{\"file\":{path},\"found\":{found},\"settings\":{{{settings}}}}}\n")
}

fn setting<'a>(config: &Config, matches: &ArgMatches, arg: &'a Arg) -> Setting<'a> {
    let key = key(arg);
    let id = arg.get_id().as_str();
    let origin = match (matches.value_source(id), config.entry(arg)) {
        (Some(ValueSource::CommandLine), _) => SettingOrigin::Flag(format!("--{key}")),
        (Some(ValueSource::EnvVariable), _) => SettingOrigin::Variable(variable(arg)),
        (_, Some(entry)) => SettingOrigin::File(entry.line),
        (_, None) => fallback(matches, key).map_or(SettingOrigin::Default, SettingOrigin::Fallback),
    };
    Setting { key, value: value(matches, arg), origin }
}

/// Returns the variable that is used because the flag of a key is not set, if the route uses it.
fn fallback(matches: &ArgMatches, key: &str) -> Option<&'static str> {
    let uses_key = matches.get_one::<String>("route").is_some_and(|route| uses_key(route));
    env::OpenAiVariables::fallback_for(key).filter(|_| uses_key)
}

fn variable(arg: &Arg) -> String {
    arg.get_env().unwrap_or_default().to_string_lossy().into_owned()
}

fn value(matches: &ArgMatches, arg: &Arg) -> Option<String> {
    let id = arg.get_id().as_str();
    if ValueKind::of(arg) == ValueKind::Bool {
        return matches.get_one::<bool>(id).map(bool::to_string);
    }
    let words = matches.get_raw(id).into_iter().flatten().map(|word| word.to_string_lossy());
    let mut shown = words.map(|word| match ValueKind::of(arg) {
        _ if is_secret(arg) => quoted(HIDDEN),
        ValueKind::Number => number(&word).unwrap_or_else(|| quoted(&word)),
        _ => quoted(&word),
    });
    if is_list(arg) {
        let shown: Vec<String> = shown.collect();
        return Some(format!("[{}]", shown.join(", ")));
    }
    shown.next()
}

/// Formats a number as TOML and JSON both write it.
fn number(word: &str) -> Option<String> {
    let word = word.trim();
    let whole = word.parse::<i64>().map(|number| number.to_string());
    let finite = || word.parse().ok().filter(|number: &f64| number.is_finite());
    whole.ok().or_else(|| finite().map(|number| number.to_string()))
}

/// Formats a text as TOML and JSON both write it. Control characters are escaped, so that it cannot
/// steer a terminal.
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
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_toml_and_json_have_them() {
        for (word, shown) in [("8000", "8000"), (" 030 ", "30"), ("+5", "5"), ("2.50", "2.5")] {
            assert_eq!(number(word).as_deref(), Some(shown));
        }
        for word in ["64m", "", "inf", "nan", "x"] {
            assert_eq!(number(word), None, "{word}");
        }
    }

    #[test]
    fn texts_are_written_so_that_both_read_them_back() {
        let text = "\"\\\n\u{1b}\u{9b}\u{7f}é😀/";
        let (shown, toml) = (quoted(text), format!("x = {}", quoted(text)));
        assert!(!shown.chars().any(char::is_control), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        let table = toml::de::DeTable::parse(&toml).unwrap();
        assert_eq!(table.get_ref()["x"].get_ref().as_str(), Some(text));
    }
}
