//! Each call of the system on the way of a sign-in to the disk, failed once.

use time::OffsetDateTime;

use super::*;
use crate::private::faults::Fault;
use crate::tokens::sample;

fn file(refresh: &str) -> AuthFile {
    let file = AuthFile::signed_in(&sample::grant(1, refresh), OffsetDateTime::UNIX_EPOCH);
    AuthFile::parse(file.render().as_bytes()).unwrap()
}

fn signed_in() -> (tempfile::TempDir, AccountStore) {
    let folder = tempfile::tempdir().unwrap();
    let (file_store, location_file) =
        (FileStore::new(folder.path()), folder.path().join("generation"));
    let options = StoreOptions::new(StoreChoice::File, None);
    let store = AccountStore::new(file_store, location_file, "entry".to_owned(), &options);
    store.save(&file("old")).unwrap();
    (folder, store)
}

/// Runs the work once for each of its calls, with that call failing; returns the number of calls.
fn each_call(
    work: impl Fn(&AccountStore) -> Result<(), StoreError>,
    allowed: &[Option<&str>],
) -> usize {
    let done = allowed.last().copied().flatten();
    for nth in 1.. {
        let (folder, store) = signed_in();
        let fault = Fault::at(folder.path(), nth);
        let outcome = work(&store);
        let happened = fault.happened();
        drop(fault);
        let held = store.load().unwrap_or_else(|error| panic!("call {nth}: {error}"));
        let allowed = allowed.iter().any(|refresh| held == refresh.map(file));
        assert!(allowed, "call {nth} left something else");
        if outcome.is_ok() {
            assert_eq!(held, done.map(file), "call {nth} was said to be done");
        }
        let left = std::fs::read_dir(folder.path()).unwrap().flatten();
        let left = left.filter(|entry| entry.file_name().to_string_lossy().ends_with(".tmp"));
        assert_eq!(left.count(), 0, "call {nth} left a file behind");
        work(&store).unwrap_or_else(|error| panic!("after call {nth}: {error}"));
        if !happened {
            outcome.unwrap();
            return nth - 1;
        }
    }
    unreachable!("every work ends")
}

#[test]
fn a_save_leaves_the_old_sign_in_or_the_new_one() {
    let calls = each_call(|store| store.save(&file("new")), &[Some("old"), Some("new")]);
    assert!(calls > 15, "{calls} calls were failed");
}

#[test]
fn a_renewal_leaves_the_old_sign_in_or_the_new_one() {
    let renew = |store: &AccountStore| {
        let room = store.reserve(20_000)?;
        let held = store.load()?.ok_or_else(|| StoreError::Corrupt { place: String::new() })?;
        room.commit(&held, &file("new"))
    };
    let calls = each_call(renew, &[Some("old"), Some("new")]);
    assert!(calls > 12, "{calls} calls were failed");
}

#[test]
fn a_sign_out_leaves_the_sign_in_or_nothing() {
    let calls = each_call(|store| store.remove(), &[Some("old"), None]);
    assert!(calls > 5, "{calls} calls were failed");
}
