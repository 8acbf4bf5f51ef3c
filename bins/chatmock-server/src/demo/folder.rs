//! The folder of a demo. A demo that is killed leaves it behind, so the next one of the same person removes it.
//!
//! The lock on a file in it tells whether its demo still runs: the system releases a lock with the process, however
//! that ends.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// The beginning of the names of such folders.
const PREFIX: &str = "chatmock-demo-";

/// The file that is locked while the demo runs.
const LOCK: &str = "lock";

/// The name of that file until it is locked.
const UNLOCKED: &str = "lock.new";

/// A folder that only this person can open. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Folder {
    /// Closed before the folder is removed, which some systems demand.
    _lock: File,
    folder: TempDir,
}

impl Folder {
    /// Creates a folder among the temporary files, and removes those of demos that were killed.
    pub(super) fn create() -> io::Result<Self> {
        let parent = std::env::temp_dir();
        remove_dead(&parent);
        Self::create_in(&parent)
    }

    fn create_in(parent: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = builder.prefix(PREFIX).tempdir_in(parent)?;
        // It gets its name once it is locked: no other demo finds it without a lock while this one runs.
        let unlocked = folder.path().join(UNLOCKED);
        let lock = File::create_new(&unlocked)?;
        lock.lock()?;
        fs::rename(unlocked, folder.path().join(LOCK))?;
        Ok(Self { _lock: lock, folder })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders of demos that run no more. What cannot be read or removed stays.
fn remove_dead(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    let named = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)));
    for path in named.map(|entry| entry.path()).filter(|path| is_own(path)) {
        let Ok(lock) = open_lock(&path.join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Opens the lock of another demo, unless it is a link.
fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    }
    options.read(true).write(true).open(path)
}

/// Returns whether a path is a folder of this person, and no link to one.
fn is_own(path: &Path) -> bool {
    let Ok(metadata) = fs::symlink_metadata(path) else { return false };
    #[cfg(unix)]
    let own = std::os::unix::fs::MetadataExt::uid(&metadata) == rustix::process::geteuid().as_raw();
    // Elsewhere the folder for temporary files is a person's own.
    #[cfg(not(unix))]
    let own = true;
    own && metadata.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaves a folder as a demo does that is killed.
    fn killed(parent: &Path) -> std::path::PathBuf {
        let Folder { _lock, folder } = Folder::create_in(parent).unwrap();
        fs::write(folder.path().join("auth.json"), "{}").unwrap();
        folder.keep()
    }

    #[test]
    fn only_folders_of_demos_that_run_no_more_are_removed() {
        let parent = TempDir::new().unwrap();
        let dead = [killed(parent.path()), killed(parent.path())];
        let running = Folder::create_in(parent.path()).unwrap();
        let (begun, other) =
            (parent.path().join("chatmock-demo-begun"), parent.path().join("mine"));
        for folder in [&begun, &other] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(other.join(LOCK), "").unwrap();
        remove_dead(parent.path());
        assert!(dead.iter().all(|folder| !folder.exists()));
        assert!([running.path(), &begun, &other].iter().all(|folder| folder.exists()));
        let path = running.path().to_owned();
        drop(running);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn nothing_behind_a_link_is_removed() {
        let (parent, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let dead = killed(elsewhere.path());
        std::os::unix::fs::symlink(&dead, parent.path().join("chatmock-demo-link")).unwrap();
        let linked = killed(parent.path());
        fs::remove_file(linked.join(LOCK)).unwrap();
        std::os::unix::fs::symlink(dead.join(LOCK), linked.join(LOCK)).unwrap();
        remove_dead(parent.path());
        assert!(dead.join("auth.json").exists() && linked.exists());
    }
}
