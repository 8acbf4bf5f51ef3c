//! The SDKs' environments: a Python venv and an npm install, made once for each set of pins.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A written marker: the install beside it is complete.
const COMPLETE: &str = "complete";

/// One language's SDK: how its tools are found, what it installs and what it runs.
pub(crate) struct Kind {
    /// What its tests are called, such as `openai_python`.
    pub(crate) name: &'static str,
    /// The folder of its pins and scripts below `tests/clients`.
    folder: &'static str,
    /// The files that say what is installed.
    pins: &'static [&'static str],
    /// Commands that must succeed for the tools to count as present.
    probes: &'static [&'static [&'static str]],
    /// What to say when one of them does not.
    missing: &'static str,
    /// Installs the pins into a folder that holds a copy of them.
    install: fn(&Path) -> Result<(), String>,
    /// The command that runs the checks from that folder.
    run: fn(&Path) -> Command,
}

/// OpenAI's library for Python.
pub(crate) const PYTHON: Kind = Kind {
    name: "openai_python",
    folder: "python",
    pins: &["requirements.txt"],
    probes: &[&[
        PYTHON_PROGRAM,
        "-c",
        "import ensurepip, sys, venv; print(sys.version, sys.executable); sys.exit(sys.version_info < (3, 10))",
    ]],
    missing: "Python 3.10 or later with venv is not installed",
    install: install_python,
    run: |folder| {
        let mut command = Command::new(folder.join("venv").join(VENV_PYTHON));
        command.args(["-B", "openai_checks.py"]);
        command
    },
};

/// OpenAI's library for JavaScript.
pub(crate) const NODE: Kind = Kind {
    name: "openai_node",
    folder: "node",
    pins: &["package.json", "package-lock.json"],
    probes: &[
        &[
            "node",
            "-e",
            "console.log(process.version); process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)",
        ],
        &[NPM_PROGRAM, "--version"],
    ],
    missing: "Node 20 or later with npm is not installed",
    install: install_node,
    run: |_| {
        let mut command = Command::new("node");
        command.arg("openai_checks.mjs");
        command
    },
};

const PYTHON_PROGRAM: &str = if cfg!(windows) { "python" } else { "python3" };
const VENV_PYTHON: &str = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
const NPM_PROGRAM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// Why an environment is not there.
pub(crate) enum Problem {
    /// The language itself is not installed.
    Missing(&'static str),
    /// It is, and something went wrong.
    Failed(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The folder below the target folder that all of this lives in.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("clients")
}

impl Kind {
    /// Makes the environment if these pins have none yet, and returns the command that runs its checks.
    pub(crate) fn prepare(&self) -> Result<Command, Problem> {
        let versions = self.versions().ok_or(Problem::Missing(self.missing))?;
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(self.folder);
        let folder =
            folder().join(format!("{}-{:016x}", self.folder, self.key(&source, &versions)?));
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        for entry in fs::read_dir(&source)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), folder.join(entry.file_name()))?;
            }
        }
        let complete = folder.join(COMPLETE);
        if !complete.exists() {
            (self.install)(&folder).map_err(Problem::Failed)?;
            fs::write(complete, "")?;
        }
        let mut command = (self.run)(&folder);
        command.current_dir(&folder);
        Ok(command)
    }

    /// What the tools say of themselves, or nothing where one is not there.
    fn versions(&self) -> Option<Vec<u8>> {
        let mut versions = Vec::new();
        for probe in self.probes {
            let output = Command::new(probe[0]).args(&probe[1..]).output().ok()?;
            versions.extend(output.status.success().then_some(output.stdout)?);
        }
        Some(versions)
    }

    /// Names the environment: other pins or other tools make another one.
    fn key(&self, source: &Path, versions: &[u8]) -> io::Result<u64> {
        let mut hasher = DefaultHasher::new();
        versions.hash(&mut hasher);
        for pins in self.pins {
            fs::read(source.join(pins))?.hash(&mut hasher);
        }
        Ok(hasher.finish())
    }
}

fn install_python(folder: &Path) -> Result<(), String> {
    let mut make = Command::new(PYTHON_PROGRAM);
    make.args(["-m", "venv", "--clear", "venv"]).current_dir(folder);
    finish(make)?;
    let mut install = Command::new(folder.join("venv").join(VENV_PYTHON));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    install.args(["--requirement", "requirements.txt"]).current_dir(folder);
    finish(install)
}

fn install_node(folder: &Path) -> Result<(), String> {
    let mut install = Command::new(NPM_PROGRAM);
    install.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
    finish({
        install.current_dir(folder);
        install
    })
}

/// Runs one step of an install; its output is the reason where it does not succeed.
fn finish(mut step: Command) -> Result<(), String> {
    let output = step.output().map_err(|error| format!("{step:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let wrote = [output.stdout, output.stderr].concat();
    Err(format!("{step:?} did not succeed:\n{}", String::from_utf8_lossy(&wrote)))
}
