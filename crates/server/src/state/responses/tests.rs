//! Tests of the store: owners, restarts, a directory that cannot be used.

use std::path::Path;

use super::*;

const NOW: u64 = 1_800_000_000;

fn owner(account: Option<&str>, key: Option<&str>) -> Owner {
    Owner { account: account.map(str::to_owned), key: key.map(str::to_owned) }
}

fn me() -> Owner {
    owner(Some("acct-1"), None)
}

fn stored(text: &str) -> StoredResponse {
    let (input, response) = (format!("[{text}]").into(), format!("{{{text}}}").into());
    StoredResponse::new(NOW, input, response)
}

fn memory() -> ResponseStore {
    ResponseStore::open(StoreSettings::default(), NOW).unwrap()
}

fn settings(directory: &Path) -> StoreSettings {
    StoreSettings { directory: Some(directory.to_owned()), ..StoreSettings::default() }
}

fn disk(directory: &Path) -> ResponseStore {
    ResponseStore::open(settings(directory), NOW).unwrap()
}

fn refused(directory: &Path) -> StoreError {
    ResponseStore::open(settings(directory), NOW).err().unwrap()
}

#[tokio::test]
async fn what_is_kept_is_given_and_deleted_once() {
    let store = memory();
    store.insert(me().key("resp_1"), stored("1"), NOW);
    assert_eq!(*store.get(&me(), "resp_1", NOW).unwrap(), stored("1"));
    assert!(store.get(&me(), "resp_2", NOW).is_none());
    store.delete(&me(), "resp_1").await.unwrap();
    assert_eq!(store.delete(&me(), "resp_1").await.unwrap_err().status(), 404);
    assert!(store.get(&me(), "resp_1", NOW).is_none());
}

#[tokio::test]
async fn only_the_account_and_key_that_made_it_find_a_response() {
    let owners = [
        owner(None, None),
        owner(Some(""), None),
        owner(None, Some("")),
        owner(Some("a"), None),
        owner(None, Some("a")),
        owner(Some("a"), Some("b")),
        owner(Some("ab"), Some("")),
        owner(Some(""), Some("ab")),
    ];
    for (mine, maker) in owners.iter().enumerate() {
        let store = memory();
        store.insert(maker.key("resp_1"), stored("1"), NOW);
        for (theirs, other) in owners.iter().enumerate() {
            let found = store.get(other, "resp_1", NOW).is_some();
            assert_eq!(found, mine == theirs, "{mine} {theirs}");
            assert!(mine == theirs || store.delete(other, "resp_1").await.is_err());
        }
        store.delete(maker, "resp_1").await.unwrap();
    }
}

#[test]
fn what_is_not_there_is_worded_as_at_openai() {
    let store = memory();
    let failure = store.find(&me(), "resp_x", NOW).unwrap_err();
    assert_eq!(failure.status(), 404);
    assert_eq!(failure.message, "Response with id 'resp_x' not found.");
    assert_eq!((failure.param, failure.code), (None, None));
    let failure = store.previous(&me(), "resp_x", NOW).unwrap_err();
    assert_eq!(failure.status(), 400);
    assert_eq!(failure.message, "Previous response with id 'resp_x' not found.");
    assert_eq!(failure.param.as_deref(), Some("previous_response_id"));
    assert_eq!(failure.code.as_deref(), Some("previous_response_not_found"));
}

#[test]
fn the_defaults_bound_count_and_age() {
    let store = memory();
    for number in 0..1_001 {
        store.insert(me().key(&format!("resp_{number}")), stored("1"), NOW);
    }
    assert!(store.get(&me(), "resp_0", NOW).is_none());
    let day = 24 * 3600;
    assert!(store.get(&me(), "resp_1", NOW + day - 1).is_some());
    assert!(store.get(&me(), "resp_1", NOW + day).is_none());
}

#[tokio::test]
async fn a_restart_finds_what_was_kept_and_not_what_was_deleted() {
    let home = tempfile::tempdir().unwrap();
    let store = disk(home.path());
    for number in 1..=3 {
        store.insert(me().key(&format!("resp_{number}")), stored(&number.to_string()), NOW);
    }
    store.delete(&me(), "resp_2").await.unwrap();
    drop(store);

    let store = disk(home.path());
    assert_eq!(*store.get(&me(), "resp_1", NOW).unwrap(), stored("1"));
    assert_eq!(*store.get(&me(), "resp_3", NOW).unwrap(), stored("3"));
    assert!(store.get(&me(), "resp_2", NOW).is_none());
    assert!(store.get(&owner(Some("acct-2"), None), "resp_1", NOW).is_none());
    assert!(store.get(&me(), "resp_1", NOW + 24 * 3600).is_none());
    store.delete(&me(), "resp_1").await.unwrap();
    drop(store);
    assert!(disk(home.path()).get(&me(), "resp_1", NOW).is_none());
}

#[test]
fn a_restart_goes_on_with_the_order_and_smaller_bounds() {
    let home = tempfile::tempdir().unwrap();
    let store = disk(home.path());
    for number in 0..20 {
        store.insert(me().key(&format!("resp_{number}")), stored("1"), NOW);
    }
    drop(store);
    for (max_count, left) in [(5, 15..20), (1_000, 15..20)] {
        let store =
            ResponseStore::open(StoreSettings { max_count, ..settings(home.path()) }, NOW).unwrap();
        let there = |n: &i32| store.get(&me(), &format!("resp_{n}"), NOW).is_some();
        assert_eq!((0..20).filter(there).collect::<Vec<_>>(), left.collect::<Vec<_>>());
    }
    let store =
        ResponseStore::open(StoreSettings { max_count: 5, ..settings(home.path()) }, NOW).unwrap();
    store.insert(me().key("resp_20"), stored("1"), NOW);
    assert!(store.get(&me(), "resp_15", NOW).is_none());
    assert!(store.get(&me(), "resp_16", NOW).is_some());
}

/// The bytes of all files in a directory.
fn on_disk(directory: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(directory).unwrap();
    files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn no_text_of_a_conversation_is_ever_on_the_disk() {
    let home = tempfile::tempdir().unwrap();
    let store = disk(home.path());
    for number in 0..20 {
        let text = stored(&format!("the secret of number {number}"));
        store.insert(me().key(&format!("resp_{number}")), text, NOW);
    }
    drop(store);
    assert!(!contains(&on_disk(home.path()), "the secret"));
    let store = disk(home.path());
    let read = store.get(&me(), "resp_7", NOW).unwrap();
    assert!(contains(&read.input, "the secret of number 7"));
}

#[tokio::test]
async fn the_key_of_a_deleted_response_is_gone_when_the_deletion_is_answered() {
    let home = tempfile::tempdir().unwrap();
    let store = disk(home.path());
    let keys = || std::fs::read(home.path().join("responses.keys")).unwrap();
    store.insert(me().key("resp_1"), stored("1"), NOW);
    store.insert(me().key("resp_2"), stored("2"), NOW);
    // A deletion waits for its turn at the writer, so that what was kept before it is written.
    store.insert(me().key("resp_3"), stored("3"), NOW);
    store.delete(&me(), "resp_3").await.unwrap();
    drop(store);
    let before = keys();
    let store = disk(home.path());
    store.delete(&me(), "resp_1").await.unwrap();
    let (before, after) =
        (before.as_chunks::<32>().0.to_vec(), keys().as_chunks::<32>().0.to_vec());
    let destroyed = before.iter().zip(&after).filter(|(before, after)| before != after);
    assert_eq!(destroyed.map(|(_, after)| *after).collect::<Vec<_>>(), [[0; 32]]);
}

#[test]
fn what_expires_leaves_the_disk_too() {
    let home = tempfile::tempdir().unwrap();
    let store = disk(home.path());
    store.insert(me().key("resp_1"), stored("1"), NOW);
    store.expire(NOW + 24 * 3600);
    drop(store);
    assert!(disk(home.path()).get(&me(), "resp_1", NOW).is_none());
}

#[test]
fn much_coming_and_going_keeps_the_file_bounded() {
    let home = tempfile::tempdir().unwrap();
    let bounds = StoreSettings { max_bytes: 1024 * 1024, ..settings(home.path()) };
    let large = "x".repeat(100_000);
    for round in 0..4 {
        let store = ResponseStore::open(bounds.clone(), NOW).unwrap();
        for number in 0..100 {
            store.insert(me().key(&format!("resp_{round}_{number}")), stored(&large), NOW);
        }
    }
    let size = home.path().join("responses.redb").metadata().unwrap().len();
    assert!(size < 8 * 1024 * 1024, "{size}");
}

#[tokio::test]
async fn an_answer_that_its_process_did_not_finish_is_a_failed_one_for_the_next() {
    let home = tempfile::tempdir().unwrap();
    let response = r#"{"id":"resp_1","status":"in_progress","background":true,"error":null}"#;
    let store = disk(home.path());
    store.insert(me().key("resp_1"), StoredResponse::new(NOW, "[]".into(), response.into()), NOW);
    drop(store);
    let kept = disk(home.path()).get(&me(), "resp_1", NOW).unwrap();
    assert!(kept.is_of_background() && !kept.is_open());
    let text = String::from_utf8(kept.response.to_vec()).unwrap();
    assert!(text.contains(r#""status":"failed""#) && text.contains("server_restarted"), "{text}");
}

#[test]
fn a_second_process_is_told_that_the_directory_is_in_use() {
    let home = tempfile::tempdir().unwrap();
    let _first = disk(home.path());
    let error = refused(home.path());
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains("a directory of its own"), "{error}");
}

#[tokio::test]
async fn what_is_too_old_goes_though_nothing_comes() {
    let store = Arc::new(memory());
    let long_ago = unix_now() - 25 * 3600;
    store.insert(me().key("resp_1"), stored("1"), long_ago);
    let sweep = tokio::spawn(ResponseStore::sweep(Arc::downgrade(&store)));
    tokio::task::yield_now().await;
    assert!(store.get(&me(), "resp_1", long_ago).is_none());
    sweep.abort();
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn directory_and_file_are_closed_to_others() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("new/state");
        let file = directory.join("responses.redb");
        drop(disk(&directory));
        assert_eq!((mode(&directory), mode(&file)), (0o700, 0o600));
        fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
        drop(disk(&directory));
        assert_eq!(mode(&file), 0o600);
    }

    #[test]
    fn a_directory_that_others_write_in_is_refused() {
        let home = tempfile::tempdir().unwrap();
        for open in [0o777, 0o1777, 0o720] {
            fs::set_permissions(home.path(), Permissions::from_mode(open)).unwrap();
            let error = refused(home.path());
            assert!(matches!(error, StoreError::Unsafe { .. }), "{error:?}");
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn what_is_on_the_disk_takes_no_memory_in_a_lean_store_and_is_found_all_the_same() {
    const MIB: usize = 1024 * 1024;
    let home = tempfile::tempdir().unwrap();
    let bounds = || StoreSettings {
        lean: true,
        max_count: 1_000,
        max_bytes: 256 * MIB,
        ..settings(home.path())
    };
    let text = |number: usize| format!("answer-{number:03} {}", "x".repeat(MIB));
    let name = |number: usize| me().key(&format!("key-{number}"));
    let store = ResponseStore::open(bounds(), NOW).unwrap();
    for number in 0..200 {
        let stored = StoredResponse::new(NOW, "[]".into(), text(number).into());
        store.insert(name(number), stored, NOW);
        if number % 32 == 31 {
            // The disk of this test takes what is offered; a slow one would have the oldest dropped.
            is_written(&store).await;
        }
    }
    is_written(&store).await;
    let held = store.with(|memory| memory.held());
    assert!(held <= 200 * 2, "{held} bytes of 200 MiB are in memory");
    let whole = async |store: &ResponseStore, number: usize| {
        let found = store.by_name(&name(number), NOW)?;
        assert!(found.is_released() && found.response.is_empty());
        store.whole(&name(number), found).await
    };
    assert_eq!(whole(&store, 7).await.unwrap().response, text(7));
    drop(store);
    let store = ResponseStore::open(bounds(), NOW).unwrap();
    assert_eq!(store.with(|memory| memory.held()), 200 * 2);
    assert_eq!(whole(&store, 199).await.unwrap().response, text(199));
    let found = store.with_text(&me().key(""), "answer-042").await;
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [name(42)]);
    store.erase(|own, _| *own == name(42)).await.unwrap();
    assert!(store.by_name(&name(42), NOW).is_none());
}

/// Waits until the disk has what is in the memory now.
async fn is_written(store: &ResponseStore) {
    for _ in 0..2 {
        // The first look may have begun before; what it finds is written before the second begins.
        let _ = store.writer.as_ref().unwrap().forgotten().await;
    }
}
