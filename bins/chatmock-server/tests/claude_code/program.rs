//! Claude Code: installed once for its pins, and run for one answer.

use std::path::Path;
use std::process::Command;

use crate::environment::{Language, NODE, NPM_PROGRAM, finish};

/// Claude Code's program.
pub(crate) const CLAUDE: Language = Language {
    folder: "claude_code",
    make: |language, versions| {
        language.install(versions, &["package.json", "package-lock.json"], install)
    },
    run: |folder, _| Command::new(folder.join("node_modules/.bin/claude")),
    ..NODE
};

/// Installs the package; its own script puts the program for this system in its place.
fn install(folder: &Path) -> Result<(), String> {
    let mut install = Command::new(NPM_PROGRAM);
    install.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
    install.current_dir(folder);
    finish(install)?;
    let mut place = Command::new("node");
    place.arg("node_modules/@anthropic-ai/claude-code/install.cjs").current_dir(folder);
    finish(place)
}
