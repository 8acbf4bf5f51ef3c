//! A listening socket in the file system, which only its owner can use.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use rustix::fs::Mode;

use super::BACKLOG;
use crate::exit::ExitError;

/// The bits that are taken from the mode of the socket: its owner alone may connect.
const MASK: u32 = 0o177;

/// A socket with a path, which is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct UnixSocket {
    path: PathBuf,
    /// The device and the number of the file.
    file: (u64, u64),
    listener: UnixListener,
}

impl UnixSocket {
    /// Makes the socket. One that a program left behind when it was killed is replaced.
    ///
    /// # Errors
    /// When another program listens there, and when the path is anything but a socket.
    pub(crate) fn bind(path: &Path) -> Result<Self, ExitError> {
        remove_abandoned(path)?;
        let shown = path.display();
        let bind = || -> io::Result<Self> {
            // The mode is right from the beginning, and not only once it is changed.
            let before = rustix::process::umask(Mode::from_raw_mode(MASK));
            let bound = UnixListener::bind(path);
            rustix::process::umask(before);
            let listener = bound?;
            rustix::net::listen(&listener, BACKLOG)?;
            listener.set_nonblocking(true)?;
            let made = path.symlink_metadata()?;
            Ok(Self { path: path.to_owned(), file: (made.dev(), made.ino()), listener })
        };
        Ok(bind().with_context(|| format!("cannot listen on unix:{shown}"))?)
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the listening end.
    pub(crate) fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let is_ours = |found: &std::fs::Metadata| (found.dev(), found.ino()) == self.file;
        if self.path.symlink_metadata().is_ok_and(|found| is_ours(&found)) {
            // A socket that stays behind is replaced at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Removes the socket of a program that has ended.
fn remove_abandoned(path: &Path) -> Result<(), ExitError> {
    let shown = path.display();
    let Ok(found) = path.symlink_metadata() else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(ExitError::Settings(anyhow!(
            "--listen unix:{shown}: there is something else at this path; choose another"
        )));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            let removed = std::fs::remove_file(path);
            Ok(removed.with_context(|| format!("cannot replace the old socket {shown}"))?)
        }
        Ok(_) => Err(ExitError::PortTaken(anyhow!(
            "unix:{shown} is in use: stop the program that listens there, or choose another path \
             with --listen"
        ))),
        Err(error) => {
            Err(ExitError::Other(anyhow!(error).context(format!("cannot use unix:{shown}"))))
        }
    }
}
