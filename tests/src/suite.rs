//! What was typed: how large the checks are, and which of them run.

use crate::checks::{FEWEST, NAMES};

const USAGE: &str = "usage: selftest [--brief] [--only NAME] [--requests COUNT]";

/// What a run is to be.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Whether the smaller numbers are used.
    pub(crate) brief: bool,
    /// The one check to run; all without it.
    pub(crate) only: Option<String>,
    /// How many requests the mixture is of, if not as many as usual.
    pub(crate) requests: Option<usize>,
}

impl Options {
    /// Reads the arguments; what cannot be used is told in words.
    pub(crate) fn read(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { brief: false, only: None, requests: None };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--brief" => options.brief = true,
                "--only" => options.only = Some(name(arguments.next())?),
                "--requests" => options.requests = Some(count(arguments.next())?),
                _ => return Err(format!("{USAGE}\n{}", names())),
            }
        }
        Ok(options)
    }

    /// Whether a check is among those to run.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }

    /// The number for this run.
    pub(crate) fn number(&self, full: usize, brief: usize) -> usize {
        if self.brief { brief } else { full }
    }
}

fn name(given: Option<String>) -> Result<String, String> {
    let known = given.filter(|given| NAMES.contains(&given.as_str()));
    known.ok_or_else(names)
}

fn count(given: Option<String>) -> Result<usize, String> {
    let count = given.and_then(|given| given.parse().ok()).filter(|count| *count >= FEWEST);
    count.ok_or_else(|| format!("--requests needs a number, {FEWEST} at least"))
}

fn names() -> String {
    format!("checks: {}", NAMES.join(", "))
}
