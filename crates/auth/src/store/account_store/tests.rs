//! Tests of account stores: where a sign-in is stored, and which of two places is used.

use std::collections::BTreeMap;
use std::sync::Mutex;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::super::UnknownStore;
use super::*;
use crate::store::{KeyringLimits, Vault, VaultError};
use crate::tokens::sample;

/// A keyring in memory that can be locked.
#[derive(Clone, Default)]
struct Memory {
    entries: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    locked: Arc<AtomicBool>,
}

impl Memory {
    fn open(&self) -> Result<(), VaultError> {
        if self.locked.load(Ordering::SeqCst) { Err(VaultError::Locked) } else { Ok(()) }
    }

    fn lock(&self, locked: bool) {
        self.locked.store(locked, Ordering::SeqCst);
    }

    fn len(&self) -> usize {
        self.entries.lock().unwrap().len()
    }

    fn keyring(&self) -> Keyring {
        let memory = self.clone();
        let limits = KeyringLimits {
            wait: std::time::Duration::from_secs(10),
            value: 500,
            rest: std::time::Duration::ZERO,
        };
        Keyring::over(move || Ok(Box::new(memory.clone())), limits)
    }
}

impl Vault for Memory {
    fn read(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        self.open()?;
        Ok(self.entries.lock().unwrap().get(entry).cloned().map(Zeroizing::new))
    }
    fn write(&self, entry: &str, value: &[u8]) -> Result<(), VaultError> {
        self.open()?;
        self.entries.lock().unwrap().insert(entry.to_owned(), value.to_vec());
        Ok(())
    }
    fn delete(&self, entry: &str) -> Result<(), VaultError> {
        self.open()?;
        self.entries.lock().unwrap().remove(entry);
        Ok(())
    }
}

fn file(refresh: &str) -> AuthFile {
    let file = AuthFile::signed_in(&sample::grant(1, refresh), OffsetDateTime::UNIX_EPOCH);
    AuthFile::parse(file.render().as_bytes()).unwrap()
}

fn store(home: &Path, options: &StoreOptions) -> AccountStore {
    let (file, location_file) = (FileStore::new(home), home.join("generation"));
    AccountStore::new(file, location_file, "entry".to_owned(), options)
}

struct Harness {
    _home: tempfile::TempDir,
    path: PathBuf,
    memory: Memory,
}

impl Harness {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { path: home.path().to_owned(), _home: home, memory: Memory::default() }
    }

    fn store(&self, choice: StoreChoice) -> AccountStore {
        store(&self.path, &StoreOptions::new(choice, Some(self.memory.keyring())))
    }

    fn has_file(&self) -> bool {
        self.path.join("auth.json").exists()
    }
}

#[test]
fn a_word_chooses_the_store() {
    for (word, choice) in [
        ("auto", StoreChoice::Auto),
        ("keyring", StoreChoice::Keyring),
        ("file", StoreChoice::File),
    ] {
        assert_eq!(word.parse(), Ok(choice));
    }
    assert_eq!("Keyring".parse::<StoreChoice>(), Err(UnknownStore));
}

#[test]
fn a_sign_in_goes_to_the_keyring_and_leaves_no_file() {
    let harness = Harness::new();
    let store = harness.store(StoreChoice::Auto);
    assert_eq!(store.stamp().unwrap(), Stamp::Absent);
    store.save(&file("first")).unwrap();
    assert!(!harness.has_file());
    assert!(harness.memory.len() > 1, "it is larger than one entry takes");
    assert_eq!(store.stamp().unwrap(), Stamp::Generation(1));
    assert_eq!(store.description(), "the keyring");
    assert_eq!(harness.store(StoreChoice::File).load().unwrap(), Some(file("first")));
    store.save(&file("second")).unwrap();
    assert_eq!(store.stamp().unwrap(), Stamp::Generation(2));
    let note = std::fs::read_to_string(harness.path.join("generation")).unwrap();
    assert!(note.contains("user@example.org") && !note.contains("second"), "{note}");
    assert!(note.contains(r#""place":"keyring""#), "{note}");
    store.remove().unwrap();
    assert_eq!((store.load().unwrap(), harness.memory.len()), (None, 0));
    assert_eq!(store.stamp().unwrap(), Stamp::Absent);
}

#[test]
fn a_locked_keyring_makes_way_for_the_file_unless_it_was_insisted_on() {
    let harness = Harness::new();
    harness.memory.lock(true);
    let refused = harness.store(StoreChoice::Keyring).save(&file("x"));
    assert!(matches!(refused, Err(StoreError::Keyring(_))));
    assert!(!harness.has_file());
    let store = harness.store(StoreChoice::Auto);
    store.save(&file("first")).unwrap();
    assert!(harness.has_file() && store.options.warned.load(Ordering::SeqCst));
    assert_eq!(store.load().unwrap(), Some(file("first")));
    harness.memory.lock(false);
    store.save(&file("second")).unwrap();
    assert!(!harness.has_file());
    assert_eq!(store.load().unwrap(), Some(file("second")));
}

#[test]
fn without_a_keyring_the_file_is_used_and_nobody_is_warned() {
    let home = tempfile::tempdir().unwrap();
    let store = store(home.path(), &StoreOptions::new(StoreChoice::Auto, None));
    store.save(&file("x")).unwrap();
    assert_eq!(store.load().unwrap(), Some(file("x")));
    assert!(!store.options.warned.load(Ordering::SeqCst));
}

#[test]
fn a_file_that_another_program_writes_counts_before_the_keyring() {
    let harness = Harness::new();
    let store = harness.store(StoreChoice::Auto);
    store.save(&file("ours")).unwrap();
    let before = store.stamp().unwrap();
    std::fs::write(harness.path.join("auth.json"), file("theirs").render().as_bytes()).unwrap();
    assert_ne!(store.stamp().unwrap(), before);
    assert_eq!(store.load().unwrap(), Some(file("theirs")));
    // A renewal leaves it where that program finds it.
    let room = store.reserve(10).unwrap();
    room.commit(&file("theirs"), &file("renewed")).unwrap();
    assert!(harness.has_file());
    assert_eq!(store.load().unwrap(), Some(file("renewed")));
}

#[test]
fn moving_to_the_file_takes_the_sign_in_out_of_the_keyring() {
    let harness = Harness::new();
    harness.store(StoreChoice::Keyring).save(&file("first")).unwrap();
    harness.store(StoreChoice::File).save(&file("second")).unwrap();
    assert_eq!(harness.memory.len(), 0);
    assert_eq!(harness.store(StoreChoice::Auto).load().unwrap(), Some(file("second")));
}

#[test]
fn a_renewal_in_the_keyring_is_refused_over_a_changed_sign_in() {
    let harness = Harness::new();
    let store = harness.store(StoreChoice::Auto);
    store.save(&file("first")).unwrap();
    store.reserve(10).unwrap().commit(&file("first"), &file("second")).unwrap();
    assert_eq!(store.load().unwrap(), Some(file("second")));
    let late = store.reserve(10).unwrap().commit(&file("first"), &file("third"));
    assert!(matches!(late, Err(StoreError::Changed { .. })));
    store.remove().unwrap();
    let late = store.reserve(10).unwrap().commit(&file("second"), &file("third"));
    assert!(matches!(late, Err(StoreError::Changed { .. })), "a sign-out stands");
    assert_eq!(store.load().unwrap(), None);
}

#[test]
fn a_keyring_that_goes_away_during_a_renewal_does_not_cost_the_tokens() {
    let harness = Harness::new();
    let store = harness.store(StoreChoice::Auto);
    store.save(&file("first")).unwrap();
    let room = store.reserve(10_000).unwrap();
    harness.memory.lock(true);
    room.commit(&file("first"), &file("second")).unwrap();
    assert_eq!(store.load().unwrap(), Some(file("second")));
    assert!(harness.has_file());

    let harness = Harness::new();
    let store = harness.store(StoreChoice::Keyring);
    store.save(&file("first")).unwrap();
    let room = store.reserve(10_000).unwrap();
    harness.memory.lock(true);
    let refused = room.commit(&file("first"), &file("second"));
    assert!(matches!(refused, Err(StoreError::Keyring(_))), "the keeper tries again later");
    assert!(!harness.has_file());
}

#[test]
fn what_the_keyring_holds_must_be_a_sign_in() {
    let harness = Harness::new();
    let store = harness.store(StoreChoice::Auto);
    store.save(&file("canary")).unwrap();
    harness.memory.keyring().write(&store.entry, b"canary").unwrap();
    let error = store.load().unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }));
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_fallback_is_said_once_and_says_how_to_change_it() {
    let (harness, log) = (Harness::new(), Log::default());
    harness.memory.lock(true);
    let options = StoreOptions::new(StoreChoice::Auto, Some(harness.memory.keyring()));
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        for token in ["first", "second", "third"] {
            for home in [harness.path.clone(), harness.path.join("accounts")] {
                store(&home, &options).save(&file(token)).unwrap();
            }
        }
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(log.contains("--store keyring") && log.contains("--store file"), "{log}");
    assert!(log.contains("the keyring is locked") && log.contains("auth.json"), "{log}");
}

#[test]
fn renewed_tokens_that_no_store_takes_are_put_away_and_found() {
    let (harness, runtime) = (Harness::new(), tempfile::tempdir().unwrap());
    let options = StoreOptions::new(StoreChoice::Keyring, Some(harness.memory.keyring()))
        .with_runtime(Some(runtime.path().to_owned()));
    let store = store(&harness.path, &options);
    store.save(&file("old")).unwrap();
    harness.memory.lock(true);
    let place = store.rescue(&file("old"), &file("new")).unwrap();
    assert!(place.starts_with(&runtime.path().display().to_string()), "{place}");
    let [found] = &store.rescued()[..] else { panic!("one sign-in expected") };
    assert_eq!(found.file, file("new"));
    assert!(found.follows(&file("old")) && !found.follows(&file("another")));
    // What is given up takes it along.
    assert_eq!(store.held_left_overs().tokens(), ["new"]);
    store.forget_rescued();
    assert!(store.rescued().is_empty() && store.held_left_overs().is_empty());
}

#[test]
fn renewed_tokens_go_into_the_blocks_that_the_file_has() {
    let harness = Harness::new();
    let store = harness.store(StoreChoice::File);
    store.save(&file("old")).unwrap();
    assert!(store.rescue(&file("another"), &file("new")).is_err(), "somebody else signed in");
    assert_eq!(store.load().unwrap(), Some(file("old")));
    store.rescue(&file("old"), &file("new")).unwrap();
    assert_eq!(store.load().unwrap(), Some(file("new")));
    assert!(store.rescued().is_empty(), "it is where it belongs");
}
