//! Private files beside the sign-in, read and written with the same care as the sign-in itself.

use std::path::Path;

use crate::store::{StoreError, disk};

/// Reads a small file whole: at most 1 MiB, a plain file of our own user's, no link. `None` when
/// there is none. May block.
pub fn read_private(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(disk::read(path)?.map(|text| text.to_vec()))
}

/// Replaces a small file whole, so that a reader sees the old text or the new one, and no other
/// user sees either. Makes its directory when that is not there. May block.
pub fn write_private(path: &Path, text: &[u8]) -> Result<(), StoreError> {
    disk::sweep(path);
    disk::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_is_left_beside_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("deep").join("note.json");
        assert_eq!(read_private(&path).unwrap(), None);
        for text in ["a longer text", "short"] {
            write_private(&path, text.as_bytes()).unwrap();
            assert_eq!(read_private(&path).unwrap().unwrap(), text.as_bytes());
        }
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_closed_to_others_and_a_link_is_not_followed() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let home = tempfile::tempdir().unwrap();
        let (path, link) = (home.path().join("note.json"), home.path().join("link.json"));
        write_private(&path, b"{}").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        symlink(&path, &link).unwrap();
        assert!(matches!(read_private(&link), Err(StoreError::Unsafe { .. })));
    }
}
