//! The lock that lets one program at a time renew or replace a sign-in.
//!
//! It is an advisory lock of the system on a file, so the kernel releases it when its holder dies: a
//! file that is created and removed would stay behind after a kill and keep everybody out. Waiting
//! polls, from 5 ms up to 200 ms, instead of blocking a thread, because a blocking wait cannot be
//! cancelled. The price is up to 200 ms after a release, next to a call of the issuer that takes
//! longer.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::private::{PrivateFileError, open_lock};

/// The longest wait for a lock: longer than another program's renewal may take.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(45);

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A held lock. Dropping it releases it.
#[derive(Debug)]
pub struct HomeLock {
    _file: File,
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

impl HomeLock {
    /// Waits up to `limit` for the lock file at `path`, which is made when it does not exist.
    pub async fn acquire(path: &Path, limit: Duration) -> Result<Self, LockError> {
        let file = open_lock(path)?;
        let deadline = Instant::now() + limit;
        let mut pause = FIRST_PAUSE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::ActiveRequests { path: path.display().to_string() });
                }
                // Some network and container file systems have no locks. Usually one program works
                // there alone, and a sign-in that can never be renewed would be worse.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    tracing::warn!(path = %path.display(), "the file system has no locks");
                    return Ok(Self { _file: file });
                }
                Err(TryLockError::Error(source)) => {
                    return Err(PrivateFileError::io(path, "lock", source).into());
                }
            }
            sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_holder_waits_for_the_first() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("deep").join("auth.lock");
        let first = HomeLock::acquire(&path, LOCK_WAIT).await.unwrap();
        let busy = HomeLock::acquire(&path, Duration::ZERO).await;
        assert!(matches!(busy, Err(LockError::ActiveRequests { .. })));
        let waiter = {
            let path = path.clone();
            tokio::spawn(async move { HomeLock::acquire(&path, LOCK_WAIT).await.is_ok() })
        };
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        drop(first);
        assert!(waiter.await.unwrap());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_lock_file_is_private_and_never_a_link() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("auth.lock");
        drop(HomeLock::acquire(&path, LOCK_WAIT).await.unwrap());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);

        let link = home.path().join("link.lock");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let refused = HomeLock::acquire(&link, LOCK_WAIT).await;
        assert!(matches!(refused, Err(LockError::File(PrivateFileError::Io { .. }))));
    }
}
