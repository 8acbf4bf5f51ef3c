//! What differs between systems: modes, owners and links exist on Unix only.

#[cfg(not(unix))]
pub(super) use other::*;
#[cfg(unix)]
pub(super) use unix::*;

#[cfg(unix)]
mod unix {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};

    use rustix::fs::OFlags;

    const OTHERS_WRITE: u32 = 0o022;

    /// Makes new folders closed to other users.
    pub(in crate::private) fn close_folder(builder: &mut DirBuilder) {
        builder.mode(0o700);
    }

    /// Makes a new file closed to other users.
    pub(in crate::private) fn close_new(options: &mut OpenOptions) -> &mut OpenOptions {
        options.mode(0o600)
    }

    /// Keeps an open from following a link or waiting on a pipe.
    pub(in crate::private) fn refuse_links(options: &mut OpenOptions) -> &mut OpenOptions {
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
    }

    /// Closes a file that exists: the mode asked for at creation is subject to the umask, which
    /// may have taken our own bits, and an older file may have any mode.
    pub(in crate::private) fn close_existing(file: &File) -> io::Result<()> {
        file.set_permissions(Permissions::from_mode(0o600))
    }

    /// Returns whether the file belongs to this process's user.
    pub(in crate::private) fn is_ours(seen: &Metadata) -> bool {
        seen.uid() == rustix::process::geteuid().as_raw()
    }

    /// Returns whether both have the same owner.
    pub(in crate::private) fn has_owner_of(file: &Metadata, folder: &Metadata) -> bool {
        file.uid() == folder.uid()
    }

    /// Returns whether other users may write in the folder.
    pub(in crate::private) fn is_open_to_writers(folder: &Metadata) -> bool {
        folder.mode() & OTHERS_WRITE != 0
    }
}

#[cfg(not(unix))]
mod other {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions};
    use std::io;

    pub(in crate::private) fn close_folder(_builder: &mut DirBuilder) {}

    pub(in crate::private) fn close_new(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    pub(in crate::private) fn refuse_links(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    pub(in crate::private) fn close_existing(_file: &File) -> io::Result<()> {
        Ok(())
    }

    pub(in crate::private) fn is_ours(_seen: &Metadata) -> bool {
        true
    }

    pub(in crate::private) fn has_owner_of(_file: &Metadata, _folder: &Metadata) -> bool {
        true
    }

    pub(in crate::private) fn is_open_to_writers(_folder: &Metadata) -> bool {
        false
    }
}
