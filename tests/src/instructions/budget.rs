//! The kept figures, and the verdict on a new one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::report::Line;
use crate::{BoxError, process};

/// The share by which a figure may grow before it has to be written anew, in percent.
const GROWTH: u64 = 3;

/// The profile whose figures are kept. Those of any other are only printed.
const PROFILE: &str = "count";

/// The figures of one profile, and the toolchain that they were counted with.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Budget {
    /// The first line of `rustc --version`: another compiler makes other code of the same source.
    toolchain: String,
    /// Instructions by the name of the figure.
    figures: BTreeMap<String, u64>,
}

impl Budget {
    /// Reads the kept figures.
    pub(super) fn read() -> Result<Self, BoxError> {
        Ok(serde_json::from_slice(&std::fs::read(path())?)?)
    }

    /// Compares a figure with the kept one, or keeps it where `BLESS` is set.
    pub(super) fn judge(mut self, name: &str, counted: u64) -> Result<Line, BoxError> {
        if profile()? != PROFILE {
            return Ok(Line::new(name, counted, "no limit", true));
        }
        let toolchain = toolchain()?;
        if std::env::var_os("BLESS").is_some() {
            self.toolchain = toolchain;
            self.figures.insert(name.to_owned(), counted);
            std::fs::write(path(), serde_json::to_string_pretty(&self)? + "\n")?;
            return Ok(Line::new(name, counted, "kept", true));
        }
        if self.toolchain != toolchain {
            let why = format!("{counted}, and the kept figures are of {}", self.toolchain);
            return Ok(Line::skipped(name, why));
        }
        let kept = self.figures.get(name).ok_or("no figure is kept; BLESS=1 keeps it")?;
        let most = kept + kept * GROWTH / 100;
        let limit = format!("at most {kept} + {GROWTH} %");
        Ok(Line::new(name, counted, limit, counted <= most))
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/instructions.json")
}

/// The profile that the program was built with, by the folder that Cargo put it in.
fn profile() -> Result<String, BoxError> {
    let program = process::path()?;
    let folder = program.parent().and_then(Path::file_name).unwrap_or_default();
    Ok(folder.to_string_lossy().into_owned())
}

fn toolchain() -> Result<String, BoxError> {
    let output = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
