//! Where the files of a folder are: on disk, or in memory as an archive holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::{MigrateError, SquashError};

/// The files of a folder. Paths are relative to it, with `/` between the parts; `""` is the folder.
pub(super) trait Files {
    /// How messages name a path.
    fn shown(&self, path: &str) -> String;
    /// Whether there is such a file.
    fn has(&self, path: &str) -> Result<bool, MigrateError>;
    /// The names directly in the folder, of files and of subfolders, in no order.
    fn names(&self) -> Result<Vec<String>, MigrateError>;
    /// A whole file, refused if it is larger than `limit_bytes`.
    fn read(&self, path: &str, limit_bytes: u64) -> Result<Vec<u8>, MigrateError>;
}

/// A folder on disk.
pub(super) struct Disk<'a>(pub(super) &'a Path);

impl Files for Disk<'_> {
    fn shown(&self, path: &str) -> String {
        match path {
            "" => self.0.display().to_string(),
            path => self.0.join(path).display().to_string(),
        }
    }

    fn has(&self, path: &str) -> Result<bool, MigrateError> {
        let path = self.0.join(path);
        match std::fs::metadata(&path) {
            // Whatever it is: Drizzle would read it.
            Ok(_) => Ok(true),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed(&path)(error)),
        }
    }

    fn names(&self) -> Result<Vec<String>, MigrateError> {
        let entries = std::fs::read_dir(self.0).map_err(failed(self.0))?;
        let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let names = entries.map(|entry| entry.map(name));
        names.collect::<Result<_, _>>().map_err(failed(self.0))
    }

    fn read(&self, path: &str, limit_bytes: u64) -> Result<Vec<u8>, MigrateError> {
        read_limited(&self.0.join(path), limit_bytes)
    }
}

/// A folder that was read before, under the name that messages use.
pub(super) struct Memory<'a> {
    pub(super) name: &'a str,
    pub(super) files: &'a BTreeMap<String, Vec<u8>>,
}

impl Files for Memory<'_> {
    fn shown(&self, path: &str) -> String {
        match path {
            "" => self.name.to_owned(),
            path => format!("{}/{path}", self.name),
        }
    }

    fn has(&self, path: &str) -> Result<bool, MigrateError> {
        Ok(self.files.contains_key(path))
    }

    fn names(&self) -> Result<Vec<String>, MigrateError> {
        let first = |path: &String| path.split('/').next().map(str::to_owned);
        let names: BTreeSet<_> = self.files.keys().filter_map(first).collect();
        Ok(names.into_iter().collect())
    }

    fn read(&self, path: &str, limit_bytes: u64) -> Result<Vec<u8>, MigrateError> {
        let Some(content) = self.files.get(path) else {
            return Err(MigrateError::Io {
                path: self.shown(path),
                source: Error::from(ErrorKind::NotFound),
            });
        };
        let bytes = content.len() as u64;
        if bytes > limit_bytes {
            let path = self.shown(path);
            return Err(MigrateError::FileTooLarge {
                path,
                bytes,
                limit_bytes,
            });
        }
        Ok(content.clone())
    }
}

fn failed(path: &Path) -> impl Fn(Error) -> MigrateError {
    move |source| MigrateError::Io {
        path: path.display().to_string(),
        source,
    }
}

/// Reads a whole file, refusing what is larger than `limit_bytes` before holding it in memory.
pub(crate) fn read_limited(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, MigrateError> {
    // Looked at before it is opened: a pipe would have us wait for somebody who writes to it.
    let found = std::fs::metadata(path).map_err(failed(path))?;
    if !found.is_file() {
        return Err(failed(path)(Error::other("it is not a file")));
    }
    let bytes = found.len();
    let file = std::fs::File::open(path).map_err(failed(path))?;
    let mut content = Vec::new();
    file.take(limit_bytes + 1)
        .read_to_end(&mut content)
        .map_err(failed(path))?;
    if content.len() as u64 > limit_bytes {
        let path = path.display().to_string();
        return Err(MigrateError::FileTooLarge {
            path,
            bytes,
            limit_bytes,
        });
    }
    Ok(content)
}

/// What the folder that a squash replaces is called while it stands beside its place.
pub(crate) const OLD: &str = "old";

/// Where a squash keeps a folder that is not in its place: beside it, out of sight.
pub(crate) fn beside(dir: &Path, what: &str) -> PathBuf {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    dir.with_file_name(format!(".{name}.actor-migrate-{what}"))
}

/// Says why a folder is missing, where an interrupted squash is the reason.
pub(super) fn why_missing(dir: &Path, error: MigrateError) -> MigrateError {
    let whole = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    if whole.exists() || !beside(&whole, OLD).is_dir() {
        return error;
    }
    let dir = dir.display().to_string();
    SquashError::Interrupted { dir }.into()
}
