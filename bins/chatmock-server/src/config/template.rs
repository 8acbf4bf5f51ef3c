//! The configuration file that `config init` writes: every key with what it does, and none of them set.

use std::fmt::Write;

use anyhow::{Context, bail};
use chatmock_server::auth::write_private;
use chatmock_server::wrap;
use clap::{Arg, Command};

use super::value::{ValueKind, is_list};
use super::{ConfigLocation, key, keys};
use crate::command::without_environment;

/// The width of the comments.
const WIDTH: usize = 76;

/// Writes the file, unless there is one; returns what to print.
pub(crate) fn write(location: &ConfigLocation) -> anyhow::Result<String> {
    let path = location.path().context("there is no place for a file: pass --config FILE")?;
    if path.symlink_metadata().is_ok() {
        bail!("{} is there already and was not changed", path.display());
    }
    write_private(path, text(&without_environment()).as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(format!(
        "{}\nEvery key is there with what it does; remove the # before those that you want.\n",
        path.display()
    ))
}

fn text(command: &Command) -> String {
    let mut text = String::from(
        "# The settings of chatmock-server. A flag or a variable overrides a key. A\n\
         # relative path is below the folder of this file, and ~ is your home folder.\n\
         # `chatmock-server config show` prints the effective settings.\n",
    );
    let mut heading = None;
    for arg in keys(command) {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n## {}", heading.unwrap_or_default());
        }
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        for line in wrap::hanging(&help, (0, 0), WIDTH).lines() {
            let _ = write!(text, "\n# {line}");
        }
        let _ = writeln!(text, "\n# {} = {}", key(arg), example(arg));
    }
    text
}

/// Returns the default of a key, else a value that shows its form.
fn example(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let form = names.first().map(ToString::to_string).unwrap_or_default();
    let default = arg.get_default_values().first().map(|word| word.to_string_lossy().into_owned());
    let word = default.unwrap_or(form);
    match ValueKind::of(arg) {
        ValueKind::Bool => word,
        ValueKind::Number if word.parse::<u64>().is_ok() => word,
        _ if is_list(arg) => format!("[\"{word}\"]"),
        _ => format!("\"{word}\""),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{PathBase, parse};
    use super::*;

    #[test]
    fn the_file_sets_nothing_and_names_every_key_once() {
        let command = without_environment();
        let text = text(&command);
        assert!(parse::parse(&text, &command, &PathBase::default()).unwrap().is_empty());
        for arg in keys(&command) {
            let line = format!("# {} = ", key(arg));
            assert_eq!(text.lines().filter(|other| other.starts_with(&line)).count(), 1, "{line}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        // With the signs taken away it is TOML, so that a person can begin with any line.
        let lines = text.lines().filter(|line| line.starts_with("# ") && line.contains(" = "));
        let keys: String = lines.map(|line| format!("{}\n", &line[2..])).collect();
        assert!(keys.lines().all(|line| toml::de::DeTable::parse(line).is_ok()), "{keys}");
        assert!(
            keys.contains("port = 8000\n") && keys.contains("host = \"localhost\"\n"),
            "{keys}"
        );
    }

    #[test]
    fn a_file_that_is_there_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let location = ConfigLocation::Default(folder.path().join("a/chatmock.toml"));
        let said = write(&location).unwrap();
        assert!(said.contains("chatmock.toml"), "{said}");
        let written = |path: &Path| std::fs::read_to_string(path).unwrap();
        let before = written(location.path().unwrap());
        assert!(write(&location).unwrap_err().to_string().contains("there already"));
        assert_eq!(written(location.path().unwrap()), before);
        assert!(write(&ConfigLocation::None).is_err());
    }
}
