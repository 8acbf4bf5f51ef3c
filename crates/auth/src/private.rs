//! Private files: made, read, replaced and removed so that no other user sees or steers them.
//!
//! Everything that this workspace keeps for itself on disk goes through here, because each rule is
//! easy to forget at one of several places: mode 0600 in folders that only their owner writes in, no
//! link followed, no wait on a pipe, nothing read that another user owns, and a file replaced whole,
//! by a rename that is written through, so that a crash leaves the old text or the new one. A crate
//! such as `tempfile` covers the rename alone. The price is a second file and two `fsync` calls for
//! each save, which happen about once an hour.
//!
//! There are two exceptions, each with a place of its own: a link that a person put in the place of
//! the sign-in is followed ([`place_of`]), and a file that cannot be replaced, because it alone is
//! mounted into a container, is written in place ([`Room`]).

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

mod error;
#[cfg(test)]
pub(crate) mod faults;
mod folder;
mod link;
mod room;
mod system;
mod temp;
#[cfg(test)]
mod tests;

pub use error::PrivateFileError;
use error::Problem;
#[cfg(test)]
use faults::fault_point;
pub(crate) use folder::check_folder;
pub(crate) use folder::create_parent;
use folder::{check_chosen_folder, create_folder, parent_of, say_once, sync_folder};
pub(crate) use link::{foreign_place_of, place_of};
pub(crate) use room::{Room, forbids_replacement, is_replaceable};
use temp::TempFile;
pub(crate) use temp::{left_overs, old_left_overs};

/// Precedes each call of the system; the tests let one of them fail.
#[cfg(not(test))]
fn fault_point(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// The largest file that is read unless more is allowed, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The mark with which some editors begin a text in UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whose file is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Ours: its folder is checked, and a mode that is too open is corrected.
    Ours,
    /// Another program's of this user: its mode is that program's business.
    AnotherPrograms,
}

/// Reads a small private file whole: at most 1 MiB, a plain file of this user, no link, in a folder
/// of this user that others may not write to. Returns `None` when there is no file. May block.
///
/// A file that other users may read is closed to them, and the log says so once. A byte order mark
/// at the beginning is left out.
pub fn read_private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, PrivateFileError> {
    read_private_up_to(path, MAX_BYTES)
}

/// Reads a private file as [`read_private`] does, of at most so many bytes.
pub fn read_private_up_to(
    path: &Path,
    largest: u64,
) -> Result<Option<Zeroizing<Vec<u8>>>, PrivateFileError> {
    check_folder(parent_of(path))?;
    read(path, largest, Whose::Ours)
}

/// Reads a small file that another program of this user keeps. `path` is where links lead, as
/// [`foreign_place_of`] says.
pub(crate) fn read_foreign(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, PrivateFileError> {
    read(path, MAX_BYTES, Whose::AnotherPrograms)
}

fn read(
    path: &Path,
    largest: u64,
    whose: Whose,
) -> Result<Option<Zeroizing<Vec<u8>>>, PrivateFileError> {
    let Some(seen) = look(path)? else { return Ok(None) };
    check(path, &seen, largest)?;
    let file = match open(system::refuse_links(OpenOptions::new().read(true)), path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PrivateFileError::io(path, "open", error)),
    };
    // Another file may have come into its place between the look and the open.
    let opened = file.metadata().map_err(|error| PrivateFileError::io(path, "look at", error))?;
    check(path, &opened, largest)?;
    if whose == Whose::Ours && system::is_open_to_others(&opened) {
        close(path, &file, &opened);
    }
    let mut text = Zeroizing::new(Vec::with_capacity(opened.len() as usize + 1));
    let mut limited = file.take(largest.saturating_add(1));
    let read = fault_point(path).and_then(|()| limited.read_to_end(&mut text));
    read.map_err(|error| PrivateFileError::io(path, "read", error))?;
    if text.len() as u64 > largest {
        return Err(PrivateFileError::not_safe(path, Problem::TooLarge));
    }
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(Some(text))
}

/// Closes a file of ours that other users could read or write. What they saw they may have kept, so
/// a person has to know. Some file systems keep no modes.
fn close(path: &Path, file: &File, seen: &Metadata) {
    let closed = system::close_existing(file).and_then(|()| file.metadata());
    let mode = format!("{:03o}", system::mode(seen));
    if closed.is_ok_and(|now| !system::is_open_to_others(&now)) {
        say_once(path, || {
            tracing::warn!(
                file = %path.display(),
                mode,
                "other users could read this file: it was closed to them (chmod 600); if others \
                 use this machine, sign out and in again"
            );
        });
    } else {
        say_once(path, || {
            tracing::warn!(
                file = %path.display(),
                mode,
                "other users can read this file and it could not be closed to them: run chmod 600 \
                 on it, or use a folder on another file system"
            );
        });
    }
}

/// Replaces a small file whole, so that a reader sees the old text or the new one. Makes its folder
/// when that does not exist. A link in its place is replaced, not followed. May block.
pub fn write_private(path: &Path, text: &[u8]) -> Result<(), PrivateFileError> {
    for old in old_left_overs(path) {
        let _ = fs::remove_file(old);
    }
    create_parent(path)?;
    let mut temp = TempFile::create(path, text.len())?;
    temp.fill(text)?;
    temp.place(path)
}

/// Opens a file for reading and writing in a folder that a person chose, and makes both when they
/// do not exist. May block.
///
/// Both must be this user's, the folder closed to other writers, and the file a plain one and no
/// link: what is written there is as private as a sign-in, and root is no exception, because a
/// folder of another user is that user's to read. The folder itself may be reached over a link.
pub fn open_private(path: &Path) -> Result<File, PrivateFileError> {
    let folder = parent_of(path);
    create_folder(folder)?;
    check_chosen_folder(folder)?;
    let place =
        folder.metadata().map_err(|error| PrivateFileError::io(folder, "look at", error))?;
    let file = open_checked(path)?;
    let opened = file.metadata().map_err(|error| PrivateFileError::io(path, "look at", error))?;
    if !system::has_owner_of(&opened, &place) {
        return Err(PrivateFileError::not_safe(path, Problem::OtherOwner));
    }
    system::close_existing(&file)
        .map_err(|error| PrivateFileError::io(path, "change the mode of", error))?;
    Ok(file)
}

/// Opens a lock file, and makes it and its folder when they do not exist.
pub(crate) fn open_lock(path: &Path) -> Result<File, PrivateFileError> {
    create_parent(path)?;
    let file = open_checked(path)?;
    let opened = file.metadata().map_err(|error| PrivateFileError::io(path, "look at", error))?;
    // A umask may have taken our own bits, and then the next open would fail.
    if system::mode(&opened) != 0o600 {
        // The lock holds no secret, and works with any mode that lets it be opened.
        let _ = system::close_existing(&file);
    }
    Ok(file)
}

/// Opens a plain file of ours for reading and writing, or makes it; never through a link.
fn open_checked(path: &Path) -> Result<File, PrivateFileError> {
    // Looked at first, so that the message says what is in the way.
    if let Some(seen) = look(path)? {
        check(path, &seen, u64::MAX)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = open(system::refuse_links(system::close_new(&mut options)), path)
        .map_err(|error| PrivateFileError::io(path, "open", error))?;
    let opened = file.metadata().map_err(|error| PrivateFileError::io(path, "look at", error))?;
    check(path, &opened, u64::MAX)?;
    Ok(file)
}

/// Describes a file without opening it or following a link; `None` when there is none.
pub(crate) fn look(path: &Path) -> Result<Option<Metadata>, PrivateFileError> {
    match fault_point(path).and_then(|()| fs::symlink_metadata(path)) {
        Ok(seen) => Ok(Some(seen)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PrivateFileError::io(path, "look at", error)),
    }
}

/// Removes a file for good; it is no error that there is none. Of a link only the link is removed.
/// A file that cannot be removed, since it is mounted by itself, is emptied.
pub(crate) fn remove(path: &Path) -> Result<(), PrivateFileError> {
    match fault_point(path).and_then(|()| fs::remove_file(path)) {
        Ok(()) => sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => {
            let error = PrivateFileError::io(path, "remove", error);
            let stuck = forbids_replacement(&error);
            if stuck && room::blank(path).is_ok() { Ok(()) } else { Err(error) }
        }
    }
}

/// Opens a file that exists, to take a lock on it.
pub(crate) fn open_existing(path: &Path) -> Result<File, PrivateFileError> {
    open(system::refuse_links(OpenOptions::new().read(true)), path)
        .map_err(|error| PrivateFileError::io(path, "open", error))
}

fn check(path: &Path, seen: &Metadata, largest: u64) -> Result<(), PrivateFileError> {
    let kind = seen.file_type();
    let problem = if kind.is_symlink() {
        Problem::Link
    } else if !kind.is_file() {
        Problem::NotAFile
    } else if !system::is_ours(seen) {
        Problem::OtherUser
    } else if seen.len() > largest {
        Problem::TooLarge
    } else {
        return Ok(());
    };
    Err(PrivateFileError::not_safe(path, problem))
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    fault_point(path)?;
    options.open(path)
}
