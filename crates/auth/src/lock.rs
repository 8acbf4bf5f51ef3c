//! The lock that lets one program at a time renew or replace a sign-in.
//!
//! It is an advisory lock of the system on a file, so the kernel releases it when its holder dies: a
//! file that is created and removed would stay behind after a kill and keep everybody out. Waiting
//! polls, from 5 ms up to 200 ms, instead of blocking a thread, because a blocking wait cannot be
//! cancelled. The price is up to 200 ms after a release, next to a call of the issuer that takes
//! longer.
//!
//! A sign-in that is mounted by itself into a container has its lock file in a folder that nobody
//! else sees, so there the sign-in is locked as well: it is written in place, so it stays the same
//! file for all who share it.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::private::{
    PrivateFileError, forbids_replacement, is_replaceable, look, open_existing, open_lock, place_of,
};

/// The longest wait for a lock: longer than another program's renewal may take.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(45);

/// The lock file, next to the sign-in.
const LOCK: &str = "auth.lock";
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// The longest note in a lock file, in bytes.
const LONGEST_NOTE: u64 = 4096;

/// A held lock. Dropping it releases it.
#[derive(Debug)]
pub struct HomeLock {
    /// The lock file, where one could be made.
    lock: Option<File>,
    /// The sign-in itself, where it is locked, too.
    _sign_in: Option<File>,
}

/// Why a lock could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another program held it all the time.
    #[error("another program holds the lock {path}")]
    ActiveRequests {
        /// The lock file.
        path: String,
    },
    /// The lock file could not be opened or locked.
    #[error(transparent)]
    File(#[from] PrivateFileError),
}

/// Returns the files that are locked for a sign-in: the lock file in the folder where the sign-in
/// really is and, where the sign-in cannot be replaced, the sign-in itself.
pub(crate) fn lock_files(sign_in: &Path) -> Result<Vec<PathBuf>, PrivateFileError> {
    let place = place_of(sign_in)?;
    let mut files = vec![place.with_file_name(LOCK)];
    if look(&place)?.is_some() && !is_replaceable(&place) {
        files.push(place);
    }
    Ok(files)
}

impl HomeLock {
    /// Waits up to `limit` for all of the files. The first is made when it does not exist; where its
    /// folder does not allow that, the second alone is the lock.
    pub(crate) async fn acquire(files: &[PathBuf], limit: Duration) -> Result<Self, LockError> {
        let deadline = Instant::now() + limit;
        let mut held = Self { lock: None, _sign_in: None };
        let (lock, sign_in) = (files.first(), files.get(1));
        if let Some(path) = lock {
            match open_lock(path) {
                Ok(file) => held.lock = Some(wait(file, path, deadline).await?),
                Err(error) if forbids_replacement(&error) && sign_in.is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(path) = sign_in {
            held._sign_in = Some(wait(open_existing(path)?, path, deadline).await?);
        }
        Ok(held)
    }

    /// Reads the note that an earlier holder left in the lock file; an empty one without any.
    pub(crate) fn note(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let Some(mut file) = self.lock.as_ref() else { return text };
        // A note is for later only, and one that cannot be read is the same as none.
        let _ = file.rewind().and_then(|()| file.take(LONGEST_NOTE).read_to_end(&mut text));
        text
    }

    /// Leaves a note in the lock file, for the next holder.
    pub(crate) fn leave_note(&self, text: &[u8]) {
        let Some(mut file) = self.lock.as_ref() else { return };
        let written =
            file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(text));
        if let Err(error) = written {
            tracing::debug!(%error, "the lock file does not take a note");
        }
    }
}

async fn wait(file: File, path: &Path, deadline: Instant) -> Result<File, LockError> {
    let mut pause = FIRST_PAUSE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::ActiveRequests { path: path.display().to_string() });
            }
            // Some network and container file systems have no locks. Usually one program works
            // there alone, and a sign-in that can never be renewed would be worse.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                tracing::warn!(path = %path.display(), "the file system has no locks");
                return Ok(file);
            }
            Err(TryLockError::Error(source)) => {
                return Err(PrivateFileError::io(path, "lock", source).into());
            }
        }
        sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_holder_waits_for_the_first() {
        let home = tempfile::tempdir().unwrap();
        let files = [home.path().join("deep").join("auth.lock")];
        let first = HomeLock::acquire(&files, LOCK_WAIT).await.unwrap();
        let busy = HomeLock::acquire(&files, Duration::ZERO).await;
        assert!(matches!(busy, Err(LockError::ActiveRequests { .. })));
        let waiter = {
            let files = files.clone();
            tokio::spawn(async move { HomeLock::acquire(&files, LOCK_WAIT).await.is_ok() })
        };
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        drop(first);
        assert!(waiter.await.unwrap());
    }

    #[tokio::test]
    async fn a_note_is_there_for_the_next_holder_and_is_replaced_whole() {
        let home = tempfile::tempdir().unwrap();
        let files = [home.path().join("auth.lock")];
        for (before, note) in [("", "a longer note"), ("a longer note", "short"), ("short", "")] {
            let lock = HomeLock::acquire(&files, LOCK_WAIT).await.unwrap();
            assert_eq!(lock.note(), before.as_bytes());
            lock.leave_note(note.as_bytes());
            assert_eq!(lock.note(), note.as_bytes());
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_lock_file_is_private_and_never_a_link() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("auth.lock");
        drop(HomeLock::acquire(std::slice::from_ref(&path), LOCK_WAIT).await.unwrap());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);

        let (link, folder) = (home.path().join("link.lock"), home.path().join("folder.lock"));
        std::os::unix::fs::symlink(&path, &link).unwrap();
        std::fs::create_dir(&folder).unwrap();
        for (path, why) in [(link, "is a symbolic link"), (folder, "is not a plain file")] {
            let refused = HomeLock::acquire(&[path], LOCK_WAIT).await.unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
