//! The files in a home: their kinds, modes and owners, and what was left there.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::{Check, Health};
use crate::home::Home;
use crate::private::{is_replaceable, place_of, read_private_up_to};

/// The end of the finding about a mode.
const OPEN: &str = ": other users have access";
/// The name of this check.
const NAME: &str = "files";
/// The most of a file that is read to see whether it can be, in bytes.
const LARGEST: u64 = 64 << 20;

/// Files of ours in a home. The sign-in and what is next to it are found by their names' beginnings.
const OURS: [&str; 5] =
    ["accounts", "chatmock_models_cache.json", "generation", "limits.json", "registration.json"];

/// Checks that the home and the files in it are ordinary ones to which no other user has access, that the
/// sign-in can be replaced, and that no tokens of an earlier sign-in were left. Returns what is worst.
pub fn files(home: &Home) -> Check {
    let mut found = findings(home);
    let worst = found.iter().position(|check| check.health == Health::Fail).unwrap_or(0);
    if worst < found.len() {
        return found.swap_remove(worst);
    }
    let is_there = home.path().symlink_metadata().is_ok();
    let fine = if is_there { "is accessible only to you" } else { "does not exist yet" };
    Check::ok(NAME, format!("{} {fine}", home.path().display()))
}

/// Returns what a program that starts has to say about the files of a home. A mode that is too open is
/// not among it: the first read corrects that, and says so.
pub fn files_at_start(home: &Home) -> Vec<Check> {
    let mut found = findings(home);
    found.retain(|check| !check.detail.ends_with(OPEN));
    found
}

fn findings(home: &Home) -> Vec<Check> {
    let mut found = Vec::new();
    for path in places(home.path()) {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let Some(problem) = problem(home.path(), &path, &metadata) else { continue };
        let detail = format!("{} {}", path.display(), problem.what);
        // The names in an open directory are no secret; what is in its files is.
        found.push(match metadata.is_dir() && problem.what.ends_with(OPEN) {
            true => Check::warn(NAME, detail, &problem.cure),
            false => Check::fail(NAME, detail, &problem.cure),
        });
    }
    found.into_iter().chain(link(home)).chain(in_place(home)).chain(left(home)).collect()
}

/// Follows the link in the place of the sign-in, if there is one.
fn link(home: &Home) -> Option<Check> {
    let path = home.sign_in_path();
    path.symlink_metadata().ok().filter(Metadata::is_symlink)?;
    let read = place_of(&path).and_then(|place| read_private_up_to(&place, LARGEST));
    let error = read.err()?;
    Some(Check::fail(NAME, error.to_string(), "put the file itself there, or correct the link"))
}

/// Finds a sign-in that renewals cannot replace.
fn in_place(home: &Home) -> Option<Check> {
    let place = place_of(&home.sign_in_path()).ok().filter(|place| place.exists())?;
    if is_replaceable(&place) {
        return None;
    }
    let detail = format!("{} cannot be replaced and is written in place", place.display());
    let fix = "mount its folder, not the file alone, and make the folder yours to write in";
    Some(Check::warn(NAME, detail, fix))
}

/// Finds files that may hold tokens and that nobody uses.
fn left(home: &Home) -> Option<Check> {
    let left = home.active().left_overs();
    let first = left.first()?;
    let detail = format!("{} was left behind and may hold tokens", first.display());
    let fix =
        "chatmock-auth logout ends and removes them; a renewal uses them where they are newer";
    Some(Check::warn(NAME, detail, fix))
}

fn places(home: &Path) -> Vec<PathBuf> {
    let mut places = vec![home.to_owned()];
    let inside = fs::read_dir(home).into_iter().flatten().flatten();
    places.extend(inside.filter(|entry| is_ours(&entry.file_name())).map(|entry| entry.path()));
    let accounts = fs::read_dir(home.join("accounts")).into_iter().flatten().flatten();
    places.extend(accounts.map(|entry| entry.path()));
    places[1..].sort();
    places
}

fn is_ours(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    OURS.contains(&&*name)
        || name.starts_with("auth.")
        || (name.starts_with('.') && name.ends_with(".tmp"))
}

/// A fault of a file, and the one thing that a person can do about it.
struct Problem {
    what: String,
    cure: String,
}

impl Problem {
    fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { what: what.into(), cure: cure.into() }
    }
}

fn problem(home: &Path, path: &Path, metadata: &Metadata) -> Option<Problem> {
    const MOVE: &str = "move it away";
    let (kind, name) = (metadata.file_type(), path.file_name().unwrap_or_default());
    // The target of a person's link is checked apart; the home itself may be reached over one.
    if kind.is_symlink() && (path == home || name == "auth.json") {
        return None;
    }
    if kind.is_symlink() {
        return Some(Problem::new("is a symbolic link", MOVE));
    }
    if kind.is_dir() {
        let expected = path == home || name == "accounts";
        return if expected {
            mode(path, metadata)
        } else {
            Some(Problem::new("is a folder", MOVE))
        };
    }
    if !kind.is_file() {
        return Some(Problem::new("is not a plain file", MOVE));
    }
    mode(path, metadata).or_else(|| unreadable(path))
}

#[cfg(unix)]
fn mode(path: &Path, metadata: &Metadata) -> Option<Problem> {
    use std::os::unix::fs::MetadataExt;
    const ROOT: u32 = 0;
    let shown = path.display();
    // A container engine makes the folder of a file that is mounted by itself root's.
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if metadata.is_dir() && owner == ROOT && user != ROOT && metadata.mode() & 0o022 == 0 {
        return None;
    }
    if owner != user {
        let what = format!("belongs to user {owner}");
        return Some(Problem::new(what, format!("chown $USER {shown}")));
    }
    if metadata.mode() & 0o077 == 0 {
        return None;
    }
    let what = format!("has mode {:03o}{OPEN}", metadata.mode() & 0o777);
    let mode = if metadata.is_dir() { "700" } else { "600" };
    Some(Problem::new(what, format!("chmod {mode} {shown}")))
}

#[cfg(not(unix))]
fn mode(_path: &Path, _metadata: &Metadata) -> Option<Problem> {
    None
}

/// Returns a fault of a file that the programs cannot read, which is read as they do.
fn unreadable(path: &Path) -> Option<Problem> {
    let error = read_private_up_to(path, LARGEST).err()?;
    Some(Problem::new(format!("cannot be read ({error})"), "move it away"))
}
