//! Keyrings that work, forget, hang, panic or have little room.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

type Entries = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A keyring in memory whose n-th write fails.
#[derive(Clone, Default)]
struct Memory {
    entries: Entries,
    writes: Arc<AtomicUsize>,
    failing: usize,
}

impl Vault for Memory {
    fn read(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        Ok(self.entries.lock().unwrap().get(entry).cloned().map(Zeroizing::new))
    }

    fn write(&self, entry: &str, value: &[u8]) -> Result<(), VaultError> {
        if self.writes.fetch_add(1, Ordering::SeqCst) + 1 == self.failing {
            return Err(VaultError::Failed);
        }
        self.entries.lock().unwrap().insert(entry.to_owned(), value.to_vec());
        Ok(())
    }

    fn delete(&self, entry: &str) -> Result<(), VaultError> {
        self.entries.lock().unwrap().remove(entry);
        Ok(())
    }
}

fn limits(value: usize) -> KeyringLimits {
    KeyringLimits { wait: Duration::from_secs(10), value, rest: Duration::ZERO }
}

fn over(memory: &Memory, value: usize) -> Keyring {
    let memory = memory.clone();
    Keyring::over(move || Ok(Box::new(memory.clone())), limits(value))
}

fn long(seed: u8) -> Vec<u8> {
    (0..10_000_u32).map(|number| (number as u8).wrapping_mul(seed)).collect()
}

#[test]
fn a_value_over_the_limit_is_split_and_joined() {
    let memory = Memory::default();
    let keyring = over(&memory, 2560);
    assert_eq!(keyring.read("e").unwrap(), None);
    keyring.write("e", &long(3)).unwrap();
    assert_eq!(**keyring.read("e").unwrap().as_ref().unwrap(), long(3));
    let sizes: Vec<usize> = memory.entries.lock().unwrap().values().map(Vec::len).collect();
    assert_eq!(sizes.len(), 5);
    assert!(sizes.iter().all(|size| *size <= 2560), "{sizes:?}");
    keyring.write("e", b"short").unwrap();
    assert_eq!(memory.entries.lock().unwrap().len(), 1);
    keyring.write("e", &long(5)).unwrap();
    keyring.write("e", &long(7)).unwrap();
    assert_eq!(memory.entries.lock().unwrap().len(), 5);
    keyring.delete("e").unwrap();
    assert!(memory.entries.lock().unwrap().is_empty());
    keyring.delete("e").unwrap();
}

#[test]
fn a_value_that_looks_like_an_index_is_kept_as_it_is() {
    let memory = Memory::default();
    let keyring = over(&memory, 2560);
    let value = format!("chatmock-parts:1:3:{}", "0".repeat(64));
    keyring.write("e", value.as_bytes()).unwrap();
    assert_eq!(**keyring.read("e").unwrap().as_ref().unwrap(), value.as_bytes());
}

#[test]
fn a_write_that_breaks_off_anywhere_leaves_the_old_value_or_the_new() {
    for failing in 6..=10 {
        let memory = Memory { failing, ..Memory::default() };
        let keyring = over(&memory, 2560);
        keyring.write("e", &long(3)).unwrap();
        assert_eq!(keyring.write("e", &long(5)), Err(VaultError::Failed.into()), "{failing}");
        assert_eq!(**keyring.read("e").unwrap().as_ref().unwrap(), long(3), "{failing}");
        keyring.write("e", &long(5)).unwrap();
        assert_eq!(**keyring.read("e").unwrap().as_ref().unwrap(), long(5), "{failing}");
        assert_eq!(memory.entries.lock().unwrap().len(), 5, "{failing}");
    }
}

#[test]
fn a_missing_or_changed_part_is_damage() {
    for change in [true, false] {
        let memory = Memory::default();
        let keyring = over(&memory, 2560);
        keyring.write("e", &long(3)).unwrap();
        let mut entries = memory.entries.lock().unwrap();
        let part = entries.keys().find(|name| name.ends_with(".1")).unwrap().clone();
        if change {
            entries.insert(part, b"x".to_vec());
        } else {
            entries.remove(&part);
        }
        drop(entries);
        assert_eq!(keyring.read("e").unwrap_err(), KeyringError::Damaged);
    }
}

#[test]
fn a_keyring_that_forgets_is_found_out() {
    struct Forgetful;
    impl Vault for Forgetful {
        fn read(&self, _: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
            Ok(None)
        }
        fn write(&self, _: &str, _: &[u8]) -> Result<(), VaultError> {
            Ok(())
        }
        fn delete(&self, _: &str) -> Result<(), VaultError> {
            Ok(())
        }
    }
    let keyring = Keyring::over(|| Ok(Box::new(Forgetful)), limits(2560));
    assert_eq!(keyring.write("e", b"x"), Err(KeyringError::Lossy));
}

#[test]
fn a_keyring_that_fails_to_start_is_started_anew() {
    let (memory, starts) = (Memory::default(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&starts);
    let maker = move || match counted.fetch_add(1, Ordering::SeqCst) {
        0 => Err(VaultError::Absent),
        1 => panic!("the library is broken"),
        _ => Ok(Box::new(memory.clone()) as Box<dyn Vault>),
    };
    let keyring = Keyring::over(maker, limits(2560));
    assert_eq!(keyring.read("e").unwrap_err(), VaultError::Absent.into());
    assert_eq!(keyring.read("e").unwrap_err(), VaultError::Failed.into());
    assert_eq!(keyring.read("e").unwrap(), None);
    assert_eq!(keyring.read("e").unwrap(), None);
    assert_eq!(starts.load(Ordering::SeqCst), 3);
}

/// A keyring that waits to be told before it answers, as one does behind a prompt.
struct Prompting {
    asked: Sender<()>,
    answer: Receiver<()>,
}

impl Vault for Prompting {
    fn read(&self, _: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        self.asked.send(()).unwrap();
        self.answer.recv().map_err(|_| VaultError::Locked)?;
        Ok(None)
    }
    fn write(&self, _: &str, _: &[u8]) -> Result<(), VaultError> {
        Ok(())
    }
    fn delete(&self, _: &str) -> Result<(), VaultError> {
        Ok(())
    }
}

#[test]
fn a_keyring_that_hangs_is_given_up_on_and_used_again_when_it_answers() {
    let ((asked, seen), (tell, answer)) = (channel(), channel());
    let ends = Mutex::new(Some(Prompting { asked, answer }));
    let maker = move || -> Result<Box<dyn Vault>, VaultError> {
        Ok(Box::new(ends.lock().unwrap().take().ok_or(VaultError::Absent)?))
    };
    let limits = KeyringLimits { wait: Duration::from_millis(50), ..limits(2560) };
    let keyring = Keyring::over(maker, limits);
    assert_eq!(keyring.read("e").unwrap_err(), KeyringError::Hung);
    seen.recv().unwrap();
    // The thread is still busy, so this one is not even begun.
    let start = std::time::Instant::now();
    assert_eq!(keyring.read("e").unwrap_err(), KeyringError::Hung);
    assert!(start.elapsed() < Duration::from_millis(40));
    tell.send(()).unwrap();
    // Whatever is given up on from here on was begun or not; in the end one is answered.
    tell.send(()).unwrap();
    while keyring.read("e").is_err() {
        std::thread::yield_now();
    }
    assert_eq!(seen.try_iter().count(), 1);
}

#[test]
fn a_call_that_panics_after_it_was_given_up_on_holds_up_nothing() {
    struct Breaking(Receiver<()>);
    impl Vault for Breaking {
        fn read(&self, _: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
            self.0.recv().unwrap();
            panic!("the library is broken")
        }
        fn write(&self, _: &str, _: &[u8]) -> Result<(), VaultError> {
            Ok(())
        }
        fn delete(&self, _: &str) -> Result<(), VaultError> {
            Ok(())
        }
    }
    let (tell, told) = channel();
    let (told, memory) = (Mutex::new(Some(told)), Memory::default());
    let maker = move || -> Result<Box<dyn Vault>, VaultError> {
        Ok(match told.lock().unwrap().take() {
            Some(told) => Box::new(Breaking(told)),
            None => Box::new(memory.clone()),
        })
    };
    let limits = KeyringLimits { wait: Duration::from_millis(50), ..limits(2560) };
    let keyring = Keyring::over(maker, limits);
    assert_eq!(keyring.read("e").unwrap_err(), KeyringError::Hung);
    tell.send(()).unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while keyring.read("e").is_err() {
        assert!(std::time::Instant::now() < end, "it is held up for ever");
        std::thread::yield_now();
    }
}

#[test]
fn after_a_fault_calls_fail_at_once_for_a_while() {
    let starts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&starts);
    let maker = move || -> Result<Box<dyn Vault>, VaultError> {
        counted.fetch_add(1, Ordering::SeqCst);
        Err(VaultError::Locked)
    };
    let rest = Duration::from_secs(3600);
    let keyring = Keyring::over(maker, KeyringLimits { rest, ..limits(2560) });
    for _ in 0..5 {
        assert_eq!(keyring.write("e", b"x"), Err(VaultError::Locked.into()));
    }
    assert_eq!(starts.load(Ordering::SeqCst), 1);
}
