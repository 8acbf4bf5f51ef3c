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
    fn a_file_that_is_opened_is_never_a_link() {
        let home = tempfile::tempdir().unwrap();
        let (path, link) = (home.path().join("data"), home.path().join("link"));
        fs::write(&path, "theirs").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        symlink(&path, &link).unwrap();
        let refused = open_private(&link).unwrap_err().to_string();
        assert!(refused.contains("is a symbolic link"), "{refused}");
        assert_eq!(mode(&path), 0o644, "nothing happens to the target");
    }

    #[test]
    fn what_another_user_owns_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data");
        write_private(&path, b"{}").unwrap();
        // Only root can give a folder away; for others there is nothing to see here.
        if std::os::unix::fs::chown(home.path(), Some(61_002), None).is_ok() {
            for refused in [
                open_private(&path).map(drop),
                read_private(&path).map(drop),
                write_private(&path, b"[]"),
                open_lock(&home.path().join("auth.lock")).map(drop),
                check_folder(home.path()),
            ] {
                let error = refused.unwrap_err().to_string();
                assert!(error.contains("belongs to another user"), "{error}");
            }
        }
    }

    #[test]
    fn more_than_the_usual_size_is_read_where_it_is_allowed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data");
        write_private(&path, &vec![b' '; 2 << 20]).unwrap();
        assert!(matches!(read_private(&path), Err(PrivateFileError::Unsafe { .. })));
        assert_eq!(read_private_up_to(&path, 2 << 20).unwrap().unwrap().len(), 2 << 20);
        assert!(read_private_up_to(&path, (2 << 20) - 1).is_err());
    }

    #[test]
    fn a_lock_file_without_a_mode_can_be_opened_again() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("auth.lock");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
        // Root opens anything; others could not have opened this one.
        if open_lock(&path).is_ok() {
            assert_eq!(mode(&path), 0o600);
        }
    }

    #[test]
    fn a_file_that_cannot_be_replaced_is_written_in_place() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data");
        for (before, after) in [("a longer text", "short"), ("short", "a longer text")] {
            fs::write(&path, before).unwrap();
            let inode = std::os::unix::fs::MetadataExt::ino(&path.metadata().unwrap());
            let room = Room::take_in_place(&path, 100).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), before, "room is no length");
            room.put(after.as_bytes(), || Ok::<_, PrivateFileError>(())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), after);
            assert_eq!(std::os::unix::fs::MetadataExt::ino(&path.metadata().unwrap()), inode);
        }
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
