//! Large buffers that go back to the system when they are dropped.

use std::io::{self, Write};

use bytes::Bytes;
use memmap2::MmapMut;

/// A buffer in memory that is mapped for it alone, which grows by copying.
///
/// An allocator keeps what is freed for the next one who asks, and one that has seen large buffers come and go takes the
/// next ones from its heaps: a few bodies of 6 MiB left 40 MiB behind in each of two heaps, which a program with a limit
/// of memory does not have. A mapping costs a call and a fault for each page, so that it is for a quarter of a MiB and more.
#[derive(Debug)]
pub struct MappedBuffer {
    map: MmapMut,
    len: usize,
}

impl MappedBuffer {
    /// The length from which a buffer is worth a mapping, in bytes.
    pub const LEAST: usize = 256 * 1024;

    /// Maps room for so many bytes. A page is only taken once something is written to it.
    ///
    /// # Errors
    /// Where the system gives no more memory.
    pub fn with_capacity(bytes: usize) -> io::Result<Self> {
        Ok(Self { map: MmapMut::map_anon(bytes.max(1))?, len: 0 })
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
        if end > self.map.len() {
            let mut larger = MmapMut::map_anon(end.max(self.map.len().saturating_mul(2)))?;
            if let (Some(to), Some(from)) = (larger.get_mut(..self.len), self.map.get(..self.len)) {
                to.copy_from_slice(from);
            }
            self.map = larger;
        }
        if let Some(to) = self.map.get_mut(self.len..end) {
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
        self.map.get(..self.len).unwrap_or_default()
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
    fn room_that_nobody_has_is_refused() {
        assert!(MappedBuffer::with_capacity(usize::MAX / 2).is_err());
    }

    #[test]
    fn an_empty_buffer_is_no_bytes() {
        let buffer = MappedBuffer::with_capacity(0).unwrap();
        assert!(buffer.is_empty() && buffer.freeze().is_empty());
    }
}
