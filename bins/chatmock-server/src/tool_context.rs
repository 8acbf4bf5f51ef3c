//! What the commands share: their settings, and how they print.

use std::io::{Write, stdout};
use std::process::ExitCode;

use crate::cli::Cli;
use crate::env::Folders;
use crate::exit::ExitError;
use crate::log_writer::LogWriter;

/// What a command needs besides its own flags.
pub(crate) struct ToolContext<'a> {
    /// The flags of the server, with the values of the file.
    pub(crate) cli: Cli,
    /// The folders of the person.
    pub(crate) folders: &'a Folders,
    /// The log, for warnings.
    pub(crate) writer: &'a LogWriter,
}

/// Prints bytes; a reader that has gone is no failure.
pub(crate) fn print(bytes: &[u8]) -> Result<ExitCode, ExitError> {
    match stdout().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(ExitError::Other(anyhow::anyhow!(error).context("cannot print")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
