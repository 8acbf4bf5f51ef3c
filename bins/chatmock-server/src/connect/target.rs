//! A client's file on the disk: found, read, and replaced without a moment in which it is half written.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use jiff::ZonedDateTime;

/// The largest file that is changed, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// The number of backups of a file that are kept.
const BACKUPS: usize = 3;

/// The word in the names of backups.
const MARK: &str = ".chatmock-";

/// A file that may be changed: a plain one of this person, in their home.
#[derive(Debug)]
pub(crate) struct Target {
    /// The path without links.
    path: PathBuf,
    /// Its text; empty where there is no file yet.
    text: String,
    metadata: Option<Metadata>,
}

impl Target {
    /// Finds the file behind a path, through links, and reads it.
    ///
    /// Fails where the file is not below the home folder, not this person's, or no plain text file.
    pub(crate) fn read(path: &Path, home: &Path) -> anyhow::Result<Self> {
        let home =
            home.canonicalize().with_context(|| format!("cannot find {}", home.display()))?;
        check_owner(&home.metadata()?, &home)?;
        let path = resolved(path)?;
        ensure!(path.starts_with(&home), "{} is not in your home folder", path.display());
        let (text, metadata) = match File::open(&path) {
            Ok(file) => read_text(file, &path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => (String::new(), None),
            Err(error) => return Err(error).context(format!("cannot read {}", path.display())),
        };
        Ok(Self { path, text, metadata })
    }

    /// The path without links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The text as it was read.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether there is a file.
    pub(crate) fn exists(&self) -> bool {
        self.metadata.is_some()
    }

    /// Replaces the file, unless it has changed since it was read; returns the backup of what was there.
    pub(crate) fn replace(&self, text: &str) -> anyhow::Result<Option<PathBuf>> {
        let folder = self.path.parent().context("the file has no folder")?;
        create_folder(folder)?;
        let backup = if self.exists() { Some(self.back_up(folder)?) } else { None };
        let temporary = self.temporary(folder, text)?;
        self.check_unchanged()?;
        temporary
            .persist(&self.path)
            .with_context(|| format!("cannot replace {}", self.path.display()))?;
        Ok(backup)
    }

    /// Deletes the file, unless it has changed since it was read.
    pub(crate) fn delete(&self) -> anyhow::Result<()> {
        self.check_unchanged()?;
        fs::remove_file(&self.path)
            .with_context(|| format!("cannot delete {}", self.path.display()))
    }

    /// Fails where the file is not what the difference was shown for.
    fn check_unchanged(&self) -> anyhow::Result<()> {
        let now = match fs::read(&self.path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let then = self.exists().then_some(self.text.as_bytes());
        ensure!(
            now.as_deref() == then,
            "{} has changed meanwhile, so nothing was written\nhint: run the command again",
            self.path.display()
        );
        Ok(())
    }

    /// Writes a file next to the target, with the target's mode.
    fn temporary(&self, folder: &Path, text: &str) -> anyhow::Result<tempfile::NamedTempFile> {
        let context = || format!("cannot write into {}", folder.display());
        // It is open to this person alone until it has the mode of the file that it replaces.
        let mut temporary = tempfile::NamedTempFile::new_in(folder).with_context(context)?;
        temporary.write_all(text.as_bytes()).with_context(context)?;
        if let Some(metadata) = &self.metadata {
            temporary.as_file().set_permissions(metadata.permissions()).with_context(context)?;
        }
        temporary.as_file().sync_all().with_context(context)?;
        Ok(temporary)
    }

    fn back_up(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let prefix = format!("{name}{MARK}");
        let moment = ZonedDateTime::now().strftime("%Y%m%d-%H%M%S").to_string();
        let free = (0..100).map(|number| match number {
            0 => format!("{prefix}{moment}"),
            number => format!("{prefix}{moment}-{number:02}"),
        });
        let mut free = free.map(|name| folder.join(name)).filter(|path| !path.exists());
        let backup = free.next().context("there are too many backups of this second")?;
        let temporary = self.temporary(folder, &self.text)?;
        temporary.persist_noclobber(&backup).context("cannot write a backup")?;
        forget_old_backups(folder, &prefix);
        Ok(backup)
    }
}

/// Removes all backups but the newest, whose names sort by time.
fn forget_old_backups(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let is_backup = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix))
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut backups: Vec<PathBuf> = paths.filter(is_backup).collect();
    backups.sort_unstable();
    let many = backups.len().saturating_sub(BACKUPS);
    for old in &backups[..many] {
        // One that cannot be removed takes room, and nothing else.
        let _ = fs::remove_file(old);
    }
}

/// Follows links: of the file, or of its folders where there is no file yet.
fn resolved(path: &Path) -> anyhow::Result<PathBuf> {
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_link = path.symlink_metadata().is_ok();
            ensure!(!is_link, "{} is a link to nothing", path.display());
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
                bail!("{} has no folder", path.display())
            };
            Ok(resolved(folder)?.join(name))
        }
        Err(error) => Err(error).context(format!("cannot find {}", path.display())),
    }
}

fn read_text(file: File, path: &Path) -> anyhow::Result<(String, Option<Metadata>)> {
    let shown = path.display();
    let metadata = file.metadata()?;
    ensure!(metadata.is_file(), "{shown} is not a plain file");
    check_owner(&metadata, path)?;
    check_links(&metadata, path)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= LARGEST, "{shown} is over 1 MiB");
    let text = String::from_utf8(bytes).with_context(|| format!("{shown} is not in UTF-8"))?;
    ensure!(!text.starts_with('\u{feff}'), "{shown} begins with a byte order mark");
    Ok((text, Some(metadata)))
}

/// Fails for what belongs to another user, so that root writes into nobody's home but its own.
#[cfg(unix)]
fn check_owner(metadata: &Metadata, path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let own = rustix::process::geteuid().as_raw();
    ensure!(metadata.uid() == own, "{} belongs to another user", path.display());
    Ok(())
}

/// Fails for a file with a second name, which would keep the old text.
#[cfg(unix)]
fn check_links(metadata: &Metadata, path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt;
    ensure!(metadata.nlink() == 1, "{} has a second name (a hard link)", path.display());
    Ok(())
}

/// This system names no owner by a number.
#[cfg(not(unix))]
fn check_owner(_: &Metadata, _: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// This system does not say it without a handle of its own.
#[cfg(not(unix))]
fn check_links(_: &Metadata, _: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// Makes a folder that only this person can open.
fn create_folder(folder: &Path) -> anyhow::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| format!("cannot make {}", folder.display()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use tempfile::TempDir;

    use super::*;

    fn home() -> (TempDir, PathBuf) {
        let home = TempDir::new().unwrap();
        let file = home.path().join("settings.json");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        (home, file)
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_with_its_mode_and_a_backup_that_has_it_too() {
        let (home, file) = home();
        let target = Target::read(&file, home.path()).unwrap();
        let backup = target.replace("new").unwrap().unwrap();
        assert_eq!((fs::read_to_string(&file).unwrap(), mode(&file)), ("new".into(), 0o640));
        assert_eq!((fs::read_to_string(&backup).unwrap(), mode(&backup)), ("old".into(), 0o640));
        for round in 0..5 {
            Target::read(&file, home.path()).unwrap().replace(&round.to_string()).unwrap();
        }
        // The file, and three backups.
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 4);
    }

    #[test]
    fn a_link_is_written_at_its_target_and_stays_a_link() {
        let (home, file) = home();
        let link = home.path().join("link.json");
        symlink(&file, &link).unwrap();
        Target::read(&link, home.path()).unwrap().replace("new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(link.symlink_metadata().unwrap().is_symlink());
    }

    #[test]
    fn what_lies_outside_the_home_is_refused_also_behind_a_link() {
        let (home, _) = home();
        let (_elsewhere, outside) = self::home();
        let link = home.path().join("link.json");
        symlink(&outside, &link).unwrap();
        for path in [&link, &outside] {
            let error = Target::read(path, home.path()).unwrap_err().to_string();
            assert!(error.contains("not in your home"), "{error}");
        }
        let nothing = home.path().join("nothing");
        symlink(home.path().join("gone"), &nothing).unwrap();
        assert!(
            Target::read(&nothing, home.path())
                .unwrap_err()
                .to_string()
                .contains("link to nothing")
        );
    }

    #[test]
    fn a_file_that_changed_since_it_was_read_is_not_replaced() {
        let (home, file) = home();
        let target = Target::read(&file, home.path()).unwrap();
        fs::write(&file, "changed").unwrap();
        let error = target.replace("new").unwrap_err().to_string();
        assert!(error.contains("changed meanwhile"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "changed");
        let none = Target::read(&home.path().join("a/b.json"), home.path()).unwrap();
        fs::create_dir(home.path().join("a")).unwrap();
        fs::write(home.path().join("a/b.json"), "theirs").unwrap();
        assert!(none.replace("new").is_err());
    }

    #[test]
    fn a_new_file_and_its_folders_are_the_persons_alone() {
        let (home, _) = home();
        let path = home.path().join("a/b/c.json");
        let target = Target::read(&path, home.path()).unwrap();
        assert!(!target.exists());
        assert_eq!(target.replace("new").unwrap(), None);
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn root_writes_into_nobody_elses_file() {
        let (home, file) = home();
        // Only root can give a file away; for anybody else, the file of root is the other user's.
        let other = if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&file, Some(4321), Some(4321)).unwrap();
            file
        } else {
            PathBuf::from("/etc/passwd")
        };
        let within = if other.starts_with(home.path()) { home.path() } else { Path::new("/etc") };
        let error = Target::read(&other, within).unwrap_err().to_string();
        assert!(error.contains("belongs to another user"), "{error}");
    }

    #[test]
    fn folders_pipes_second_names_and_bytes_are_refused() {
        let (home, file) = home();
        let refused = |path: &Path| Target::read(path, home.path()).unwrap_err().to_string();
        assert!(refused(home.path()).contains("not a plain file"));
        fs::write(&file, b"\xff").unwrap();
        assert!(refused(&file).contains("UTF-8"));
        fs::hard_link(&file, home.path().join("second")).unwrap();
        assert!(refused(&file).contains("second name"));
    }
}
