//! A small text file that a person wrote: its content, and who else may read or change it.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

use anyhow::{anyhow, ensure};

/// The largest size of a file, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct TextFile {
    text: String,
    metadata: Metadata,
}

impl TextFile {
    /// Reads a file. Fails for a folder, for a file that is too large, and for one that is not in
    /// UTF-8.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        ensure!(!path.is_dir(), "this is a folder, not a file");
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        ensure!(bytes.len() as u64 <= LARGEST, "this file is too large: the limit is 1 MiB");
        let text = String::from_utf8(bytes).map_err(|error| {
            let right = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..right].iter().filter(|byte| **byte == b'\n').count();
            anyhow!("line {line} is not in UTF-8: save the file in UTF-8")
        })?;
        Ok(Self { text, metadata })
    }

    /// Returns the text, without the byte order mark that some editors put before it.
    pub(crate) fn text(&self) -> &str {
        self.text.strip_prefix('\u{feff}').unwrap_or(&self.text)
    }

    /// Returns whether other users may read the file. Pipes and devices have no lasting content, so they do
    /// not matter.
    #[cfg(unix)]
    pub(crate) fn is_open_to_others(&self) -> bool {
        use std::os::unix::fs::PermissionsExt;
        self.metadata.is_file() && self.metadata.permissions().mode() & 0o077 != 0
    }

    /// Returns whether other users may change the file.
    ///
    /// A group with the same number as the owner is the owner's own: many systems create one for
    /// each user, together with a umask that lets it write.
    #[cfg(unix)]
    pub(crate) fn is_writable_by_others(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let mode = self.metadata.mode();
        let shared = mode & 0o020 != 0 && self.metadata.gid() != self.metadata.uid();
        self.metadata.is_file() && (shared || mode & 0o002 != 0)
    }

    /// Returns false: this system has no file modes.
    #[cfg(not(unix))]
    pub(crate) fn is_open_to_others(&self) -> bool {
        let _ = &self.metadata;
        false
    }

    /// Returns false: this system has no file modes.
    #[cfg(not(unix))]
    pub(crate) fn is_writable_by_others(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn refused(bytes: &[u8]) -> String {
        TextFile::read(written(bytes).path()).unwrap_err().to_string()
    }

    #[test]
    fn a_mark_of_the_encoding_is_no_part_of_the_text() {
        let file = written("\u{feff}é\r\n".as_bytes());
        assert_eq!(TextFile::read(file.path()).unwrap().text(), "é\r\n");
        assert_eq!(TextFile::read(written(b"").path()).unwrap().text(), "");
    }

    #[test]
    fn what_is_no_text_of_a_person_is_refused_by_what_it_is() {
        assert!(refused(&vec![b'#'; 10 << 20]).contains("too large"));
        assert!(refused(b"a\nb\n\xff\n").contains("line 3 is not in UTF-8"));
        assert!(refused(b"\xff\xfeh\0").contains("line 1 is not in UTF-8"));
        let folder = tempfile::tempdir().unwrap();
        let error = TextFile::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("folder"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_group_may_write_only_when_it_is_the_owners_own() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let file = written(b"");
        let metadata = file.as_file().metadata().unwrap();
        let own = metadata.uid() == metadata.gid();
        for (mode, expected) in
            [(0o600, false), (0o644, false), (0o660, !own), (0o602, true), (0o666, true)]
        {
            file.as_file().set_permissions(PermissionsExt::from_mode(mode)).unwrap();
            let read = TextFile::read(file.path()).unwrap();
            assert_eq!(read.is_writable_by_others(), expected, "{mode:o}");
        }
    }
}
