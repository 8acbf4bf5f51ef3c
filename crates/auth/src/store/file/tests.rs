//! Tests of the file store over real directories.

use std::io::Write;

use super::*;
use crate::private::PrivateFileError;
use crate::tokens::AuthFile;
use crate::tokens::sample;
use time::OffsetDateTime;

fn file(token: &str) -> AuthFile {
    AuthFile::signed_in(&sample::grant(1, token), OffsetDateTime::UNIX_EPOCH)
}

fn home() -> (tempfile::TempDir, FileStore) {
    let home = tempfile::tempdir().unwrap();
    let store = FileStore::new(home.path());
    (home, store)
}

fn names(home: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(home)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn an_empty_home_holds_nothing_and_a_saved_sign_in_comes_back() {
    let (home, _) = home();
    let store = FileStore::new(home.path().join("a").join("b"));
    assert_eq!(store.load().unwrap(), None);
    assert_eq!(store.stamp().unwrap(), Stamp::Absent);
    store.save(&file("r")).unwrap();
    assert_eq!(store.load().unwrap().unwrap().render(), file("r").render());
    assert_eq!(names(store.path().parent().unwrap()), ["auth.json"]);
}

#[test]
fn every_save_changes_the_stamp() {
    let (_home, store) = home();
    store.save(&file("a")).unwrap();
    let before = store.stamp().unwrap();
    assert_eq!(store.stamp().unwrap(), before);
    let reservation = store.reserve(10).unwrap();
    reservation.commit(&store.load().unwrap().unwrap(), &file("b")).unwrap();
    assert_ne!(store.stamp().unwrap(), before);
}

#[test]
fn a_file_in_utf_16_is_told_so() {
    let (_home, store) = home();
    for mark in [b"\xff\xfe", b"\xfe\xff"] {
        fs::write(store.path(), [&mark[..], b"{\0}\0"].concat()).unwrap();
        let error = store.load().unwrap_err().to_string();
        assert!(
            error.ends_with("auth.json (in UTF-16, where UTF-8 is needed) is damaged"),
            "{error}"
        );
    }
}

#[test]
fn a_damaged_file_is_reported_and_left_alone() {
    let whole = file("r").render();
    for text in ["", "{", "null", "garbage", &whole[..whole.len() / 2]] {
        let (_home, store) = home();
        fs::write(store.path(), text).unwrap();
        assert!(matches!(store.load(), Err(StoreError::Corrupt { .. })), "{text:?}");
        let expected = file("r");
        let commit = store.reserve(10).unwrap().commit(&expected, &expected);
        assert!(matches!(commit, Err(StoreError::Corrupt { .. })), "{text:?}");
        assert_eq!(fs::read_to_string(store.path()).unwrap(), text);
    }
}

#[test]
fn a_new_sign_in_sets_a_damaged_file_aside() {
    let (home, store) = home();
    fs::write(store.path(), "half a fi").unwrap();
    store.save(&file("r")).unwrap();
    assert_eq!(names(home.path()), ["auth.json", "auth.json.corrupt"]);
    let aside = fs::read_to_string(home.path().join("auth.json.corrupt")).unwrap();
    assert_eq!(aside, "half a fi");
    assert!(store.load().unwrap().is_some());
}

#[test]
fn a_byte_order_mark_is_no_damage() {
    let (_home, store) = home();
    let text = format!("\u{feff}{}", *file("r").render());
    fs::write(store.path(), text.replace('\n', "\r\n")).unwrap();
    let stored = store.load().unwrap().unwrap();
    assert_eq!(stored.tokens().unwrap().refresh_token().unwrap().expose(), "r");
    store.reserve(10).unwrap().commit(&stored, &file("s")).unwrap();
    assert!(fs::read_to_string(store.path()).unwrap().starts_with('{'));
}

#[test]
fn a_commit_over_a_changed_file_writes_nothing() {
    let (home, store) = home();
    store.save(&file("theirs")).unwrap();
    let late = store.reserve(10).unwrap().commit(&file("seen"), &file("ours"));
    assert!(matches!(late, Err(StoreError::Changed { .. })));
    assert_eq!(store.load().unwrap().unwrap().render(), file("theirs").render());
    assert_eq!(names(home.path()), ["auth.json"]);
}

#[test]
fn a_commit_after_a_sign_out_brings_nothing_back() {
    let (home, store) = home();
    let late = store.reserve(10).unwrap().commit(&file("seen"), &file("ours"));
    assert!(matches!(late, Err(StoreError::Changed { .. })));
    assert!(names(home.path()).is_empty());
}

#[test]
fn a_reservation_is_as_large_as_asked_and_goes_when_dropped() {
    let (home, store) = home();
    let room = store.reserve(5000).unwrap();
    let [name] = &names(home.path())[..] else { panic!("one file expected") };
    assert_eq!(home.path().join(name).metadata().unwrap().len(), 5000);
    drop(room);
    assert!(names(home.path()).is_empty());
}

#[test]
fn old_left_overs_are_swept_and_young_ones_kept() {
    let (home, store) = home();
    let old = home.path().join(".auth.json.1-2-3.tmp");
    let young = home.path().join(".auth.json.4-5-6.tmp");
    let other = home.path().join(".other.1.tmp");
    for path in [&old, &young, &other] {
        fs::write(path, "x").unwrap();
    }
    for path in [&old, &other] {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    drop(store.reserve(1).unwrap());
    assert_eq!(names(home.path()), [".auth.json.4-5-6.tmp", ".other.1.tmp"]);
}

#[test]
fn a_directory_or_a_huge_file_is_refused() {
    let (_home, store) = home();
    fs::create_dir(store.path()).unwrap();
    assert!(matches!(store.load(), Err(StoreError::File(PrivateFileError::Unsafe { .. }))));
    assert!(store.save(&file("r")).is_err());
    fs::remove_dir(store.path()).unwrap();
    fs::write(store.path(), vec![b' '; (1 << 20) + 1]).unwrap();
    assert!(matches!(
        store.load(),
        Err(StoreError::File(PrivateFileError::Unsafe { problem: "is too large", .. }))
    ));
}

#[test]
fn a_writer_in_place_is_never_taken_for_damage() {
    let (_home, store) = home();
    store.save(&file("first")).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let texts = [file("one").render(), file("another-one").render()];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for text in texts.iter().cycle() {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let mut file = fs::File::create(store.path()).unwrap();
                let (head, tail) = text.as_bytes().split_at(text.len() / 2);
                file.write_all(head).and_then(|()| file.write_all(tail)).unwrap();
                file.sync_all().unwrap();
            }
        });
        let failed = (0..200).filter(|_| !matches!(store.load(), Ok(Some(_)))).count();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(failed, 0);
    });
}

#[test]
fn ten_thousand_reads_beside_a_writer_at_a_kilohertz_find_no_damage() {
    let (_home, store) = home();
    store.save(&file("first")).unwrap();
    let (stop, stopped) = std::sync::mpsc::channel();
    let texts = [file("one").render(), file("another-one").render()];
    std::thread::scope(|scope| {
        let path = store.path();
        let writing = scope.spawn(move || {
            let mut written = 0;
            let pause = std::time::Duration::from_millis(1);
            while stopped.recv_timeout(pause).is_err() {
                // Truncated and written at once, as the Python and the Codex program do.
                fs::write(path, texts[written % 2].as_bytes()).unwrap();
                written += 1;
            }
            written
        });
        let failed = (0..10_000).filter(|_| !matches!(store.load(), Ok(Some(_)))).count();
        stop.send(()).unwrap();
        assert!(writing.join().unwrap() > 50);
        assert_eq!(failed, 0);
    });
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::store::BorrowedStore;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_file_is_private_and_so_is_a_new_home() {
        let (home, _) = home();
        let inner = home.path().join("new");
        let store = FileStore::new(&inner);
        store.save(&file("r")).unwrap();
        assert_eq!((mode(store.path()), mode(&inner)), (0o600, 0o700));

        fs::set_permissions(store.path(), fs::Permissions::from_mode(0o644)).unwrap();
        let stored = store.load().unwrap().unwrap();
        store.reserve(1).unwrap().commit(&stored, &file("s")).unwrap();
        assert_eq!(mode(store.path()), 0o600);
    }

    #[test]
    fn a_link_of_the_person_stays_and_its_target_is_read_locked_and_replaced() {
        let (home, store) = home();
        let dotfiles = tempfile::tempdir().unwrap();
        let target = dotfiles.path().join("sign-in.json");
        fs::write(&target, &**file("r").render()).unwrap();
        symlink(&target, store.path()).unwrap();
        let stored = store.load().unwrap().unwrap();
        let locks = [dotfiles.path().join("auth.lock")];
        assert_eq!(store.lock_files().unwrap(), locks);
        let before = store.stamp().unwrap();
        let room = store.reserve(10).unwrap();
        assert_eq!(names(home.path()), ["auth.json"], "nothing is made next to the link");
        room.commit(&stored, &file("s")).unwrap();
        assert_ne!(store.stamp().unwrap(), before);
        assert_eq!(store.load().unwrap().unwrap().render(), file("s").render());
        assert_eq!(names(dotfiles.path()), ["sign-in.json"]);
        assert_eq!(mode(&target), 0o600);
        // A sign-out removes the tokens, and the next sign-in goes where the link leads.
        store.remove().unwrap();
        assert_eq!((store.load().unwrap(), target.exists()), (None, false));
        store.save(&file("t")).unwrap();
        assert!(store.path().symlink_metadata().unwrap().is_symlink() && target.is_file());
    }

    #[test]
    fn a_link_to_what_is_no_file_or_into_an_open_folder_is_refused() {
        let (home, store) = home();
        let shared = tempfile::tempdir().unwrap();
        let target = shared.path().join("sign-in.json");
        fs::write(&target, &**file("r").render()).unwrap();
        symlink(&target, store.path()).unwrap();
        for mode in [0o777, 0o1777, 0o720] {
            fs::set_permissions(shared.path(), fs::Permissions::from_mode(mode)).unwrap();
            let error = store.load().unwrap_err().to_string();
            assert!(error.contains("target of a link") && error.contains("go-w"), "{error}");
            assert!(store.save(&file("s")).is_err() && store.reserve(1).is_err());
        }
        for target in [home.path().to_owned(), "/dev/zero".into(), store.path().to_owned()] {
            fs::remove_file(store.path()).unwrap();
            symlink(&target, store.path()).unwrap();
            let refused = store.load();
            assert!(matches!(refused, Err(StoreError::File(_))), "{target:?}: {refused:?}");
        }
    }

    #[test]
    fn another_programs_file_is_read_through_a_link_and_left_as_it_is() {
        let (home, _) = home();
        let target = home.path().join("target.json");
        fs::write(&target, &**file("r").render()).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
        let link = home.path().join("link.json");
        symlink("target.json", &link).unwrap();
        let borrowed = BorrowedStore::new(&link);
        assert!(borrowed.load().unwrap().is_some());
        let before = borrowed.stamp().unwrap();
        fs::write(&target, &**file("longer-than-before").render()).unwrap();
        assert_ne!(borrowed.stamp().unwrap(), before, "the target is looked at, not the link");
        assert_eq!(mode(&target), 0o644);
    }

    #[test]
    fn a_mode_that_is_too_open_is_corrected_by_the_first_read() {
        let (home, store) = home();
        store.save(&file("r")).unwrap();
        fs::set_permissions(store.path(), fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(store.load().unwrap().is_some());
        assert_eq!((mode(store.path()), mode(home.path())), (0o600, 0o755));
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        let error = store.load().unwrap_err().to_string();
        assert!(error.contains("can be written in by other users"), "{error}");
    }

    #[test]
    fn a_pipe_is_refused_without_waiting() {
        let (_home, store) = home();
        let made = std::process::Command::new("mkfifo").arg(store.path()).status().unwrap();
        assert!(made.success());
        assert!(matches!(
            store.load(),
            Err(StoreError::File(PrivateFileError::Unsafe { problem: "is not a plain file", .. }))
        ));
        assert!(store.save(&file("s")).is_err());
    }

    #[test]
    fn a_file_of_another_user_is_refused() {
        let (_home, store) = home();
        store.save(&file("r")).unwrap();
        // Only root can give a file away; for others there is nothing to see here.
        if std::os::unix::fs::chown(store.path(), Some(4242), None).is_ok() {
            assert!(matches!(
                store.load(),
                Err(StoreError::File(PrivateFileError::Unsafe {
                    problem: "belongs to another user",
                    ..
                }))
            ));
        }
    }

    #[test]
    fn a_borrowed_store_writes_nothing() {
        let (home, store) = home();
        store.save(&file("r")).unwrap();
        let borrowed = BorrowedStore::new(store.path());
        assert!(borrowed.load().unwrap().is_some());
        assert!(matches!(borrowed.save(&file("s")), Err(StoreError::ReadOnly { .. })));
        assert!(matches!(borrowed.reserve(1), Err(StoreError::ReadOnly { .. })));
        assert!(borrowed.lock_files().unwrap().is_empty());
        assert_eq!(names(home.path()), ["auth.json"]);
    }
}
