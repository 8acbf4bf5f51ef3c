//! What is asked of the program: the command line, the environment and the file, put together.

use anyhow::anyhow;
use clap::{ArgMatches, Command, FromArgMatches};

use crate::cli::{Cli, Look, Task};
use crate::command::{self, command};
use crate::config::{Config, Place, show};
use crate::env::Folders;
use crate::values;

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Serve.
    Serve(Box<Cli>, Config),
    /// Print this.
    Tell(String),
}

impl Asked {
    /// Finds out; ends the program on `--help` and on mistakes in flags and variables.
    pub(crate) fn read(folders: &Folders) -> anyhow::Result<Self> {
        let typed = read(command());
        // What says where the file is cannot be in it, so the words are read again below it.
        let Cli { task, program, .. } = cli(&typed);
        if let Some(Task::Other(words)) = task {
            return Err(anyhow!(values::other_word(&words.into_iter().next().unwrap_or_default())));
        }
        let place = Place::of(program.config.as_deref(), folders)?;
        if let Some(Task::Config(Look::Path)) = task {
            return Ok(Self::Tell(format!("{place}\n")));
        }
        let config = Config::read(place, folders)?;
        let matches = if config.is_empty() { typed } else { read(config.command()) };
        Ok(match task {
            Some(Task::Config(Look::Show { json: true })) => {
                Self::Tell(show::json(&config, &matches))
            }
            Some(Task::Config(_)) => Self::Tell(show::text(&config, &matches)),
            _ => Self::Serve(Box::new(cli(&matches)), config),
        })
    }
}

fn read(command: Command) -> ArgMatches {
    command::read(command, std::env::args_os()).unwrap_or_else(|error| error.exit())
}

fn cli(matches: &ArgMatches) -> Cli {
    Cli::from_arg_matches(matches).unwrap_or_else(|error| error.exit())
}
