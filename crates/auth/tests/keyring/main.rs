//! A real gnome-keyring on a private bus: present, locked, absent, hanging.
//!
//! Each case runs in a process of its own under `dbus-run-session`: a keyring is found by the
//! environment, which a process has once. Where the programs are missing the cases are reported as
//! ignored, except with `CI=true` on Linux, where that is a failure.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use chatmock_testkit::prerequisite::with_programs;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

mod cases;

/// Set for the process inside the private bus: the case to run there.
const CASE: &str = "CHATMOCK_KEYRING_CASE";

fn main() -> ExitCode {
    if let Ok(case) = std::env::var(CASE) {
        cases::run(&case);
        return ExitCode::SUCCESS;
    }
    let trials = cases::NAMES.iter().map(|case| {
        Trial::ignorable_test(*case, move || {
            // Other systems have a keyring of their own, which these cases are not about.
            if !cfg!(target_os = "linux") {
                return Ok(Completion::ignored_with("the Secret Service is Linux' own"));
            }
            let programs = ["dbus-run-session", "gnome-keyring-daemon"];
            with_programs(&programs, || in_a_session(case))
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// Runs a case on a bus and in a home of its own.
fn in_a_session(case: &str) -> Result<(), Failed> {
    let home = tempfile::tempdir()?;
    let program = std::env::current_exe()?;
    let mut command = if case == cases::WITHOUT_BUS {
        Command::new(program)
    } else {
        let mut session = Command::new("dbus-run-session");
        session.arg("--").arg(program);
        session
    };
    command.env(CASE, case).stdin(Stdio::null());
    for (name, folder) in [
        ("HOME", "home"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_RUNTIME_DIR", "runtime"),
    ] {
        let path = home.path().join(folder);
        std::fs::create_dir(&path)?;
        private(&path)?;
        command.env(name, path);
    }
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "GNOME_KEYRING_CONTROL", "DBUS_SESSION_BUS_ADDRESS"]
    {
        command.env_remove(name);
    }
    // A file and not a pipe: the keyring library closes its session with a call, for which the bus may start
    // another daemon after the case's own has ended. That one would hold the pipe open, and be waited for.
    let said = home.path().join("output");
    let file = File::create(&said)?;
    let status = command.stdout(file.try_clone()?).stderr(file).status()?;
    if status.success() {
        return Ok(());
    }
    Err(Failed::from(String::from_utf8_lossy(&std::fs::read(said)?).into_owned()))
}

/// A runtime directory must be closed to others.
#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn private(_path: &Path) -> std::io::Result<()> {
    Ok(())
}
