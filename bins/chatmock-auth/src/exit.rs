//! Errors of the program, and the exit code of each kind, for scripts.

use std::process::ExitCode;

use anyhow::anyhow;
use chatmock_auth::{EndpointError, KeeperError, LockError, RegistrationError, StoreError};

use crate::screen;

/// Any failure without a code of its own; also a problem that `doctor` found.
pub(crate) const OTHER: u8 = 1;
/// A flag, a variable or a setting cannot be used; clap uses this code, too.
const SETTINGS: u8 = 2;
/// Nobody is signed in, or the sign-in has ended.
pub(crate) const SIGNED_OUT: u8 = 3;
/// A question was answered with no, or could not be asked.
const DECLINED: u8 = 4;

/// The advice for a keyring that does not work.
const KEYRING: &str = "unlock the keyring, or sign in with --store file";

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// The command line cannot work; the same call fails again.
    Settings(anyhow::Error),
    /// Only a sign-in helps.
    SignedOut(anyhow::Error),
    /// The person said no, or there was nobody to ask.
    Declined(anyhow::Error),
    /// A signal ended the program: what it leaves behind, and its exit code.
    Stopped(&'static str, u8),
    /// Something else.
    Other(anyhow::Error),
}

impl CommandError {
    /// Prints the message and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (code, label, message) = match self {
            Self::Settings(error) => (SETTINGS, "error: ", format!("{error:#}")),
            Self::SignedOut(error) => (SIGNED_OUT, "error: ", format!("{error:#}")),
            Self::Declined(error) => (DECLINED, "error: ", format!("{error:#}")),
            Self::Stopped(left, code) => (*code, "stopped: ", (*left).to_owned()),
            Self::Other(error) => (OTHER, "error: ", format!("{error:#}")),
        };
        screen::complain(label, &message);
        ExitCode::from(code)
    }
}

impl From<anyhow::Error> for CommandError {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<EndpointError> for CommandError {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Issuer(_) => Self::Settings(anyhow!(error).context("--issuer")),
            EndpointError::Identity | EndpointError::UnknownRoute => Self::Settings(error.into()),
            EndpointError::Unreachable(_) => Self::Other(anyhow!(
                "{:#}\nhint: find out why: chatmock-auth doctor",
                anyhow!(error)
            )),
            error => Self::Other(error.into()),
        }
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Keyring(_) => Self::Other(anyhow!(error).context(KEYRING)),
            error => Self::Other(error.into()),
        }
    }
}

impl From<LockError> for CommandError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::File(error) => Self::Other(error.into()),
            error => Self::Other(anyhow!(error).context("try again in a minute")),
        }
    }
}

impl From<RegistrationError> for CommandError {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::Lock(error) => error.into(),
            RegistrationError::Damaged(_) => Self::Other(
                anyhow!(error).context("remove this file, and this installation registers again"),
            ),
            error => Self::Other(error.into()),
        }
    }
}

impl From<KeeperError> for CommandError {
    fn from(error: KeeperError) -> Self {
        match error {
            KeeperError::Store(cause) if matches!(*cause, StoreError::Keyring(_)) => {
                Self::Other(anyhow!(cause).context(KEYRING))
            }
            KeeperError::Unavailable(_) | KeeperError::Store(_) | KeeperError::AccountChanged => {
                Self::Other(error.into())
            }
            error => Self::SignedOut(error.into()),
        }
    }
}
