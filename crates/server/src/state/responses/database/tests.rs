//! Tests of the database: what is damaged is refused, what has failed is opened anew.

use std::fs;
use std::sync::Arc;

use super::*;
use crate::state::responses::StoredResponse;

fn entry(number: u64, text: &str) -> (StoreKey, Entry) {
    let (input, response) = (format!("[{text}]").into(), format!("{{{text}}}").into());
    let stored = Arc::new(StoredResponse::new(number, input, response));
    (StoreKey::from(number.to_le_bytes()), Entry { number, stored_at: number, stored })
}

fn shown(records: &[(StoreKey, Entry)]) -> Vec<String> {
    records.iter().map(|record| format!("{record:?}")).collect()
}

#[test]
fn records_come_back_in_the_order_of_keeping() {
    let home = tempfile::tempdir().unwrap();
    let entries = [entry(300, "third"), entry(1, ""), entry(256, "second")];
    let (mut database, records) = ResponseDatabase::open(home.path(), false).unwrap();
    assert!(records.is_empty());
    database.follow(&entries).unwrap();
    drop(database);
    let [third, first, second] = entries;
    let records = ResponseDatabase::open(home.path(), false).unwrap().1;
    assert_eq!(shown(&records), shown(&[first, second, third]));
}

#[test]
fn a_database_that_failed_is_opened_anew_and_catches_up() {
    let home = tempfile::tempdir().unwrap();
    let (mut database, _) = ResponseDatabase::open(home.path(), false).unwrap();
    database.follow(&[entry(1, "a"), entry(2, "b")]).unwrap();
    database.open = None;
    database.written.clear();
    database.follow(&[entry(2, "b"), entry(3, "c")]).unwrap();
    drop(database);
    let records = ResponseDatabase::open(home.path(), false).unwrap().1;
    assert_eq!(shown(&records), shown(&[entry(2, "b"), entry(3, "c")]));
}

#[test]
fn what_a_killed_process_had_written_is_there() {
    let (home, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut database, _) = ResponseDatabase::open(home.path(), false).unwrap();
    database.follow(&[entry(1, "a")]).unwrap();
    database.follow(&[entry(1, "a"), entry(2, "b")]).unwrap();
    // The files as they stand while they are open, which no one closes.
    for file in [FILE, keys::FILE] {
        fs::copy(home.path().join(file), copy.path().join(file)).unwrap();
    }
    let records = ResponseDatabase::open(copy.path(), false).unwrap().1;
    assert_eq!(shown(&records), shown(&[entry(1, "a"), entry(2, "b")]));
}

#[test]
fn a_record_of_another_shape_is_damage() {
    let home = tempfile::tempdir().unwrap();
    let (mut database, _) = ResponseDatabase::open(home.path(), false).unwrap();
    let open = database.open.as_mut().unwrap();
    let (slot, mut record) = (open.keys().create().unwrap(), vec![0xff; 40]);
    open.keys().seal(slot, b"key", &mut record).unwrap();
    let write = open.database.begin_write().unwrap();
    write.open_table(TABLE).unwrap().insert(&b"key"[..], (slot, &record[..])).unwrap();
    write.commit().unwrap();
    drop(database);
    let error = ResponseDatabase::open(home.path(), false).err().unwrap();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

#[test]
fn what_was_forgotten_is_gone_though_its_transaction_never_came() {
    let home = tempfile::tempdir().unwrap();
    let entries = [entry(1, "a"), entry(2, "b")];
    let (mut database, _) = ResponseDatabase::open(home.path(), false).unwrap();
    database.follow(&entries).unwrap();
    database.forget(&entries[1..]).unwrap();
    drop(database);
    let (mut database, records) = ResponseDatabase::open(home.path(), false).unwrap();
    assert_eq!(shown(&records), shown(&entries[1..]));
    // The next write removes what is left of it.
    database.follow(&entries[1..]).unwrap();
    let mut rows = 0;
    each(&database.open.as_ref().unwrap().database, |_, _, _| rows += 1).unwrap();
    assert_eq!(rows, 1);
}

#[test]
fn a_key_in_the_place_of_a_destroyed_one_opens_no_older_record() {
    let home = tempfile::tempdir().unwrap();
    let (mut database, _) = ResponseDatabase::open(home.path(), false).unwrap();
    database.follow(&[entry(1, "a")]).unwrap();
    database.forget(&[]).unwrap();
    // The place is used again, and the transaction that would have removed the old record does not come.
    assert_eq!(database.open.as_mut().unwrap().keys().create().unwrap(), 0);
    drop(database);
    assert!(ResponseDatabase::open(home.path(), false).unwrap().1.is_empty());
}

#[test]
fn plain_records_of_former_versions_are_sealed_at_the_start() {
    const PLAIN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("responses");
    let home = tempfile::tempdir().unwrap();
    let entries = [entry(1, "a former secret"), entry(2, "another secret")];
    let plain = create(&home.path().join(FILE)).unwrap();
    for (key, entry) in &entries {
        let write = plain.begin_write().unwrap();
        let record = record::write(entry);
        write.open_table(PLAIN).unwrap().insert(&**key, record.as_slice()).unwrap();
        write.commit().unwrap();
    }
    drop(plain);
    let old = fs::File::open(home.path().join(FILE)).unwrap();
    for _ in 0..2 {
        assert_eq!(shown(&ResponseDatabase::open(home.path(), false).unwrap().1), shown(&entries));
    }
    let mut former = Vec::new();
    std::io::Read::read_to_end(&mut &old, &mut former).unwrap();
    assert!(!former.is_empty() && former.iter().all(|byte| *byte == 0));
    let now = fs::read(home.path().join(FILE)).unwrap();
    assert!(!now.windows(6).any(|window| window == b"secret"));
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(FILE);
    for text in [&b"hello"[..], &[0; 5000], &[0xff; 100_000]] {
        fs::write(&file, text).unwrap();
        let error = ResponseDatabase::open(home.path(), false).err().unwrap();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains("move it away"), "{error}");
        assert_eq!(fs::read(&file).unwrap(), text);
    }
}

#[test]
fn no_changed_or_missing_byte_is_taken_for_a_conversation() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(FILE);
    let entries = [entry(1, &"a".repeat(3_000)), entry(2, "b")];
    let (mut database, _) = ResponseDatabase::open(home.path(), false).unwrap();
    database.follow(&entries).unwrap();
    drop(database);
    let whole = fs::read(&file).unwrap();
    let states = [Vec::new(), shown(&entries)];
    let check = |bytes: &[u8], what: &str| {
        fs::write(&file, bytes).unwrap();
        if let Ok((_, records)) = ResponseDatabase::open(home.path(), false) {
            assert!(states.contains(&shown(&records)), "{what}");
        }
    };
    for at in (0..400).chain((400..whole.len()).step_by(997)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        check(&bytes, &format!("byte {at}"));
    }
    for cut in (1..whole.len()).step_by(1 + whole.len() / 40) {
        check(&whole[..cut], &format!("cut at {cut}"));
    }
}
