//! Chromium without windows.

use std::path::Path;
use std::process::{Command, Stdio};

/// The flags that it needs without windows, also for the user root in a container.
pub const FLAGS: [&str; 6] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
];

/// The program with [`FLAGS`] and a profile folder, which is also its home.
#[must_use]
pub fn command(profile: &Path) -> Command {
    let mut command = Command::new("chromium");
    command.args(FLAGS).arg(format!("--user-data-dir={}", profile.display()));
    command.env("HOME", profile).env("TMPDIR", profile);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}
