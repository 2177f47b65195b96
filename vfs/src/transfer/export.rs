//! Writing an actor to a plain SQLite file.

use std::ffi::OsString;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::failed;
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::store::{ActorSnapshot, IfExists, Store};
use crate::unfinished::Unfinished;

const BUFFER_BYTES: usize = 256 * 1024;

impl Store {
    /// Writes an actor as it is now to a plain SQLite file, which appears at `path` whole or not
    /// at all. Its owner is neither blocked nor fenced.
    pub fn export(
        &self,
        actor: &ActorId,
        path: impl AsRef<Path>,
        if_exists: IfExists,
    ) -> Result<ActorSnapshot, StoreError> {
        let snapshot = self.snapshot(actor)?;
        snapshot.export(path, if_exists)?;
        Ok(snapshot)
    }
}

impl ActorSnapshot {
    /// Writes what the snapshot shows to a plain SQLite file, which appears at `path` whole or
    /// not at all.
    pub fn export(&self, path: impl AsRef<Path>, if_exists: IfExists) -> Result<(), StoreError> {
        let path = path.as_ref();
        refuse_what_is_there(path, if_exists)?;
        let mut unfinished = Unfinished::beside(path).map_err(failed("creating", path))?;
        self.write_pages(unfinished.file(), path)?;
        let replace = if_exists == IfExists::Replace;
        unfinished
            .appear(replace)
            .map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => StoreError::FileExists {
                    path: path.to_owned(),
                },
                _ => failed("creating", path)(error),
            })
    }

    fn write_pages(&self, file: &mut std::fs::File, path: &Path) -> Result<(), StoreError> {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
        let mut content = vec![0; self.page_size().bytes()];
        for page in self.pages().pages() {
            self.read(page, &mut content)?;
            out.write_all(&content).map_err(failed("writing", path))?;
        }
        out.flush().map_err(failed("writing", path))
    }
}

fn refuse_what_is_there(path: &Path, if_exists: IfExists) -> Result<(), StoreError> {
    let exists = |path: &Path| path.try_exists().map_err(failed("looking for", path));
    if if_exists == IfExists::Refuse && exists(path)? {
        return Err(StoreError::FileExists {
            path: path.to_owned(),
        });
    }
    // SQLite would take such a file for the unfinished work of the new one, and play it back.
    for suffix in ["-journal", "-wal"] {
        let companion = with_suffix(path, suffix);
        if exists(&companion)? {
            return Err(StoreError::FileInUse {
                path: path.to_owned(),
                companion,
            });
        }
    }
    Ok(())
}

/// `path` with something added to its last component.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
