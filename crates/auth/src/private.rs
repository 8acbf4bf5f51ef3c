//! Private files: made, read, replaced and removed so that no other user sees or steers them.
//!
//! Everything that this workspace keeps for itself on disk goes through here, because each rule is
//! easy to forget at one of several places: mode 0600 in folders of mode 0700, no link followed, no
//! wait on a pipe, nothing read that another user owns, and a file replaced whole, by a rename that
//! is written through, so that a crash leaves the old text or the new one. A crate such as
//! `tempfile` covers the rename alone. The price is a second file and two `fsync` calls for each
//! save, which happen about once an hour.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

mod error;
#[cfg(test)]
pub(crate) mod faults;
mod system;
mod temp;
#[cfg(test)]
mod tests;

pub use error::PrivateFileError;
#[cfg(test)]
use faults::fault_point;
pub(crate) use temp::{TempFile, sweep, sweep_all};

/// Precedes each call of the system; the tests let one of them fail.
#[cfg(not(test))]
fn fault_point(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a small private file whole: at most 1 MiB, a plain file of this user, no link. Returns
/// `None` when there is no file. May block.
pub fn read_private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, PrivateFileError> {
    let Some(seen) = look(path)? else { return Ok(None) };
    check(path, &seen)?;
    let file = match open(system::refuse_links(OpenOptions::new().read(true)), path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PrivateFileError::io(path, "open", error)),
    };
    // Another file may have come into its place between the look and the open.
    let opened = file.metadata().map_err(|error| PrivateFileError::io(path, "look at", error))?;
    check(path, &opened)?;
    let mut text = Zeroizing::new(Vec::with_capacity(opened.len() as usize + 1));
    let mut limited = file.take(MAX_BYTES + 1);
    let read = fault_point(path).and_then(|()| limited.read_to_end(&mut text));
    read.map_err(|error| PrivateFileError::io(path, "read", error))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(PrivateFileError::not_safe(path, "is too large"));
    }
    Ok(Some(text))
}

/// Replaces a small file whole, so that a reader sees the old text or the new one. Makes its folder
/// when that does not exist. May block.
pub fn write_private(path: &Path, text: &[u8]) -> Result<(), PrivateFileError> {
    sweep(path);
    create_parent(path)?;
    let mut temp = TempFile::create(path, text.len())?;
    temp.fill(text)?;
    temp.place(path)
}

/// Opens a file for reading and writing in a folder that a person chose, and makes both when they
/// do not exist. May block.
///
/// The folder's owner decides here, not this process's user, and a link is followed: such a folder
/// may lie on another volume, and root may serve the files of somebody else. In return, a folder in
/// which other users may write is refused.
pub fn open_private(path: &Path) -> Result<File, PrivateFileError> {
    let folder = parent_of(path);
    create_folder(folder)?;
    let place =
        folder.metadata().map_err(|error| PrivateFileError::io(folder, "look at", error))?;
    if system::is_open_to_writers(&place) {
        return Err(PrivateFileError::not_safe(folder, "can be written in by other users"));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = open(system::close_new(&mut options), path)
        .map_err(|error| PrivateFileError::io(path, "open", error))?;
    let opened = file.metadata().map_err(|error| PrivateFileError::io(path, "look at", error))?;
    if !opened.is_file() {
        return Err(PrivateFileError::not_safe(path, "is not a plain file"));
    }
    if !system::has_owner_of(&opened, &place) {
        return Err(PrivateFileError::not_safe(path, "belongs to another user than its directory"));
    }
    system::close_existing(&file)
        .map_err(|error| PrivateFileError::io(path, "change the mode of", error))?;
    Ok(file)
}

/// Opens a lock file, and makes it and its folder when they do not exist.
pub(crate) fn open_lock(path: &Path) -> Result<File, PrivateFileError> {
    create_parent(path)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    open(system::refuse_links(system::close_new(&mut options)), path)
        .map_err(|error| PrivateFileError::io(path, "open", error))
}

/// Describes a file without opening it or following a link; `None` when there is none.
pub(crate) fn look(path: &Path) -> Result<Option<Metadata>, PrivateFileError> {
    match fault_point(path).and_then(|()| fs::symlink_metadata(path)) {
        Ok(seen) => Ok(Some(seen)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PrivateFileError::io(path, "look at", error)),
    }
}

/// Makes the folder of a file, closed to other users, when it does not exist.
pub(crate) fn create_parent(path: &Path) -> Result<(), PrivateFileError> {
    path.parent().map_or(Ok(()), create_folder)
}

/// Removes a file for good; it is no error that there is none. Of a link only the link is removed.
pub(crate) fn remove(path: &Path) -> Result<(), PrivateFileError> {
    match fault_point(path).and_then(|()| fs::remove_file(path)) {
        Ok(()) => sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(PrivateFileError::io(path, "remove", error)),
    }
}

fn create_folder(folder: &Path) -> Result<(), PrivateFileError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    system::close_folder(&mut builder);
    let created = fault_point(folder).and_then(|()| builder.create(folder));
    created.map_err(|error| PrivateFileError::io(folder, "create", error))
}

fn check(path: &Path, seen: &Metadata) -> Result<(), PrivateFileError> {
    let kind = seen.file_type();
    let problem = if kind.is_symlink() {
        "is a symbolic link"
    } else if !kind.is_file() {
        "is not a plain file"
    } else if !system::is_ours(seen) {
        "belongs to another user"
    } else if seen.len() > MAX_BYTES {
        "is too large"
    } else {
        return Ok(());
    };
    Err(PrivateFileError::not_safe(path, problem))
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    fault_point(path)?;
    options.open(path)
}

/// Writes the folder of a file through to the disk: until then a rename in it is not durable.
fn sync_folder(path: &Path) -> Result<(), PrivateFileError> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let folder = parent_of(path);
    let synced = fault_point(folder).and_then(|()| File::open(folder)?.sync_all());
    synced.map_err(|error| PrivateFileError::io(folder, "write", error))
}

/// The folder of a path; a bare name lies in the working directory.
fn parent_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    parent.unwrap_or_else(|| Path::new("."))
}
