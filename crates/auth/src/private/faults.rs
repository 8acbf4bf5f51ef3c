//! One failing call of the system: the n-th below a folder.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

static ARMED: Mutex<Vec<Armed>> = Mutex::new(Vec::new());

struct Armed {
    folder: PathBuf,
    left: usize,
}

/// A fault that waits for its call; dropping it takes it back.
pub(crate) struct Fault(PathBuf);

impl Fault {
    /// Lets the n-th call below a folder fail, counted from 1, whichever thread makes it.
    pub(crate) fn at(folder: &Path, nth: usize) -> Self {
        let armed = Armed { folder: folder.to_owned(), left: nth };
        ARMED.lock().unwrap_or_else(PoisonError::into_inner).push(armed);
        Self(folder.to_owned())
    }

    /// Returns whether it has happened.
    pub(crate) fn happened(&self) -> bool {
        let armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        armed.iter().any(|fault| fault.folder == self.0 && fault.left == 0)
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        armed.retain(|fault| fault.folder != self.0);
    }
}

/// Comes before each call of the system.
pub(super) fn fault_point(path: &Path) -> io::Result<()> {
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(fault) = armed.iter_mut().find(|fault| path.starts_with(&fault.folder)) else {
        return Ok(());
    };
    if fault.left == 0 {
        return Ok(());
    }
    fault.left -= 1;
    if fault.left == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}
