//! The environments of the SDKs: a Python venv, an npm install and a Cargo build, one for each set
//! of pins.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name of the file that marks a complete install.
const COMPLETE: &str = "complete";

/// One language: how to find its tools, what its SDKs need, and how to run their checks.
pub(crate) struct Language {
    /// The folder of its pins and checks, below `tests/clients`.
    pub(crate) folder: &'static str,
    /// Commands that must succeed if the tools are installed.
    pub(crate) probes: &'static [&'static [&'static str]],
    /// The message if one of them fails.
    pub(crate) missing: &'static str,
    /// Installs what the checks need and returns the folder where they run; gets the output of the
    /// probes.
    pub(crate) make: fn(&Self, &[u8]) -> Result<PathBuf, Problem>,
    /// Returns the command that runs the checks of one SDK in that folder.
    pub(crate) run: fn(&Path, &str) -> Command,
}

/// The libraries for Python.
pub(crate) const PYTHON: Language = Language {
    folder: "python",
    probes: &[&[
        PYTHON_PROGRAM,
        "-c",
        "import ensurepip, sys, venv; print(sys.version, sys.executable); sys.exit(sys.version_info < (3, 10))",
    ]],
    missing: "Python 3.10 or later with venv is not installed",
    make: |language, versions| language.install(versions, &["requirements.txt"], install_python),
    run: |folder, script| {
        let mut command = Command::new(folder.join("venv").join(VENV_PYTHON));
        command.args(["-B", script]);
        command
    },
};

/// The libraries for JavaScript.
pub(crate) const NODE: Language = Language {
    folder: "node",
    probes: &[
        &[
            "node",
            "-e",
            "console.log(process.version); process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)",
        ],
        &[NPM_PROGRAM, "--version"],
    ],
    missing: "Node 20 or later with npm is not installed",
    make: |language, versions| {
        language.install(versions, &["package.json", "package-lock.json"], install_node)
    },
    run: |_, script| {
        let mut command = Command::new("node");
        command.arg(script);
        command
    },
};

/// The crates, in their own workspace so that their dependencies stay out of ours.
pub(crate) const RUST: Language = Language {
    folder: "rust",
    probes: &[&["cargo", "--version"]],
    missing: "Cargo is not installed",
    make: |language, _| {
        fs::create_dir_all(folder())?;
        if !folder().join("rust").exists() {
            let (source, target) = (language.source(), folder().join("rust"));
            eprintln!(
                "fetching the crates of {} and building into {}",
                source.display(),
                target.display()
            );
        }
        finish(cargo(&language.source(), &["build"])).map_err(Problem::Failed)?;
        Ok(folder())
    },
    run: |_, script| cargo(&RUST.source(), &["run", "--", script]),
};

/// The name of Python in the shell's path.
pub(crate) const PYTHON_PROGRAM: &str = if cfg!(windows) { "python" } else { "python3" };
const VENV_PYTHON: &str = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
/// The name of npm.
pub(crate) const NPM_PROGRAM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// The reason why there is no environment.
pub(crate) enum Problem {
    /// The language is not installed.
    Missing(&'static str),
    /// The language is installed, but something failed.
    Failed(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Returns the folder for all environments, below the target folder.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("clients")
}

impl Language {
    /// Creates the environment if it is missing, and returns the command that runs the checks of an
    /// SDK.
    pub(crate) fn prepare(&self, script: &str) -> Result<Command, Problem> {
        let versions = self.versions().ok_or(Problem::Missing(self.missing))?;
        let folder = (self.make)(self, &versions)?;
        let mut command = (self.run)(&folder, script);
        command.current_dir(&folder);
        Ok(command)
    }

    /// Returns the versions that the tools print, or nothing if a tool is missing.
    fn versions(&self) -> Option<Vec<u8>> {
        let mut versions = Vec::new();
        for probe in self.probes {
            let output = Command::new(probe[0]).args(&probe[1..]).output().ok()?;
            versions.extend(output.status.success().then_some(output.stdout)?);
        }
        Some(versions)
    }

    /// Copies pins and scripts into a folder for these pins, and installs there what is missing.
    pub(crate) fn install(
        &self,
        versions: &[u8],
        pins: &[&str],
        install: fn(&Path) -> Result<(), String>,
    ) -> Result<PathBuf, Problem> {
        let source = self.source();
        let name = format!("{}-{:016x}", self.folder, key(&source, pins, versions)?);
        let folder = folder().join(name);
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        for entry in fs::read_dir(&source)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                bring(&entry.path(), &folder.join(entry.file_name()))?;
            }
        }
        let complete = folder.join(COMPLETE);
        if !complete.exists() {
            eprintln!("fetching the packages of {} into {}", source.display(), folder.display());
            install(&folder).map_err(Problem::Failed)?;
            fs::write(complete, "")?;
        }
        Ok(folder)
    }

    fn source(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(self.folder)
    }
}

/// Returns the key of an environment, which depends on the pins and the tools.
fn key(source: &Path, pins: &[&str], versions: &[u8]) -> io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    versions.hash(&mut hasher);
    for pin in pins {
        fs::read(source.join(pin))?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// Copies a file if it differs. An identical copy may be in use by the script of another SDK.
fn bring(from: &Path, to: &Path) -> io::Result<()> {
    let text = fs::read(from)?;
    if fs::read(to).is_ok_and(|copy| copy == text) { Ok(()) } else { fs::write(to, text) }
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

/// Returns Cargo with a command and its arguments, for the package in a folder.
fn cargo(source: &Path, command: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.arg(command[0]).args(["--quiet", "--locked", "--manifest-path"]);
    cargo.arg(source.join("Cargo.toml")).arg("--target-dir").arg(folder().join("rust"));
    cargo.args(&command[1..]);
    cargo
}

/// Runs one step of an install. If it fails, its output is the reason.
pub(crate) fn finish(mut step: Command) -> Result<(), String> {
    let output = step.output().map_err(|error| format!("{step:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let wrote = [output.stdout, output.stderr].concat();
    Err(format!("{step:?} did not succeed:\n{}", String::from_utf8_lossy(&wrote)))
}
