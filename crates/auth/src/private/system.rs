//! The differences between systems: modes, owners, links and mounts exist on Unix only.

#[cfg(not(unix))]
pub(super) use other::*;
#[cfg(unix)]
pub(super) use unix::*;

#[cfg(unix)]
mod unix {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
    use std::path::Path;

    use rustix::fs::OFlags;
    use rustix::io::Errno;

    const OTHERS_WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    const ROOT: u32 = 0;

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

    /// Takes the right to write in a folder from other users.
    pub(in crate::private) fn close_to_writers(folder: &Path, seen: &Metadata) -> io::Result<()> {
        let mode = seen.mode() & 0o7777 & !OTHERS_WRITE;
        std::fs::set_permissions(folder, Permissions::from_mode(mode))
    }

    /// Returns whether the file belongs to this process's user.
    pub(in crate::private) fn is_ours(seen: &Metadata) -> bool {
        seen.uid() == rustix::process::geteuid().as_raw()
    }

    /// Returns whether the folder belongs to the system's administrator, who can change all of it
    /// anyway: container engines make the folder of a file that is mounted by itself so.
    pub(in crate::private) fn is_the_systems(folder: &Metadata) -> bool {
        folder.uid() == ROOT
    }

    /// Returns whether both have the same owner.
    pub(in crate::private) fn has_owner_of(file: &Metadata, folder: &Metadata) -> bool {
        file.uid() == folder.uid()
    }

    /// Returns whether other users may write in the folder.
    pub(in crate::private) fn is_open_to_writers(folder: &Metadata) -> bool {
        folder.mode() & OTHERS_WRITE != 0
    }

    /// Returns whether a folder is shared by design, as `/tmp` is.
    pub(in crate::private) fn is_shared(folder: &Metadata) -> bool {
        folder.mode() & STICKY != 0
    }

    /// Returns whether other users may read or write the file.
    pub(in crate::private) fn is_open_to_others(file: &Metadata) -> bool {
        file.mode() & 0o077 != 0
    }

    /// The permission bits.
    pub(in crate::private) fn mode(seen: &Metadata) -> u32 {
        seen.mode() & 0o777
    }

    /// Returns whether this process has too many files open.
    pub(in crate::private) fn is_out_of_handles(error: &io::Error) -> bool {
        let code = Errno::from_io_error(error);
        code == Some(Errno::MFILE) || code == Some(Errno::NFILE)
    }

    /// Returns whether an error says that a file cannot be replaced or that no file can be made
    /// next to it, while the file itself may be writable.
    pub(in crate::private) fn forbids_replacement(error: &io::Error) -> bool {
        let code = Errno::from_io_error(error);
        [Errno::BUSY, Errno::XDEV, Errno::ROFS, Errno::ACCESS, Errno::PERM]
            .into_iter()
            .any(|known| code == Some(known))
    }

    /// Returns whether this user may make files in a folder.
    pub(in crate::private) fn may_write_in(folder: &Path) -> bool {
        let wanted = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
        rustix::fs::access(folder, wanted).is_ok()
    }

    /// Takes disk blocks for a file without changing its length. A file system that cannot do that
    /// is no reason to fail: then the write itself is the test.
    #[cfg(target_os = "linux")]
    pub(in crate::private) fn take_room(file: &File, size: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        match fallocate(file, FallocateFlags::KEEP_SIZE, 0, size) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
            taken => Ok(taken?),
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(in crate::private) fn take_room(_file: &File, _size: u64) -> io::Result<()> {
        Ok(())
    }

    /// Returns whether a file is a mount point, as when it alone is mounted into a container. Such a
    /// file cannot be replaced by a rename.
    #[cfg(target_os = "linux")]
    pub(in crate::private) fn is_mount_point(path: &Path) -> bool {
        let Ok(real) = path.canonicalize() else { return false };
        let Ok(mounts) = std::fs::read("/proc/self/mountinfo") else { return false };
        let mut fields = mounts
            .split(|byte| *byte == b'\n')
            .filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
        let real = real.as_os_str().as_encoded_bytes();
        fields.any(|place| unescaped(place) == real)
    }

    #[cfg(not(target_os = "linux"))]
    pub(in crate::private) fn is_mount_point(_path: &Path) -> bool {
        false
    }

    /// A path of the kernel's list of mounts, where blanks and the like are `\ooo`.
    #[cfg(target_os = "linux")]
    fn unescaped(place: &[u8]) -> Vec<u8> {
        let (mut plain, mut rest) = (Vec::with_capacity(place.len()), place);
        while let [first, tail @ ..] = rest {
            let octal = tail.get(..3).filter(|_| *first == b'\\');
            let octal = octal.and_then(|digits| std::str::from_utf8(digits).ok());
            match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
                Some(byte) => (plain.push(byte), rest = &tail[3..]),
                None => (plain.push(*first), rest = tail),
            };
        }
        plain
    }

    #[cfg(all(test, target_os = "linux"))]
    mod tests {
        #[test]
        fn the_kernels_escapes_are_read() {
            assert_eq!(super::unescaped(br"/a\040b\134c\"), br"/a b\c\");
        }
    }
}

#[cfg(not(unix))]
mod other {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

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

    pub(in crate::private) fn close_to_writers(_folder: &Path, _seen: &Metadata) -> io::Result<()> {
        Ok(())
    }

    pub(in crate::private) fn is_ours(_seen: &Metadata) -> bool {
        true
    }

    pub(in crate::private) fn is_the_systems(_folder: &Metadata) -> bool {
        false
    }

    pub(in crate::private) fn has_owner_of(_file: &Metadata, _folder: &Metadata) -> bool {
        true
    }

    pub(in crate::private) fn is_open_to_writers(_folder: &Metadata) -> bool {
        false
    }

    pub(in crate::private) fn is_shared(_folder: &Metadata) -> bool {
        false
    }

    pub(in crate::private) fn is_open_to_others(_file: &Metadata) -> bool {
        false
    }

    pub(in crate::private) fn mode(_seen: &Metadata) -> u32 {
        0
    }

    pub(in crate::private) fn is_out_of_handles(_error: &io::Error) -> bool {
        false
    }

    pub(in crate::private) fn forbids_replacement(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::PermissionDenied
    }

    pub(in crate::private) fn may_write_in(_folder: &Path) -> bool {
        true
    }

    pub(in crate::private) fn take_room(_file: &File, _size: u64) -> io::Result<()> {
        Ok(())
    }

    pub(in crate::private) fn is_mount_point(_path: &Path) -> bool {
        false
    }
}
