//! Tests of private files over real folders.

use super::*;

#[test]
fn what_is_written_is_read_and_nothing_is_left_next_to_it() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("deep").join("note.json");
    assert_eq!(read_private(&path).unwrap(), None);
    for text in ["a longer text", "short"] {
        write_private(&path, text.as_bytes()).unwrap();
        assert_eq!(read_private(&path).unwrap().unwrap().as_slice(), text.as_bytes());
    }
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[cfg(unix)]
mod unix {
    use std::fs::Permissions;
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_file_is_closed_to_others_and_a_link_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let (path, link) = (home.path().join("note.json"), home.path().join("link.json"));
        write_private(&path, b"{}").unwrap();
        assert_eq!(mode(&path), 0o600);
        symlink(&path, &link).unwrap();
        assert!(matches!(read_private(&link), Err(PrivateFileError::Unsafe { .. })));
    }

    #[test]
    fn an_opened_file_and_its_folder_are_closed_to_others() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("new").join("state").join("data");
        open_private(&path).unwrap().write_all(b"kept").unwrap();
        assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        drop(open_private(&path).unwrap());
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read(&path).unwrap(), b"kept", "it is not truncated");
    }

    #[test]
    fn a_folder_that_others_write_in_and_what_is_no_file_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data");
        let pipe = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(pipe.success());
        for open in [0o700, 0o777, 0o720] {
            fs::set_permissions(home.path(), Permissions::from_mode(open)).unwrap();
            let refused = open_private(&path);
            assert!(matches!(refused, Err(PrivateFileError::Unsafe { .. })), "{refused:?}");
        }
    }
}
