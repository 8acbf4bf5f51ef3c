//! Tools that a test needs and that a machine may lack.
//!
//! A test whose tool is missing is reported as ignored with the reason, so that a run shows what it
//! did not try. Under `CI=true` it fails instead: a gate that skips silently is no gate.

use std::fmt::Display;
use std::path::PathBuf;

use libtest_mimic::{Completion, Failed};

/// The outcome of a test that lacks something.
///
/// # Errors
///
/// A failure under `CI=true`.
pub fn lacking(what: impl Display) -> Result<Completion, Failed> {
    if std::env::var_os("CI").is_some_and(|ci| ci == "true") {
        return Err(Failed::from(format!("{what}, and CI=true does not let it be skipped")));
    }
    Ok(Completion::ignored_with(what))
}

/// Runs a test where all the named programs are installed.
///
/// # Errors
///
/// The test's own, and those of [`lacking`].
pub fn with_programs(
    names: &[&str],
    test: impl FnOnce() -> Result<(), Failed>,
) -> Result<Completion, Failed> {
    match names.iter().find(|name| find_program(name).is_none()) {
        Some(name) => lacking(format!("{name} is not installed")),
        None => test().map(|()| Completion::Completed),
    }
}

/// Finds a program where the shell would.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
