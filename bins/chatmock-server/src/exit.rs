//! The errors that end the program, each with an exit code for scripts.

use std::io::Write;
use std::process::ExitCode;

use chatmock_server::Served;

/// Any failure without a code of its own.
const OTHER: u8 = 1;
/// A flag, a variable or a setting cannot be used; clap exits with this code, too.
const SETTINGS: u8 = 2;
/// Another program listens on the port.
const PORT_TAKEN: u8 = 3;

/// Returns the exit code of a server that was stopped.
pub(crate) fn of(served: Served) -> ExitCode {
    match served {
        Served::Unsaved => ExitCode::from(OTHER),
        Served::Drained | Served::Aborted { .. } => ExitCode::SUCCESS,
    }
}

/// An error that ends the program.
#[derive(Debug)]
pub(crate) enum ExitError {
    /// The settings cannot be used; the same call would fail again.
    Settings(anyhow::Error),
    /// The port is in use.
    PortTaken(anyhow::Error),
    /// Any other error.
    Other(anyhow::Error),
}

impl ExitError {
    /// Prints the error, and returns the exit code.
    pub(crate) fn report(&self, output: &mut impl Write) -> ExitCode {
        let (code, error) = match self {
            Self::Settings(error) => (SETTINGS, error),
            Self::PortTaken(error) => (PORT_TAKEN, error),
            Self::Other(error) => (OTHER, error),
        };
        // If standard error cannot be written, there is no other place for the message.
        let _ = output.write_all(format!("error: {error:#}\n").as_bytes());
        ExitCode::from(code)
    }
}

impl From<anyhow::Error> for ExitError {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}
