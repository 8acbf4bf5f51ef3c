//! Room for the next text of a file: taken before the text is known, so that a full disk shows early.

use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use super::folder::{parent_of, say_once};
use super::temp::TempFile;
use super::{PrivateFileError, check, fault_point, look, open, system};

/// Room for the next text of a file. Dropping it gives the room back.
///
/// Usually that is a file next to it, which then takes its place. A file that is mounted by itself
/// (as containers do with one file of the host), or that lies in a folder in which this user cannot
/// write, has no such way. It is written in place: a crash in the middle of that damages it, which is
/// better than a renewed sign-in that is certainly lost.
pub(crate) struct Room {
    place: PathBuf,
    way: Way,
}

enum Way {
    Replace(TempFile),
    InPlace(File),
}

impl Room {
    /// Takes room for `size` bytes, by every step of a later write but the last. The caller holds the
    /// lock of the file.
    pub(crate) fn take(place: &Path, size: usize) -> Result<Self, PrivateFileError> {
        Ok(Self { place: place.to_owned(), way: Self::way(place, size)? })
    }

    /// Takes room in the blocks that the file has already, which a full disk leaves it.
    pub(crate) fn take_in_place(place: &Path, size: usize) -> Result<Self, PrivateFileError> {
        Ok(Self { place: place.to_owned(), way: Way::InPlace(open_in_place(place, size)?) })
    }

    fn way(place: &Path, size: usize) -> Result<Way, PrivateFileError> {
        if system::is_mount_point(place) {
            return open_in_place(place, size).map(Way::InPlace);
        }
        match TempFile::create(place, size) {
            Ok(temp) => Ok(Way::Replace(temp)),
            // The first error says what a person has to change.
            Err(error) if forbids_replacement(&error) => {
                open_in_place(place, size).map(Way::InPlace).map_err(|_| error)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts the text into the file's place. `check` is asked just before that, when all else is done.
    pub(crate) fn put<E: From<PrivateFileError>>(
        self,
        text: &[u8],
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { place, way } = self;
        let mut temp = match way {
            Way::InPlace(file) => {
                check()?;
                return Ok(write_in_place(file, &place, text)?);
            }
            Way::Replace(temp) => temp,
        };
        temp.fill(text)?;
        check()?;
        match temp.place(&place) {
            Err(error) if forbids_replacement(&error) => {
                let Ok(file) = open_in_place(&place, text.len()) else { return Err(error.into()) };
                Ok(write_in_place(file, &place, text)?)
            }
            placed => Ok(placed?),
        }
    }
}

/// Returns whether a file can be replaced by a rename, as far as that is known without trying.
pub(crate) fn is_replaceable(place: &Path) -> bool {
    !system::is_mount_point(place) && system::may_write_in(parent_of(place))
}

/// Empties a file that cannot be removed, so that nothing of it stays readable.
pub(super) fn blank(place: &Path) -> Result<(), PrivateFileError> {
    let file = open_in_place(place, 0)?;
    write_in_place(file, place, b"{}\n")
}

/// Returns whether an error says that a file cannot be replaced, or no file made next to it, while
/// the file itself may be writable.
pub(crate) fn forbids_replacement(error: &PrivateFileError) -> bool {
    matches!(error, PrivateFileError::Io { error, .. } if system::forbids_replacement(error))
}

fn open_in_place(place: &Path, size: usize) -> Result<File, PrivateFileError> {
    let failed = |error| PrivateFileError::io(place, "write", error);
    if let Some(seen) = look(place)? {
        check(place, &seen, u64::MAX)?;
    }
    let mut options = OpenOptions::new();
    let file = open(system::refuse_links(options.read(true).write(true)), place).map_err(failed)?;
    check(place, &file.metadata().map_err(failed)?, u64::MAX)?;
    if size > 0 {
        system::take_room(&file, size as u64).map_err(failed)?;
    }
    Ok(file)
}

/// Writes over the file's text. Blanks make up for what the new text is shorter by, so that the file
/// is whole JSON also before it is cut.
fn write_in_place(mut file: File, place: &Path, text: &[u8]) -> Result<(), PrivateFileError> {
    say_once(place, || {
        tracing::warn!(
            file = %place.display(),
            "this file cannot be replaced and is written in place: mount or open its folder, not \
             the file alone, so that a crash during a save cannot damage it"
        );
    });
    let failed = |error| PrivateFileError::io(place, "write", error);
    let before = file.metadata().map_err(failed)?.len() as usize;
    let mut padded = zeroize::Zeroizing::new(Vec::with_capacity(text.len().max(before)));
    padded.extend_from_slice(text);
    padded.resize(text.len().max(before), b' ');
    file.rewind()
        .and_then(|()| fault_point(place))
        .and_then(|()| file.write_all(&padded))
        .and_then(|()| file.set_len(text.len() as u64))
        .and_then(|()| file.sync_all())
        .map_err(failed)
}
