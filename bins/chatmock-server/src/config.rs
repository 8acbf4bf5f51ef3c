//! The configuration file: the source of settings between the environment and the defaults.

mod location;
mod parse;
pub(crate) mod show;
pub(crate) mod template;
mod value;

use std::path::PathBuf;

use anyhow::{anyhow, ensure};
use clap::{Arg, Command};

use crate::api_keys;
use crate::command::command;
use crate::env::Folders;
use crate::exit::ExitError;

pub(crate) use self::location::ConfigLocation;
use self::parse::ConfigEntry;

/// The configuration file as it was read.
#[derive(Debug)]
pub(crate) struct Config {
    location: ConfigLocation,
    /// True if the file exists.
    found: bool,
    entries: Vec<ConfigEntry>,
    warnings: Vec<String>,
}

impl Config {
    /// Reads the file, if there is one.
    pub(crate) fn read(location: ConfigLocation, folders: &Folders) -> anyhow::Result<Self> {
        let mut config = Self { location, found: false, entries: Vec::new(), warnings: Vec::new() };
        let Some((path, file)) = config.location.read()? else { return Ok(config) };
        let shown = path.display();
        ensure!(
            !file.is_writable_by_others(),
            "{shown}: other users can change this file, and with it what this program does: run \
             chmod go-w {shown}"
        );
        let command = command();
        let base = PathBase { folder: path.with_file_name(""), home: folders.home.clone() };
        let read = parse::parse(file.text(), &command, &base);
        config.entries = read.map_err(|wrong| wrong.at(path))?;
        let secret = |arg| value::is_secret(arg) && config.entry(arg).is_some();
        if file.is_open_to_others() && keys(&command).any(secret) {
            config.warnings.push(api_keys::open_file_warning(path));
        }
        config.found = true;
        Ok(config)
    }

    /// Returns whether the file sets nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns whether the file sets a flag.
    pub(crate) fn sets(&self, id: &str) -> bool {
        self.entries.iter().any(|entry| entry.id == id)
    }

    /// Returns the warnings about the file.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Adds to an error about the settings that some of them come from the file.
    pub(crate) fn explain(&self, error: ExitError) -> ExitError {
        match error {
            ExitError::Settings(error) if !self.is_empty() => ExitError::Settings(anyhow!(
                "{error:#}\nhint: some settings come from {}: run chatmock-server config show",
                self.location
            )),
            other => other,
        }
    }

    /// Returns the command with the values of the file as defaults.
    ///
    /// Clap uses defaults last, after flags and variables, which is the order that is promised. So
    /// the file needs no merging of its own, and a value in it is parsed by the same code as a
    /// flag. The price is that clap itself reports such a value as a default; `config show`
    /// therefore asks this module for the source.
    pub(crate) fn command(&self) -> Command {
        command().mut_args(|arg| match self.entry(&arg) {
            Some(entry) => arg.default_values(entry.words.clone()),
            None => arg,
        })
    }

    fn entry(&self, arg: &Arg) -> Option<&ConfigEntry> {
        self.entries.iter().find(|entry| entry.id == *arg.get_id())
    }
}

/// The folders at which paths in the file start.
#[derive(Debug, Default)]
struct PathBase {
    /// The folder of the file.
    folder: PathBuf,
    /// The user's home folder, which `~` means.
    home: Option<PathBuf>,
}

/// Returns the flags that have a key: all except hidden ones and the one that names the file.
fn keys(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_hide_set() && arg.get_id() != "config")
}

/// Returns the key of a flag.
fn key(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;
    use crate::command::without_environment;

    const DOCUMENTED: &str = include_str!("../../../docs/configuration.md");

    fn base() -> PathBase {
        PathBase { folder: "/etc".into(), home: Some("/home/ada".into()) }
    }

    #[test]
    fn every_flag_has_a_row_in_the_documents_with_its_variable() {
        for arg in Cli::command().get_arguments().filter(|arg| !arg.is_hide_set()) {
            let start = format!("| `--{}`", key(arg));
            let mut rows = DOCUMENTED.lines();
            let row = rows.find(|row| row.starts_with(&start)).unwrap_or_else(|| panic!("{start}"));
            let variable = arg.get_env().unwrap_or_else(|| panic!("{start}: no variable"));
            assert!(row.contains(&format!("| `{}`", variable.to_string_lossy())), "{row}");
            let switch = matches!(arg.get_action(), clap::ArgAction::SetTrue);
            assert_eq!(row.contains("(switch)"), switch, "{row}");
        }
    }

    #[test]
    fn the_file_in_the_documents_has_every_key_once_and_is_read() {
        let (_, block) = DOCUMENTED.split_once("```toml\n# Every key").unwrap();
        let (block, _) = block.split_once("```").unwrap();
        let text = format!("#{block}");
        let command = without_environment();
        let read = parse::parse(&text, &command, &base());
        let documented: Vec<String> =
            read.unwrap().iter().map(|entry| entry.id.as_str().replace('_', "-")).collect();
        let keys: Vec<&str> = keys(&command).map(key).collect();
        assert_eq!(documented, keys, "docs/configuration.md: the keys in the order of --help");
    }

    #[test]
    fn every_flag_that_is_shown_has_a_key_but_the_one_that_names_the_file() {
        let command = without_environment();
        let keys: Vec<&str> = keys(&command).map(key).collect();
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let without: Vec<&str> = shown.map(key).filter(|key| !keys.contains(key)).collect();
        assert_eq!(without, ["config"]);
        assert!(!keys.contains(&"") && !keys.iter().any(|key| key.starts_with("no-")), "{keys:?}");
    }
}
