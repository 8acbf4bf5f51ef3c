//! The clap command, with the behaviour that all flags share.

use std::any::TypeId;
use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, Subcommand};

use crate::cli::Cli;
use crate::commands::Tool;
use crate::env::Variable;
use crate::value_parsers;

/// Returns the command, with the environment variables that have an effect now.
pub(crate) fn command() -> Command {
    hide_in_tools(Cli::command().mut_args(|arg| make_global(accept_value(bind_variable(arg)))))
}

/// Returns the command without any environment variable, for what is the same everywhere.
pub(crate) fn without_environment() -> Command {
    hide_in_tools(Cli::command().mut_args(|arg| make_global(accept_value(arg.env(None::<&str>)))))
}

/// Parses the words of a command line, which begins with the name of the program.
pub(crate) fn read(
    command: Command,
    words: impl Iterator<Item = OsString>,
) -> Result<ArgMatches, clap::Error> {
    let mut is_past_flags = false;
    let words = words.map(|word| {
        is_past_flags |= word == "--";
        if is_past_flags { word } else { expand_negation(&command, word) }
    });
    let words: Vec<OsString> = words.collect();
    command.try_get_matches_from(words)
}

/// Returns whether a flag takes a boolean.
pub(crate) fn is_bool(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<bool>()
}

/// Leaves the flags of the server out of the help of other commands, which accept them all the same: between fifty flags
/// of the server nobody finds the three of the command.
///
/// Clap hands flags of the whole program to each command unless it has them already; so each is given its own.
pub(crate) fn hide_in_tools(command: Command) -> Command {
    let common: Vec<Arg> = command.get_arguments().map(|arg| arg.clone().hide(true)).collect();
    let tools: Vec<String> = Tool::augment_subcommands(Command::new("tools"))
        .get_subcommands()
        .map(|tool| tool.get_name().to_owned())
        .collect();
    command.mut_subcommands(|tool| {
        if tools.iter().any(|name| *name == tool.get_name()) {
            tool.args(common.iter().cloned())
        } else {
            tool
        }
    })
}

/// Rewrites `--no-fast-mode` to `--fast-mode=false`.
///
/// Declaring a second flag for each switch would double their number in the help, and every pair
/// would need a rule that the last one is used. The price is that clap never sees `--no-…`, so it
/// cannot suggest such a name for a misspelt one.
fn expand_negation(command: &Command, word: OsString) -> OsString {
    let name = word.to_str().and_then(|word| word.strip_prefix("--no-"));
    let mut flags = command.get_arguments().filter(|arg| is_bool(arg));
    match name.filter(|name| flags.any(|arg| arg.get_long() == Some(name))) {
        Some(name) => format!("--{name}=false").into(),
        None => word,
    }
}

/// Accepts a flag also behind the words `config show` and `serve`, and lets the last of repeated
/// switches override the others.
fn make_global(arg: Arg) -> Arg {
    let id = arg.get_id().clone();
    let arg = if is_bool(&arg) { arg.overrides_with(id) } else { arg };
    arg.global(true)
}

/// Binds a flag to the variable that has an effect, and hides the value of the variable from the
/// help.
fn bind_variable(arg: Arg) -> Arg {
    let Some(name) = arg.get_env() else { return arg };
    let variable = Variable::of(name);
    let arg = arg.hide_env_values(true);
    match variable {
        Variable::Own => arg,
        Variable::Legacy(older) => arg.env(older),
        Variable::Empty => arg.env(None::<&str>),
    }
}

/// Lets a switch take a value, so that a flag can turn off what the environment turns on.
fn accept_value(arg: Arg) -> Arg {
    if !matches!(arg.get_action(), ArgAction::SetTrue) {
        return arg;
    }
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .default_value("false")
        .hide_default_value(true)
        .value_name("BOOL")
        .value_parser(value_parsers::boolean)
}

#[cfg(test)]
impl Cli {
    /// Parses a command line alone, without environment and file.
    pub(crate) fn typed(arguments: &[&str]) -> Result<Self, clap::Error> {
        let words = std::iter::once("chatmock-server").chain(arguments.iter().copied());
        Self::of(&read(without_environment(), words.map(OsString::from))?, |_| false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        command().debug_assert();
    }
}
