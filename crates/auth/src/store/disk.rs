//! The sign-in file on disk: reading it while other programs write in place.
//!
//! The Codex CLI and the Python ChatMock truncate the file and write it again, so a reader may see
//! none or half of it. There is no lock that they would honour, so a file that does not parse is
//! read again: at once while its stamp still changes, and three more times over 100 ms once it is
//! quiet. Only then is it damaged. Measured with a writer at one kilohertz: 10,000 reads find no
//! damage. The price is a tenth of a second for the first reader of a file that really is damaged.

use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{Stamp, StoreError};
use crate::private::{PrivateFileError, look};
use crate::tokens::AuthFile;

/// Reads the text of a file; `None` if it does not exist.
pub(super) type Reader = fn(&Path) -> Result<Option<Zeroizing<Vec<u8>>>, PrivateFileError>;

/// The pauses before each new look at a file that does not parse and that nobody writes.
///
/// A writer that the system lets wait between emptying the file and filling it looks like that, too; on a busy machine that
/// has taken more than 100 ms.
const SECOND_LOOKS: [Duration; 4] = [
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(60),
    Duration::from_millis(200),
];

/// The pause while the file is being written: it may be whole again at any moment.
const BUSY_LOOK: Duration = Duration::from_millis(1);

/// The byte order marks of UTF-16, in which editors on Windows may save a file.
const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// The most looks at a file that is written all the time.
const MOST_LOOKS: usize = 400;

/// Reads and parses a sign-in file.
pub(super) fn load(path: &Path, read: Reader) -> Result<Option<AuthFile>, StoreError> {
    let (mut seen, mut quiet, mut busy) = (stamp(path)?, 0, false);
    for _ in 0..MOST_LOOKS {
        let Some(text) = read(path)? else { return Ok(None) };
        if let Ok(file) = AuthFile::parse(&text) {
            return Ok(Some(file));
        }
        if UTF_16.iter().any(|mark| text.starts_with(mark)) {
            let place = format!("{} (in UTF-16, where UTF-8 is needed)", path.display());
            return Err(StoreError::Corrupt { place });
        }
        let Some(wait) = SECOND_LOOKS.get(quiet) else { break };
        #[expect(clippy::disallowed_methods, reason = "a foreign writer announces nothing")]
        std::thread::sleep(if busy { BUSY_LOOK } else { *wait });
        let now = stamp(path)?;
        busy = now != seen;
        quiet = if busy { 0 } else { quiet + 1 };
        seen = now;
    }
    Err(StoreError::Corrupt { place: path.display().to_string() })
}

/// Describes the file without opening it.
pub(super) fn stamp(path: &Path) -> Result<Stamp, StoreError> {
    Ok(match look(path)? {
        None => Stamp::Absent,
        Some(seen) => Stamp::File {
            length: seen.len(),
            modified: seen.modified().ok(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&seen),
            #[cfg(not(unix))]
            inode: 0,
        },
    })
}
