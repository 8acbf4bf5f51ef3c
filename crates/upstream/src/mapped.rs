//! Large buffers that go back to the system when they are dropped, but for a few that the next ones use.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use memmap2::MmapMut;

/// A buffer in memory that is mapped for it alone, which grows by copying.
///
/// An allocator keeps what is freed for the next one who asks, and one that has seen large buffers come and go takes the
/// next ones from its heaps: a few bodies of 6 MiB left 40 MiB behind in each of two heaps, which a program with a limit
/// of memory does not have. A mapping costs a call and a fault for each page, so that it is for a quarter of a MiB and more,
/// and a few of those that pictures take are kept for the next ones.
#[derive(Debug)]
pub struct MappedBuffer {
    pages: Pages,
    len: usize,
}

/// The most bytes of mappings that are kept for the next buffers.
const SPARE: usize = 8 * 1024 * 1024;

/// The largest mapping that is kept, in bytes.
const LARGEST_SPARE: usize = SPARE / 2;

/// Mappings that are kept for the next buffers.
static SPARES: Mutex<Vec<MmapMut>> = Mutex::new(Vec::new());

fn spares() -> MutexGuard<'static, Vec<MmapMut>> {
    SPARES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A mapping, which is there until it is dropped.
#[derive(Debug)]
struct Pages(Option<MmapMut>);

impl Pages {
    /// Takes a mapping that is kept and has room for so many bytes, but not for many times as many, or maps a new one.
    fn new(bytes: usize) -> io::Result<Self> {
        let is_apt = |map: &MmapMut| map.len() >= bytes && map.len() / 4 <= bytes;
        let kept = {
            let mut spares = spares();
            spares.iter().position(is_apt).map(|place| spares.swap_remove(place))
        };
        Ok(Self(Some(kept.map_or_else(|| MmapMut::map_anon(bytes.max(1)), Ok)?)))
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().unwrap_or_default()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let Some(map) = self.0.take().filter(|map| map.len() <= LARGEST_SPARE) else { return };
        let mut spares = spares();
        if spares.iter().map(|kept| kept.len()).sum::<usize>() + map.len() <= SPARE {
            spares.push(map);
        }
    }
}

impl MappedBuffer {
    /// The length from which a buffer is worth a mapping, in bytes.
    pub const LEAST: usize = 256 * 1024;

    /// Maps room for so many bytes. A page is only taken once something is written to it.
    ///
    /// # Errors
    /// Where the system gives no more memory.
    pub fn with_capacity(bytes: usize) -> io::Result<Self> {
        Ok(Self { pages: Pages::new(bytes)?, len: 0 })
    }

    /// The number of bytes that were written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends bytes; where there is no room for them, all that was written is copied to twice the room.
    ///
    /// # Errors
    /// Where the system gives no more memory.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.len.saturating_add(bytes.len());
        let room = self.pages.bytes().len();
        if end > room {
            let mut larger = Pages::new(end.max(room.saturating_mul(2)))?;
            if let Some(to) = larger.bytes_mut().get_mut(..self.len) {
                to.copy_from_slice(self.as_ref());
            }
            self.pages = larger;
        }
        if let Some(to) = self.pages.bytes_mut().get_mut(self.len..end) {
            to.copy_from_slice(bytes);
            self.len = end;
        }
        Ok(())
    }

    /// Makes bytes of it that can be shared, without a copy.
    #[must_use]
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for MappedBuffer {
    fn as_ref(&self) -> &[u8] {
        self.pages.bytes().get(..self.len).unwrap_or_default()
    }
}

impl Write for MappedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_read_again_however_often_it_grew() {
        let mut buffer = MappedBuffer::with_capacity(10).unwrap();
        let expected: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        for piece in expected.chunks(777) {
            buffer.append(piece).unwrap();
        }
        assert_eq!(buffer.len(), expected.len());
        assert!(buffer.freeze() == expected);
    }

    #[test]
    fn few_mappings_are_kept_and_none_that_are_large() {
        let buffers: Vec<_> =
            (1..20).map(|mib| MappedBuffer::with_capacity(mib << 20).unwrap()).collect();
        drop(buffers);
        let kept: Vec<usize> = spares().iter().map(|map| map.len()).collect();
        assert!(!kept.is_empty() && kept.iter().sum::<usize>() <= SPARE, "{kept:?}");
        assert!(kept.iter().all(|len| *len <= LARGEST_SPARE), "{kept:?}");
    }

    #[test]
    fn room_that_nobody_has_is_refused() {
        assert!(MappedBuffer::with_capacity(usize::MAX / 2).is_err());
    }

    #[test]
    fn an_empty_buffer_is_no_bytes() {
        let buffer = MappedBuffer::with_capacity(0).unwrap();
        assert!(buffer.is_empty() && buffer.freeze().is_empty());
    }
}
