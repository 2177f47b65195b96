//! Puts a squashed folder in the place of the old one: whole, or not at all.
//!
//! A folder is built beside the old one, made durable, and put in its place by two renames. Between these the
//! folder is missing for a moment, and what [`recover`] finds then says what to finish.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::folder::Changes;
use crate::bundle::{OLD, beside};
use crate::error::{MigrateError, SquashError};

/// What was left of an interrupted squash, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// The folder was missing: the squashed one was complete and took its place.
    Finished,
    /// The folder was there: what lay beside it was removed.
    Cleared,
}

/// The folder and what stands beside it while it is exchanged.
struct Places {
    dir: PathBuf,
    new: PathBuf,
    old: PathBuf,
}

impl Places {
    /// The places of a folder, which need not be there.
    fn of(dir: &Path) -> io::Result<Self> {
        let dir = match fs::canonicalize(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => std::path::absolute(dir)?,
            other => other?,
        };
        Ok(Self {
            new: beside(&dir, "new"),
            old: beside(&dir, OLD),
            dir,
        })
    }
}

/// Finishes or clears away what an interrupted squash of `dir` left; `None` if there is nothing.
///
/// # Errors
/// M169 if the system refuses.
pub fn recover(dir: impl AsRef<Path>) -> Result<Option<Recovery>, MigrateError> {
    let dir = dir.as_ref();
    recover_places(dir).map_err(|error| cannot_write(dir, &error))
}

fn recover_places(dir: &Path) -> io::Result<Option<Recovery>> {
    let places = Places::of(dir)?;
    let finished = !places.dir.exists() && places.old.is_dir();
    if finished {
        // The new folder was durable before the old one left its place.
        let whole = if places.new.is_dir() {
            &places.new
        } else {
            &places.old
        };
        fs::rename(whole, &places.dir)?;
        sync_parent(&places.dir)?;
    }
    let left = [&places.new, &places.old]
        .into_iter()
        .filter(|it| it.is_dir());
    let left: Vec<_> = left.collect();
    for folder in &left {
        fs::remove_dir_all(folder)?;
    }
    Ok(match (finished, left.is_empty()) {
        (true, _) => Some(Recovery::Finished),
        (false, false) => Some(Recovery::Cleared),
        (false, true) => None,
    })
}

/// Writes `changes` into the folder. After any failure the old folder or the new one is in its place, or
/// [`recover`] puts it there.
pub(super) fn exchange(dir: &Path, changes: &Changes) -> Result<(), MigrateError> {
    let swap = || -> io::Result<()> {
        let places = Places::of(dir)?;
        STEPS.iter().try_for_each(|step| step(&places, changes))
    };
    swap().map_err(|error| {
        // The system just refused something: what it refuses now, the next run clears away.
        let _ = recover_places(dir);
        cannot_write(dir, &error)
    })
}

/// Adds files to the subfolder `sub` of a folder, in this order, each whole or not at all.
pub(super) fn add(dir: &Path, sub: &str, files: &[(&str, &[u8])]) -> Result<(), MigrateError> {
    let folder = dir.join(sub);
    let add = || -> io::Result<()> {
        fs::create_dir_all(&folder)?;
        sync_parent(&folder)?;
        files
            .iter()
            .try_for_each(|(name, content)| put(&folder, name, content))
    };
    add().map_err(|error| cannot_write(&folder, &error))
}

/// Puts a file in its place, whole and durable, over the one that is there.
pub(super) fn put(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let (path, new) = (folder.join(name), folder.join(format!(".{name}.new")));
    let written = || -> io::Result<()> {
        fs::write(&new, content)?;
        File::open(&new)?.sync_all()?;
        fs::rename(&new, &path)?;
        sync(folder)
    };
    written().inspect_err(|_| {
        // Of no use to anybody, and the next run writes over it.
        let _ = fs::remove_file(&new);
    })
}

type Step = fn(&Places, &Changes) -> io::Result<()>;

/// The steps of an exchange, in order. A test interrupts it between any two.
const STEPS: [Step; 5] = [copy, change, make_way, take_place, clear];

/// The folder as it is, beside itself.
fn copy(places: &Places, _: &Changes) -> io::Result<()> {
    copy_folder(&places.dir, &places.new)
}

/// What is new in it, made durable.
fn change(places: &Places, changes: &Changes) -> io::Result<()> {
    for (path, content) in changes {
        let path = places.new.join(path);
        match content {
            Some(content) => {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(&path, content)?;
            }
            None => fs::remove_file(&path)?,
        }
    }
    drop_empty_folders(&places.new, changes)?;
    sync_folder(&places.new)
}

fn make_way(places: &Places, _: &Changes) -> io::Result<()> {
    fs::rename(&places.dir, &places.old)
}

fn take_place(places: &Places, _: &Changes) -> io::Result<()> {
    fs::rename(&places.new, &places.dir)?;
    sync_parent(&places.dir)
}

fn clear(places: &Places, _: &Changes) -> io::Result<()> {
    fs::remove_dir_all(&places.old)
}

/// Copies files and folders. A link would lead elsewhere from the new place, so it is refused.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
        } else {
            let path = entry.path();
            let what = format!("{} is neither a file nor a folder", path.display());
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        }
    }
    fs::set_permissions(to, fs::metadata(from)?.permissions())
}

/// A migration folder of which nothing is left goes too.
fn drop_empty_folders(root: &Path, changes: &Changes) -> io::Result<()> {
    let gone = changes.iter().filter(|(_, content)| content.is_none());
    for (path, _) in gone {
        let folder = root.join(path);
        let Some(folder) = folder.parent().filter(|folder| *folder != root) else {
            continue;
        };
        if folder.is_dir() && fs::read_dir(folder)?.next().is_none() {
            fs::remove_dir(folder)?;
        }
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folder(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync(folder)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync)
}

/// Makes the names in a folder durable, where the system knows how.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        return File::open(folder)?.sync_all();
    }
    Ok(())
}

pub(super) fn cannot_write(path: &Path, error: &io::Error) -> MigrateError {
    SquashError::CannotWrite {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder `drizzle` with one file that goes and one that stays, in a place of its own.
    fn folder() -> (tempfile::TempDir, PathBuf, Changes) {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("drizzle");
        fs::create_dir_all(dir.join("20_old")).unwrap();
        fs::write(dir.join("20_old/migration.sql"), "old").unwrap();
        fs::write(dir.join("stays.md"), "stays").unwrap();
        let changes = Changes::from([
            ("20_old/migration.sql".to_owned(), None),
            ("squashed/x.json".to_owned(), Some(b"new".to_vec())),
        ]);
        (home, dir, changes)
    }

    fn is_old(dir: &Path) -> bool {
        dir.join("20_old/migration.sql").is_file() && !dir.join("squashed").exists()
    }

    fn is_new(dir: &Path) -> bool {
        !dir.join("20_old").exists() && dir.join("squashed/x.json").is_file()
    }

    #[test]
    fn a_crash_after_any_step_leaves_the_old_folder_or_the_new_one_to_be_found() {
        for steps in 0..=STEPS.len() {
            let (home, dir, changes) = folder();
            let places = Places::of(&dir).unwrap();
            for step in &STEPS[..steps] {
                step(&places, &changes).unwrap();
            }
            let missing = !dir.exists();
            let recovery = recover(&dir).unwrap();
            assert_eq!(
                missing,
                recovery == Some(Recovery::Finished),
                "after {steps} steps"
            );
            assert!(is_old(&dir) != is_new(&dir), "after {steps} steps");
            assert_eq!(fs::read(dir.join("stays.md")).unwrap(), b"stays");
            assert_eq!(
                fs::read_dir(home.path()).unwrap().count(),
                1,
                "after {steps} steps"
            );
            assert_eq!(recover(&dir).unwrap(), None);
        }
    }

    #[test]
    fn a_crash_inside_the_copy_leaves_the_old_folder() {
        let (_home, dir, changes) = folder();
        let places = Places::of(&dir).unwrap();
        fs::create_dir(&places.new).unwrap();
        fs::write(places.new.join("half"), "").unwrap();
        assert_eq!(recover(&dir).unwrap(), Some(Recovery::Cleared));
        assert!(is_old(&dir));
        exchange(&dir, &changes).unwrap();
        assert!(is_new(&dir));
    }

    #[test]
    fn a_folder_that_is_out_of_its_place_is_told_as_an_interrupted_squash() {
        let (_home, dir, changes) = folder();
        let places = Places::of(&dir).unwrap();
        STEPS[..3]
            .iter()
            .for_each(|step| step(&places, &changes).unwrap());
        let error = crate::Bundle::read(&dir).unwrap_err();
        assert_eq!(error.code(), "M168", "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_folder_is_refused_and_the_folder_stays() {
        let (home, dir, changes) = folder();
        std::os::unix::fs::symlink("/etc/passwd", dir.join("link")).unwrap();
        let error = exchange(&dir, &changes).unwrap_err();
        assert_eq!(error.code(), "M169", "{error}");
        assert!(is_old(&dir));
        recover(&dir).unwrap();
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
