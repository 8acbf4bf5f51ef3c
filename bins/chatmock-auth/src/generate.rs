//! Texts that need no sign-in: completions, man pages and the exit codes.

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::{Context, anyhow};

use crate::cli::{EXIT_CODES, Generate, plain_command};
use crate::exit::CommandError;

/// The name of the program, as completions have it.
const NAME: &str = "chatmock-auth";

/// Prints a text, or writes man pages into a folder.
pub(crate) fn run(what: &Generate) -> Result<ExitCode, CommandError> {
    let mut text = Vec::new();
    match what {
        Generate::Completions { shell } => {
            clap_complete::generate(*shell, &mut plain_command(), NAME, &mut text);
        }
        Generate::Man { dir: Some(folder) } => {
            let written = std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(plain_command(), folder));
            written.with_context(|| format!("cannot write man pages into {}", folder.display()))?;
        }
        Generate::Man { dir: None } => {
            let page = clap_mangen::Man::new(plain_command());
            page.render(&mut text).context("cannot make the man page")?;
        }
        Generate::ExitCodes => text.extend(format!("{EXIT_CODES}\n").bytes()),
    }
    match stdout().write_all(&text) {
        // A reader that has gone is no failure.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CommandError::Other(anyhow!(error).context("cannot print")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
