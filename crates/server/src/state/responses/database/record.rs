//! The form of a record: three numbers, the input's length, the input, the response.

use std::sync::Arc;

use bytes::Bytes;

use crate::state::responses::StoredResponse;
use crate::state::responses::memory::Entry;

/// Writes an entry; numbers are little-endian, of eight bytes.
pub(in crate::state::responses) fn write(entry: &Entry) -> Vec<u8> {
    let StoredResponse { created_at, input, response, .. } = &*entry.stored;
    let mut record = Vec::with_capacity(32 + input.len() + response.len());
    for number in [entry.number, entry.stored_at, *created_at, input.len() as u64] {
        record.extend(number.to_le_bytes());
    }
    record.extend_from_slice(input);
    record.extend_from_slice(response);
    record
}

/// Reads an entry of an earlier process, if the record has the form: no answer goes on that such a one began.
pub(in crate::state::responses) fn read_ended(record: &[u8]) -> Option<Entry> {
    read_as(record, StoredResponse::closed)
}

/// Reads an entry, if the record has the form.
pub(in crate::state::responses) fn read(record: &[u8]) -> Option<Entry> {
    read_as(record, |stored| stored)
}

fn read_as(
    mut record: &[u8],
    with: impl FnOnce(StoredResponse) -> StoredResponse,
) -> Option<Entry> {
    let number = number(&mut record)?;
    let stored_at = self::number(&mut record)?;
    let created_at = self::number(&mut record)?;
    let length = usize::try_from(self::number(&mut record)?).ok()?;
    let (input, response) = record.split_at_checked(length)?;
    let (input, response) = (Bytes::copy_from_slice(input), Bytes::copy_from_slice(response));
    Some(Entry {
        number,
        stored_at,
        stored: Arc::new(with(StoredResponse::new(created_at, input, response))),
    })
}

fn number(record: &mut &[u8]) -> Option<u64> {
    let (number, rest) = record.split_first_chunk()?;
    *record = rest;
    Some(u64::from_le_bytes(*number))
}
