//! A file that is written next to its target and then moved over it.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::PrivateFileError;
use super::{fault_point, open, sync_folder, system};

/// Files that a crash left are swept when they are older than this; younger ones may be in use.
const LEFT_OVER: Duration = Duration::from_secs(3600);

/// A private file next to its target, not yet in place. Dropping it removes it.
pub(crate) struct TempFile {
    path: PathBuf,
    file: File,
    placed: bool,
}

impl TempFile {
    /// Makes the file and writes `size` blanks through to the disk, which reserves the space.
    pub(crate) fn create(target: &Path, size: usize) -> Result<Self, PrivateFileError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let serial = COUNT.fetch_add(1, Ordering::Relaxed);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let stem = target.file_name().unwrap_or_default().to_string_lossy();
        let (id, nanos) = (std::process::id(), since.as_nanos());
        let path = target.with_file_name(format!(".{stem}.{id}-{serial}-{nanos}.tmp"));
        let mut options = OpenOptions::new();
        let options = system::close_new(options.write(true).create_new(true));
        let file = open(system::refuse_links(options), &path)
            .map_err(|error| PrivateFileError::io(&path, "create", error))?;
        let mut temp = Self { path, file, placed: false };
        temp.write(&vec![b' '; size])?;
        Ok(temp)
    }

    /// Writes the text over the blanks.
    pub(crate) fn fill(&mut self, text: &[u8]) -> Result<(), PrivateFileError> {
        self.file.rewind().map_err(|error| PrivateFileError::io(&self.path, "write", error))?;
        self.write(text)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), PrivateFileError> {
        fault_point(&self.path)
            .and_then(|()| self.file.write_all(bytes))
            .and_then(|()| fault_point(&self.path))
            .and_then(|()| self.file.set_len(bytes.len() as u64))
            .and_then(|()| fault_point(&self.path))
            .and_then(|()| system::close_existing(&self.file))
            .and_then(|()| fault_point(&self.path))
            .and_then(|()| self.file.sync_all())
            .map_err(|error| PrivateFileError::io(&self.path, "write", error))
    }

    /// Moves the file over its target.
    pub(crate) fn place(mut self, target: &Path) -> Result<(), PrivateFileError> {
        let moved = fault_point(target).and_then(|()| fs::rename(&self.path, target));
        moved.map_err(|error| PrivateFileError::io(target, "replace", error))?;
        self.placed = true;
        sync_folder(target)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.placed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Lists the files that a crash left next to the target and that nobody can be writing any more.
pub(crate) fn old_left_overs(target: &Path) -> impl Iterator<Item = PathBuf> {
    left_overs(target).filter(|path| {
        let age = fs::symlink_metadata(path).and_then(|seen| seen.modified()).ok();
        let age = age.and_then(|modified| modified.elapsed().ok()).unwrap_or_default();
        age > LEFT_OVER
    })
}

/// Lists the files of unfinished saves next to the target, however young: a caller that holds the
/// lock under which they are made knows that nobody writes them.
pub(crate) fn left_overs(target: &Path) -> impl Iterator<Item = PathBuf> {
    let stem = target.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{stem}.");
    let entries = target.parent().and_then(|folder| fs::read_dir(folder).ok());
    let paths = entries.into_iter().flatten().flatten().map(|entry| entry.path());
    paths.filter(move |path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&prefix) && name.ends_with(".tmp")
    })
}
