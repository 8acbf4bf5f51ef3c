//! The modes and owners of the files in a home.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::Check;
use crate::home::Home;

/// The end of the finding about a mode.
const OPEN: &str = ": other users have access";

/// Checks that no other user has access to the home and the files in it.
pub fn files(home: &Home) -> Check {
    let name = "files";
    let (mut seen, mut warning) = (0, None);
    for path in places(home.path()) {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        seen += 1;
        let Some(problem) = problem(&metadata) else { continue };
        let (detail, fix) = (format!("{} {problem}", path.display()), fix(&path));
        // The names in an open directory are no secret; what is in its files is.
        if metadata.is_dir() && problem.ends_with(OPEN) {
            warning = warning.or_else(|| Some(Check::warn(name, detail, &fix)));
        } else {
            return Check::fail(name, detail, &fix);
        }
    }
    let fine = if seen == 0 { "does not exist yet" } else { "is accessible only to you" };
    warning.unwrap_or_else(|| Check::ok(name, format!("{} {fine}", home.path().display())))
}

fn places(home: &Path) -> Vec<PathBuf> {
    let mut places = vec![home.to_owned()];
    for name in ["auth.json", "auth.lock", "generation", "registration.json", "accounts"] {
        places.push(home.join(name));
    }
    let accounts = fs::read_dir(home.join("accounts")).into_iter().flatten().flatten();
    places.extend(accounts.map(|entry| entry.path()));
    places
}

#[cfg(unix)]
fn problem(metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    if metadata.is_symlink() {
        return Some("is a symbolic link".to_owned());
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Some(format!("belongs to user {}", metadata.uid()));
    }
    let open = metadata.mode() & 0o077;
    (open != 0).then(|| format!("has mode {:03o}{OPEN}", metadata.mode() & 0o777))
}

#[cfg(not(unix))]
fn problem(metadata: &Metadata) -> Option<String> {
    metadata.is_symlink().then(|| "is a symbolic link".to_owned())
}

fn fix(path: &Path) -> String {
    let mode = if path.is_dir() { "700" } else { "600" };
    format!("chmod {mode} {path}; chown $USER {path}", path = path.display())
}
