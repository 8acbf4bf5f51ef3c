//! Folders of private files: made closed to other users, and checked before each use.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::error::Problem;
use super::{PrivateFileError, fault_point, system};

/// Checks the folder that holds private files. It must be a folder of this user (or the system's),
/// in which no other user can write; one of ours that is open is closed to other writers, and the
/// log says so once. A folder that does not exist passes. May block.
///
/// It is closed and not refused because the files in it stay private either way: what other users
/// could do there is put a file of theirs in the place of one of ours, which its owner gives away.
pub(crate) fn check_folder(folder: &Path) -> Result<(), PrivateFileError> {
    let Some(seen) = describe(folder)? else { return Ok(()) };
    if !seen.is_dir() {
        return Err(PrivateFileError::not_safe(folder, Problem::NotAFolder));
    }
    if !system::is_ours(&seen) && !system::is_the_systems(&seen) {
        return Err(PrivateFileError::not_safe(folder, Problem::OtherUser));
    }
    if !system::is_open_to_writers(&seen) {
        return Ok(());
    }
    if !system::is_ours(&seen) || system::is_shared(&seen) {
        return Err(PrivateFileError::not_safe(folder, Problem::OpenFolder));
    }
    close(folder, &seen);
    Ok(())
}

/// Checks a folder that a person chose: it must be this user's, and closed to other writers.
pub(super) fn check_chosen_folder(folder: &Path) -> Result<(), PrivateFileError> {
    check_strictly(folder, Problem::OpenFolder)
}

/// Checks the folder that holds the target of a link: it is not ours to change, so it must be
/// right as it is.
pub(super) fn check_target_folder(folder: &Path) -> Result<(), PrivateFileError> {
    if describe(folder)?.is_none() {
        return Err(PrivateFileError::not_safe(folder, Problem::NoTargetFolder));
    }
    check_strictly(folder, Problem::OpenTargetFolder)
}

fn check_strictly(folder: &Path, open: Problem) -> Result<(), PrivateFileError> {
    let Some(seen) = describe(folder)? else { return Ok(()) };
    let problem = if !seen.is_dir() {
        Problem::NotAFolder
    } else if !system::is_ours(&seen) {
        Problem::OtherUser
    } else if system::is_open_to_writers(&seen) {
        open
    } else {
        return Ok(());
    };
    Err(PrivateFileError::not_safe(folder, problem))
}

fn describe(folder: &Path) -> Result<Option<Metadata>, PrivateFileError> {
    match fault_point(folder).and_then(|()| folder.metadata()) {
        Ok(seen) => Ok(Some(seen)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PrivateFileError::io(folder, "look at", error)),
    }
}

/// Some file systems keep no modes, so what was asked for is looked at afterwards.
fn close(folder: &Path, seen: &Metadata) {
    let closed = system::close_to_writers(folder, seen).and_then(|()| folder.metadata());
    if closed.is_ok_and(|now| !system::is_open_to_writers(&now)) {
        say_once(folder, || {
            tracing::warn!(
                folder = %folder.display(),
                mode = %format_args!("{:03o}", system::mode(seen)),
                "other users could write in this folder: it was closed to them (chmod go-w)"
            );
        });
    } else {
        say_once(folder, || {
            tracing::warn!(
                folder = %folder.display(),
                "other users can write in this folder and it could not be closed to them: \
                 run chmod go-w on it, or use a folder on another file system"
            );
        });
    }
}

/// Says something about a path, once for as long as the program runs.
pub(super) fn say_once(path: &Path, say: impl FnOnce()) {
    static SAID: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.get_or_insert_default().insert(path.to_owned()) {
        say();
    }
}

/// Makes the folder of a file, closed to other users, when it does not exist, and checks it.
pub(crate) fn create_parent(path: &Path) -> Result<(), PrivateFileError> {
    let folder = parent_of(path);
    create_folder(folder)?;
    check_folder(folder)
}

pub(super) fn create_folder(folder: &Path) -> Result<(), PrivateFileError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    system::close_folder(&mut builder);
    let created = fault_point(folder).and_then(|()| builder.create(folder));
    created.map_err(|error| PrivateFileError::io(folder, "create", error))
}

/// Writes the folder of a file through to the disk: until then a rename in it is not durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), PrivateFileError> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let folder = parent_of(path);
    let synced = fault_point(folder).and_then(|()| fs::File::open(folder)?.sync_all());
    synced.map_err(|error| PrivateFileError::io(folder, "write", error))
}

/// The folder of a path; a bare name lies in the working directory.
pub(super) fn parent_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    parent.unwrap_or_else(|| Path::new("."))
}
