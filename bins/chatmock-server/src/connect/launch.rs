//! `launch`: a client run with the right words and variables, without any file.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, anyhow};

use super::client::Launch;
use crate::commands::LaunchArgs;
use crate::exit::ExitError;
use crate::tool_context::ToolContext;

/// Runs a client in place of this program.
pub(crate) fn run(args: &LaunchArgs, context: &ToolContext<'_>) -> Result<ExitCode, ExitError> {
    let client = super::find(&args.client)?;
    let Some(launch) = &client.launch else {
        return Err(ExitError::Settings(anyhow!(
            "{} cannot be run without a change of its settings\nhint: chatmock-server connect {}",
            client.title,
            client.name
        )));
    };
    let values = super::values(&args.server, context)?;
    let (program, arguments) = words(launch, &args.arguments)?;
    let path = find_program(&program.to_string_lossy()).with_context(|| {
        format!("{} is not installed here: no {} in PATH", client.title, program.to_string_lossy())
    })?;
    let mut command = Command::new(path);
    command.args(launch.arguments.iter().map(|word| values.fill_for_run(word))).args(arguments);
    command.envs(launch.variables.iter().map(|(name, value)| (name, values.fill_for_run(value))));
    super::say(&super::proof(&values));
    replace(command)
}

/// Splits the program from its words, where the person names it.
fn words<'a>(
    launch: &Launch,
    typed: &'a [OsString],
) -> Result<(OsString, &'a [OsString]), ExitError> {
    match (launch.program, typed.split_first()) {
        ("", Some((program, rest))) => Ok((program.clone(), rest)),
        ("", None) => Err(ExitError::Settings(anyhow!(
            "no program is named\nhint: chatmock-server launch openai -- python3 program.py"
        ))),
        (program, _) => Ok((program.into(), typed)),
    }
}

/// Finds a program as a shell would.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    if name.contains(std::path::MAIN_SEPARATOR) {
        return Some(name.into());
    }
    let folders = std::env::var_os("PATH")?;
    let endings: &[&str] = if cfg!(windows) { &[".exe", ".cmd", ".bat"] } else { &[""] };
    let mut paths = std::env::split_paths(&folders).flat_map(|folder| {
        endings.iter().map(move |ending| folder.join(format!("{name}{ending}")))
    });
    paths.find(|path| path.is_file())
}

/// Runs the client in this process, so that signals and the terminal are its own.
#[cfg(unix)]
fn replace(mut command: Command) -> Result<ExitCode, ExitError> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(ExitError::Other(anyhow!(error).context("cannot run the client")))
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> Result<ExitCode, ExitError> {
    let status = command.status().context("cannot run the client")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
