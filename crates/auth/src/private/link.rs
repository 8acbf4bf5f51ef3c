//! Links that a person made: where a sign-in file really is.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::Problem;
use super::folder::{check_target_folder, parent_of};
use super::{PrivateFileError, look};

/// More links in a row than anybody makes on purpose.
const MOST_LINKS: usize = 16;

/// Returns the place of a file of ours: the path itself, or where a link at it leads.
///
/// People who keep their settings in one folder (dotfiles) put a link in the place of the file. It is
/// followed once, here, and everything afterwards happens at its target without following links, so
/// that a link that changes meanwhile leads nowhere else. The folder of the target must be this
/// user's and closed to other writers; the target itself may not exist yet.
pub(crate) fn place_of(path: &Path) -> Result<PathBuf, PrivateFileError> {
    match look(path)? {
        Some(seen) if seen.is_symlink() => {
            let place = follow(path)?;
            check_target_folder(parent_of(&place))?;
            Ok(place)
        }
        _ => Ok(path.to_owned()),
    }
}

/// Returns where a file of another program is, through any links; that program decides about them.
pub(crate) fn foreign_place_of(path: &Path) -> Result<PathBuf, PrivateFileError> {
    follow(path)
}

fn follow(path: &Path) -> Result<PathBuf, PrivateFileError> {
    let mut place = path.to_owned();
    for _ in 0..MOST_LINKS {
        if !look(&place)?.is_some_and(|seen| seen.is_symlink()) {
            return Ok(place);
        }
        let target =
            fs::read_link(&place).map_err(|error| PrivateFileError::io(&place, "follow", error))?;
        place = parent_of(&place).join(target);
    }
    Err(PrivateFileError::not_safe(path, Problem::TooManyLinks))
}
