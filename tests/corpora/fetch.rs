//! The corpora as their registries have them, each brought once.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A marker file: the download next to it is complete.
const COMPLETE: &str = "complete";

/// A Cargo project that only names the crates, in a workspace of its own.
const CRATES: &str = r#"[package]
name = "corpora"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[lib]
path = "lib.rs"

[dependencies]
http_desync_guardian = "=0.1.3"
json-syntax = "=0.12.5"
sse-parse = "=0.1.0"
"#;

const PYTHON_PROGRAM: &str = if cfg!(windows) { "python" } else { "python3" };
const VENV_PYTHON: &str = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
const NPM_PROGRAM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// Why a test could not end well.
pub(crate) enum Problem {
    /// A tool that brings the corpus is not installed.
    Missing(&'static str),
    /// Something went wrong.
    Failed(String),
}

impl From<String> for Problem {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The source folder of one of the crates.
pub(crate) fn crate_source(name: &str) -> Result<PathBuf, Problem> {
    let folder = folder().join("crates");
    let _lock = lock(&folder)?;
    fs::write(folder.join("Cargo.toml"), CRATES)?;
    fs::write(folder.join("lib.rs"), "")?;
    if !succeeds("cargo", &["--version"]) {
        return Err(Problem::Missing("Cargo is not installed"));
    }
    if !folder.join("Cargo.lock").exists() {
        announce("the crates of the corpora from crates.io", &folder);
    }
    let mut metadata = Command::new("cargo");
    metadata.args(["metadata", "--format-version", "1"]).current_dir(&folder);
    let metadata: Value = serde_json::from_slice(&finish(metadata)?)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let manifests = packages.filter(|package| package["name"] == name);
    let manifest = manifests.filter_map(|package| package["manifest_path"].as_str()).next();
    let folder = manifest.and_then(|path| Path::new(path).parent());
    Ok(folder.ok_or_else(|| format!("no source of {name}"))?.to_owned())
}

/// The unpacked source distribution of a package for Python.
pub(crate) fn sdist(name: &str, version: &str) -> Result<PathBuf, Problem> {
    let full = format!("{name}-{version}");
    let folder = folder().join(&full);
    let _lock = lock(&folder)?;
    if !folder.join(COMPLETE).exists() {
        if !succeeds(PYTHON_PROGRAM, &["-c", "import ensurepip, venv"]) {
            return Err(Problem::Missing("Python with venv is not installed"));
        }
        announce(&format!("{name} {version} from PyPI"), &folder);
        // A system's own Python may be without pip.
        let run = |program: &Path, arguments: &[&str]| {
            let mut step = Command::new(program);
            step.args(arguments).current_dir(&folder);
            finish(step)
        };
        run(Path::new(PYTHON_PROGRAM), &["-m", "venv", "--clear", "venv"])?;
        let python = folder.join("venv").join(VENV_PYTHON);
        let pinned = format!("{name}=={version}");
        let pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check"];
        run(&python, &[&pip[..], &["--no-deps", "--no-binary", ":all:", &pinned]].concat())?;
        run(&python, &["-m", "tarfile", "-e", &format!("{full}.tar.gz")])?;
        fs::remove_dir_all(folder.join("venv"))?;
        fs::write(folder.join(COMPLETE), "")?;
    }
    Ok(folder.join(full))
}

/// The folder of a package for Node.
pub(crate) fn npm(name: &str, version: &str) -> Result<PathBuf, Problem> {
    let folder = folder().join(format!("{name}-{version}"));
    let _lock = lock(&folder)?;
    if !folder.join(COMPLETE).exists() {
        if !succeeds(NPM_PROGRAM, &["--version"]) {
            return Err(Problem::Missing("npm is not installed"));
        }
        announce(&format!("{name} {version} from npm"), &folder);
        let project = serde_json::json!({"private": true, "dependencies": {name: version}});
        fs::write(folder.join("package.json"), project.to_string())?;
        let mut install = Command::new(NPM_PROGRAM);
        install.args([
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]);
        finish({
            install.current_dir(&folder);
            install
        })?;
        fs::write(folder.join(COMPLETE), "")?;
    }
    Ok(folder.join("node_modules").join(name))
}

/// The files of one kind in a folder, by their names.
pub(crate) fn files(folder: &Path, ext: &str) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|found| found == ext));
    paths.sort();
    Ok(paths)
}

/// The folder below the target folder that all of this lives in.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("corpora")
}

/// Makes a folder and takes it for this test alone: several tests read one corpus.
fn lock(folder: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    Ok(lock)
}

/// Says what is about to be fetched: a first run takes longer and needs a network.
fn announce(what: &str, folder: &Path) {
    println!("fetching {what} into {}", folder.display());
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

/// Runs one step and gives what it printed; that is the reason where it does not succeed.
fn finish(mut step: Command) -> Result<Vec<u8>, String> {
    let output = step.output().map_err(|error| format!("{step:?}: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let wrote = [output.stdout, output.stderr].concat();
    Err(format!("{step:?} did not succeed:\n{}", String::from_utf8_lossy(&wrote)))
}
