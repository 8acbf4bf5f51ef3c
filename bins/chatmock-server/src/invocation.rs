//! The invocation: the command and its options, from the command line, the environment and the file.

use anyhow::anyhow;
use clap::{ArgMatches, Command, CommandFactory};

use crate::cli::{Cli, ServerCommand};
use crate::command::{self, command};
use crate::commands::{ConfigCommand, Tool};
use crate::config::{Config, ConfigLocation, show, template};
use crate::env::{Folders, OpenAiVariables};
use crate::exit::ExitError;
use crate::{settings, usage, value_parsers};

/// The task of this run.
#[derive(Debug)]
pub(crate) enum Invocation {
    /// Serves requests.
    Serve(Box<Cli>, Config),
    /// Runs another command.
    Tool(Tool, Box<Cli>, Config),
    /// Prints this text.
    Print(String),
}

impl Invocation {
    /// Reads the task. Ends the program on `--help` and on mistakes in flags and variables.
    pub(crate) fn read(folders: &Folders) -> Result<Self, ExitError> {
        let matches = read(command());
        // The location of the file cannot be a setting of the file, so the command line is parsed
        // first without the file and then again with its values as defaults.
        let Cli { command, program, .. } = cli(&matches, |_| false);
        if let Some(ServerCommand::Other(words)) = command {
            let all = Cli::command();
            let names: Vec<&str> = all.get_subcommands().map(Command::get_name).collect();
            let word = words.into_iter().next().unwrap_or_default();
            let hint = value_parsers::unknown_word_hint(&word, &names);
            return Err(ExitError::Settings(anyhow!(hint)));
        }
        let location = ConfigLocation::find(program.config.as_deref(), folders);
        let location = location.map_err(ExitError::Settings)?;
        if let Some(ServerCommand::Config(ConfigCommand::Path)) = command {
            return Ok(Self::Print(format!("{location}\n")));
        }
        if let Some(ServerCommand::Config(ConfigCommand::Init)) = command {
            return Ok(Self::Print(template::write(&location).map_err(ExitError::Other)?));
        }
        let config = Config::read(location, folders).map_err(ExitError::Settings)?;
        let matches = if config.is_empty() { matches } else { read(config.command()) };
        Ok(match command {
            Some(ServerCommand::Config(ConfigCommand::Show { json: true })) => {
                Self::Print(show::json(&config, &matches))
            }
            Some(ServerCommand::Config(ConfigCommand::Check)) => {
                let cli = cli(&matches, |id| config.sets(id));
                let openai = OpenAiVariables::read();
                let resolved = settings::resolve(cli, folders, &openai, Vec::new());
                let resolved = resolved.map_err(ExitError::Settings);
                let resolved = resolved.map_err(|error| config.explain(error))?;
                let warnings = config.warnings().iter().chain(&resolved.warnings);
                let warnings = warnings.map(|warning| format!("warning: {warning}\n"));
                Self::Print(warnings.collect::<String>() + "The settings can be used.\n")
            }
            Some(ServerCommand::Config(_)) => Self::Print(show::text(&config, &matches)),
            Some(ServerCommand::Usage(args)) => {
                let report = usage::run(&args, &cli(&matches, |id| config.sets(id)));
                Self::Print(report.map_err(ExitError::Settings)?)
            }
            Some(ServerCommand::Tool(tool)) => {
                let cli = cli(&matches, |id| config.sets(id));
                Self::Tool(tool, Box::new(cli), config)
            }
            _ => {
                let cli = cli(&matches, |id| config.sets(id));
                Self::Serve(Box::new(cli), config)
            }
        })
    }
}

fn read(command: Command) -> ArgMatches {
    command::read(command, std::env::args_os()).unwrap_or_else(|error| error.exit())
}

fn cli(matches: &ArgMatches, file: impl Fn(&str) -> bool) -> Cli {
    Cli::of(matches, file).unwrap_or_else(|error| error.exit())
}
