//! Bad ends: what went wrong, and the exit code that tells a script which kind it was.

use std::io::Write;
use std::process::ExitCode;

/// Anything that no other code names.
const OTHER: u8 = 1;
/// A flag, a variable or a setting cannot be used; also the code of clap's own refusals.
const SETTINGS: u8 = 2;
/// Another program listens on the port.
const PORT_TAKEN: u8 = 3;

/// Why the program cannot go on.
#[derive(Debug)]
pub(crate) enum ExitError {
    /// What was asked for cannot work; the same call fails again.
    Settings(anyhow::Error),
    /// The port is in use.
    PortTaken(anyhow::Error),
    /// Something else.
    Other(anyhow::Error),
}

impl ExitError {
    /// Tells the person, and gives the exit code.
    pub(crate) fn report(&self, output: &mut impl Write) -> ExitCode {
        let (code, error) = match self {
            Self::Settings(error) => (SETTINGS, error),
            Self::PortTaken(error) => (PORT_TAKEN, error),
            Self::Other(error) => (OTHER, error),
        };
        // There is nobody left to tell when this cannot be written.
        let _ = output.write_all(format!("error: {error:#}\n").as_bytes());
        ExitCode::from(code)
    }
}

impl From<anyhow::Error> for ExitError {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}
