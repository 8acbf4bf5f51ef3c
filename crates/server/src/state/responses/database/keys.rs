//! The keys of the records: one for each, in a file of their own, destroyed with the record.
//!
//! A database frees the pages of a deleted record and does not wipe them, nor does a file system wipe what a
//! rewritten file leaves behind. So records are written encrypted, each under a key that is used for nothing
//! else, and a deletion overwrites the key in its place: 32 bytes of a file that is never shortened and
//! never written anew. That also works on a full disk, where a transaction does not. The price is a
//! second file, and one more sync for each batch of changes. A drive or file system that
//! copies on write may keep the old bytes of the key for a while; no program can prevent that.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use chatmock_auth::open_private;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::error::StoreError;

/// The file's name in the directory of the database.
pub(super) const FILE: &str = "responses.keys";

/// The bytes of a key.
const KEY: usize = 32;

/// The key of a slot that is free.
const DESTROYED: [u8; KEY] = [0; KEY];

/// The place of a key in the file.
pub(super) type Slot = u32;

/// The open file, with all keys in memory.
pub(in crate::state::responses) struct RecordKeys {
    file: File,
    keys: Zeroizing<Vec<[u8; KEY]>>,
    free: Vec<Slot>,
    random: SystemRandom,
}

impl RecordKeys {
    /// Opens the file of a directory, or makes it.
    ///
    /// # Errors
    /// When it cannot be read, or is no private file.
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        let mut file = open_private(&path)?;
        let mut bytes = Zeroizing::new(Vec::new());
        file.read_to_end(&mut bytes).map_err(|source| StoreError::Io { path, source })?;
        let keys: Vec<[u8; KEY]> = bytes.as_chunks().0.to_vec();
        Ok(Self { file, keys: Zeroizing::new(keys), free: Vec::new(), random: SystemRandom::new() })
    }

    /// Destroys every key but those of `used`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn keep_only(&mut self, used: &[Slot]) -> io::Result<()> {
        let slots = 0..self.keys.len() as Slot;
        let unused: Vec<Slot> = slots.filter(|slot| !used.contains(slot)).collect();
        let live = |slot: &&Slot| self.keys.get(**slot as usize) != Some(&DESTROYED);
        let leftover: Vec<Slot> = unused.iter().filter(live).copied().collect();
        self.free.clear();
        self.destroy(&leftover)?;
        self.free = unused;
        Ok(())
    }

    /// Makes a key in a free slot; it is durable once [`Self::sync`] has returned.
    ///
    /// # Errors
    /// When the file cannot be written, for example because the disk is full.
    pub(super) fn create(&mut self) -> io::Result<Slot> {
        let mut key = Zeroizing::new(DESTROYED);
        self.random.fill(&mut *key).map_err(|_| io::Error::other("no random numbers"))?;
        let slot = self.free.pop().unwrap_or(self.keys.len() as Slot);
        self.write(slot, &key)?;
        match self.keys.get_mut(slot as usize) {
            Some(place) => *place = *key,
            None => self.keys.push(*key),
        }
        Ok(slot)
    }

    /// Destroys keys for good: the records under them cannot be read by anyone from here on.
    ///
    /// # Errors
    /// When the file cannot be written. Then the keys still exist.
    pub(super) fn destroy(&mut self, slots: &[Slot]) -> io::Result<()> {
        if slots.is_empty() {
            return Ok(());
        }
        for slot in slots {
            self.write(*slot, &DESTROYED)?;
        }
        self.sync()?;
        for slot in slots {
            if let Some(key) = self.keys.get_mut(*slot as usize) {
                *key = DESTROYED;
                self.free.push(*slot);
            }
        }
        Ok(())
    }

    /// Waits until what was written is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Encrypts a record in place; `name` is the key under which it lies in the database.
    ///
    /// # Errors
    /// When the slot has no key.
    pub(super) fn seal(&self, slot: Slot, name: &[u8], record: &mut Vec<u8>) -> io::Result<()> {
        let none = || io::Error::other("a record has no key");
        let cipher = self.cipher(slot).ok_or_else(none)?;
        cipher.seal_in_place_append_tag(nonce(), Aad::from(name), record).map_err(|_| none())
    }

    /// Decrypts a record; `None` where its key was destroyed, or is not the one it was encrypted with.
    pub(super) fn open_record(
        &self,
        slot: Slot,
        name: &[u8],
        mut record: Vec<u8>,
    ) -> Option<Vec<u8>> {
        let cipher = self.cipher(slot)?;
        let text = cipher.open_in_place(nonce(), Aad::from(name), &mut record).ok()?.len();
        record.truncate(text);
        Some(record)
    }

    fn cipher(&self, slot: Slot) -> Option<LessSafeKey> {
        let key = self.keys.get(slot as usize).filter(|key| **key != DESTROYED)?;
        UnboundKey::new(&CHACHA20_POLY1305, key).ok().map(LessSafeKey::new)
    }

    fn write(&mut self, slot: Slot, key: &[u8; KEY]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(u64::from(slot) * KEY as u64))?;
        self.file.write_all(key)
    }
}

/// The nonce of every record: each key encrypts one text in its life, so that none is ever used twice.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}
