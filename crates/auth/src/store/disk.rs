//! Careful reading and writing of small private files.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use super::{Stamp, StoreError};
use crate::tokens::AuthFile;

#[cfg(test)]
pub(crate) mod faults;
#[cfg(test)]
use faults::pass;

/// Comes before each call of the system, where the tests let one fail.
#[cfg(not(test))]
fn pass(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// The most a sign-in file may hold, in bytes.
pub(super) const MAX_BYTES: u64 = 1 << 20;

/// Waits before each new look at a file that does not parse: other programs write in place, so
/// half a file may be seen.
const SECOND_LOOKS: [Duration; 3] =
    [Duration::from_millis(10), Duration::from_millis(30), Duration::from_millis(60)];

/// The wait while the file is being written: there is whole text in it again at any moment.
const BUSY_LOOK: Duration = Duration::from_millis(1);

/// Looks at most at a file that is written all the time.
const MOST_LOOKS: usize = 400;

/// Left-overs of a crash are swept when older than this; younger ones may be in use.
const LEFT_OVER: Duration = Duration::from_secs(3600);

/// Reads and parses a sign-in file. It counts as damaged when it stays unreadable while no one
/// writes it.
pub(super) fn load(path: &Path) -> Result<Option<AuthFile>, StoreError> {
    let (mut seen, mut quiet, mut busy) = (stamp(path)?, 0, false);
    for _ in 0..MOST_LOOKS {
        let Some(text) = read(path)? else { return Ok(None) };
        if let Ok(file) = AuthFile::parse(&text) {
            return Ok(Some(file));
        }
        let Some(wait) = SECOND_LOOKS.get(quiet) else { break };
        #[expect(clippy::disallowed_methods, reason = "a foreign writer announces nothing")]
        std::thread::sleep(if busy { BUSY_LOOK } else { *wait });
        let now = stamp(path)?;
        busy = now != seen;
        quiet = if busy { 0 } else { quiet + 1 };
        seen = now;
    }
    Err(StoreError::Corrupt { place: path.display().to_string() })
}

/// Reads a private file whole, up to [`MAX_BYTES`].
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let seen = match pass(path).and_then(|()| fs::symlink_metadata(path)) {
        Ok(seen) => seen,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(path, "look at", error)),
    };
    check(path, &seen)?;
    let file = match open(owned_open(OpenOptions::new().read(true)), path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(path, "open", error)),
    };
    let opened = file.metadata().map_err(|error| io_error(path, "look at", error))?;
    check(path, &opened)?;
    let mut text = Zeroizing::new(Vec::with_capacity(opened.len() as usize + 1));
    let mut limited = file.take(MAX_BYTES + 1);
    let read = pass(path).and_then(|()| limited.read_to_end(&mut text));
    read.map_err(|error| io_error(path, "read", error))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(unsafe_file(path, "is too large"));
    }
    Ok(Some(text))
}

fn check(path: &Path, seen: &Metadata) -> Result<(), StoreError> {
    let kind = seen.file_type();
    if kind.is_symlink() {
        return Err(unsafe_file(path, "is a symbolic link"));
    }
    if !kind.is_file() {
        return Err(unsafe_file(path, "is not a plain file"));
    }
    if !is_ours(seen) {
        return Err(unsafe_file(path, "belongs to another user"));
    }
    if seen.len() > MAX_BYTES {
        return Err(unsafe_file(path, "is too large"));
    }
    Ok(())
}

/// Describes the file without opening it.
pub(super) fn stamp(path: &Path) -> Result<Stamp, StoreError> {
    match pass(path).and_then(|()| fs::symlink_metadata(path)) {
        Ok(seen) => Ok(Stamp::File {
            length: seen.len(),
            modified: seen.modified().ok(),
            inode: inode(&seen),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Stamp::Absent),
        Err(error) => Err(io_error(path, "look at", error)),
    }
}

/// Makes the directory, closed to others, when it is not there.
pub(super) fn create_home(home: &Path) -> Result<(), StoreError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    pass(home).and_then(|()| builder.create(home)).map_err(|error| io_error(home, "create", error))
}

/// Opens the lock file, and makes it and its directory when they are not there.
pub(crate) fn open_lock(path: &Path) -> Result<File, StoreError> {
    if let Some(home) = path.parent() {
        create_home(home)?;
    }
    open(owned_open(OpenOptions::new().read(true).write(true).create(true).truncate(false)), path)
        .map_err(|error| io_error(path, "open", error))
}

/// A private file beside its target, not yet in place; dropping it removes it.
pub(super) struct Temp {
    path: PathBuf,
    file: File,
    placed: bool,
}

impl Temp {
    /// Makes the file and writes `size` blanks through to the disk, which claims the room.
    pub(super) fn create(target: &Path, size: usize) -> Result<Self, StoreError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let serial = COUNT.fetch_add(1, Ordering::Relaxed);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let stem = target.file_name().unwrap_or_default().to_string_lossy();
        let (id, nanos) = (std::process::id(), since.as_nanos());
        let path = target.with_file_name(format!(".{stem}.{id}-{serial}-{nanos}.tmp"));
        let file = open(owned_open(OpenOptions::new().write(true).create_new(true)), &path)
            .map_err(|error| io_error(&path, "create", error))?;
        let mut temp = Self { path, file, placed: false };
        temp.write(&vec![b' '; size])?;
        Ok(temp)
    }

    /// Puts the text in, over the blanks.
    pub(super) fn fill(&mut self, text: &[u8]) -> Result<(), StoreError> {
        self.file.rewind().map_err(|error| io_error(&self.path, "write", error))?;
        self.write(text)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        pass(&self.path)
            .and_then(|()| self.file.write_all(bytes))
            .and_then(|()| pass(&self.path))
            .and_then(|()| self.file.set_len(bytes.len() as u64))
            .and_then(|()| pass(&self.path))
            .and_then(|()| close_to_others(&self.file))
            .and_then(|()| pass(&self.path))
            .and_then(|()| self.file.sync_all())
            .map_err(|error| io_error(&self.path, "write", error))
    }

    /// Moves the file over its target.
    pub(super) fn place(mut self, target: &Path) -> Result<(), StoreError> {
        let moved = pass(target).and_then(|()| fs::rename(&self.path, target));
        moved.map_err(|error| io_error(target, "replace", error))?;
        self.placed = true;
        sync_directory(target)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.placed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Replaces a small file whole.
pub(crate) fn write(path: &Path, text: &[u8]) -> Result<(), StoreError> {
    if let Some(home) = path.parent() {
        create_home(home)?;
    }
    let mut temp = Temp::create(path, text.len())?;
    temp.fill(text)?;
    temp.place(path)
}

/// Removes a file for good; none there is as well. A link goes, and not what it points to.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match pass(path).and_then(|()| fs::remove_file(path)) {
        Ok(()) => sync_directory(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error(path, "remove", error)),
    }
}

/// Removes files of [`Temp`] that a crash left beside the target. What cannot be removed stays.
pub(crate) fn sweep(target: &Path) {
    for path in temps(target) {
        let age = fs::symlink_metadata(&path).and_then(|seen| seen.modified()).ok();
        let age = age.and_then(|modified| modified.elapsed().ok()).unwrap_or_default();
        if age > LEFT_OVER {
            let _ = fs::remove_file(path);
        }
    }
}

/// Removes all files of [`Temp`] beside the target, however young: the caller holds the lock under
/// which they are made.
pub(super) fn sweep_all(target: &Path) -> Result<(), StoreError> {
    // One that stays keeps none of the others.
    temps(target).map(|path| remove(&path)).fold(Ok(()), Result::and)
}

fn temps(target: &Path) -> impl Iterator<Item = PathBuf> {
    let stem = target.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{stem}.");
    let entries = target.parent().and_then(|home| fs::read_dir(home).ok());
    let names = entries.into_iter().flatten().flatten().map(|entry| entry.path());
    names.filter(move |path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&prefix) && name.ends_with(".tmp")
    })
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    pass(path)?;
    options.open(path)
}

pub(super) fn io_error(path: &Path, action: &'static str, source: io::Error) -> StoreError {
    StoreError::Io { place: path.display().to_string(), action, source }
}

fn unsafe_file(path: &Path, problem: &'static str) -> StoreError {
    StoreError::Unsafe { place: path.display().to_string(), problem }
}

/// Adds what keeps an open from following a link, waiting on a pipe, or making a readable file.
#[cfg(unix)]
fn owned_open(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.mode(0o600).custom_flags(flags.bits() as i32)
}

#[cfg(not(unix))]
fn owned_open(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// The mode asked for at creation is subject to the umask, which may have taken our own bits.
#[cfg(unix)]
fn close_to_others(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn close_to_others(_file: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn is_ours(seen: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(seen) == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn is_ours(_seen: &Metadata) -> bool {
    true
}

#[cfg(unix)]
fn inode(seen: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(seen)
}

#[cfg(not(unix))]
fn inode(_seen: &Metadata) -> u64 {
    0
}

/// A rename is durable once its directory is.
#[cfg(unix)]
fn sync_directory(target: &Path) -> Result<(), StoreError> {
    let home = target.parent().filter(|home| !home.as_os_str().is_empty());
    let home = home.unwrap_or_else(|| Path::new("."));
    let opened =
        pass(home).and_then(|()| File::open(home)).and_then(|directory| directory.sync_all());
    opened.map_err(|error| io_error(home, "write", error))
}

#[cfg(not(unix))]
fn sync_directory(_target: &Path) -> Result<(), StoreError> {
    Ok(())
}
