//! A file that no other user of the system can read, in a directory that none can write in.

use std::fs::{DirBuilder, File, OpenOptions};
use std::path::Path;

use super::StoreError;

/// Makes the directory where it is not there, and opens or makes the file in it.
pub(super) fn open(directory: &Path, path: &Path) -> Result<File, StoreError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    close_directory(&mut builder);
    builder.create(directory).map_err(StoreError::io(directory))?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    close_file(&mut options);
    let place = directory.metadata().map_err(StoreError::io(directory))?;
    check_directory(directory, &place)?;
    let file = options.open(path).map_err(StoreError::io(path))?;
    check_file(path, &place, &file)?;
    Ok(file)
}

#[cfg(unix)]
use unix::{check_directory, check_file, close_directory, close_file};

#[cfg(unix)]
mod unix {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
    use std::path::Path;

    use super::super::StoreError;

    const OTHERS_WRITE: u32 = 0o022;

    pub(super) fn close_directory(builder: &mut DirBuilder) {
        builder.mode(0o700);
    }

    pub(super) fn close_file(options: &mut OpenOptions) {
        options.mode(0o600);
    }

    pub(super) fn check_directory(path: &Path, place: &Metadata) -> Result<(), StoreError> {
        if place.mode() & OTHERS_WRITE != 0 {
            return Err(unsafe_place(path, "can be written in by other users"));
        }
        Ok(())
    }

    /// The mode of a new file is subject to nothing but the umask, that of an old one to history.
    pub(super) fn check_file(path: &Path, place: &Metadata, file: &File) -> Result<(), StoreError> {
        let found = file.metadata().map_err(StoreError::io(path))?;
        if !found.is_file() {
            return Err(unsafe_place(path, "is not a plain file"));
        }
        if found.uid() != place.uid() {
            return Err(unsafe_place(path, "belongs to another user than its directory"));
        }
        file.set_permissions(Permissions::from_mode(0o600)).map_err(StoreError::io(path))
    }

    fn unsafe_place(path: &Path, problem: &'static str) -> StoreError {
        StoreError::Unsafe { path: path.to_owned(), problem }
    }
}

#[cfg(not(unix))]
fn close_directory(_: &mut DirBuilder) {}

#[cfg(not(unix))]
fn close_file(_: &mut OpenOptions) {}

#[cfg(not(unix))]
fn check_directory(_: &Path, _: &std::fs::Metadata) -> Result<(), StoreError> {
    Ok(())
}

#[cfg(not(unix))]
fn check_file(_: &Path, _: &std::fs::Metadata, _: &File) -> Result<(), StoreError> {
    Ok(())
}
