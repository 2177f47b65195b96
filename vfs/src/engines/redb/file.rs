//! Opening and creating the file.

use std::io;
use std::path::Path;

use redb::{Builder, Database, ReadableDatabase, TableHandle};

use super::TABLE;
use super::failure::{damaged, failed, guarded, kind_of_io};
use crate::kv::{EngineError, EngineErrorKind};
use crate::unfinished::Unfinished;

/// Opens a file of ours. It changes nothing if it fails.
pub(super) fn open(path: &Path, cache_bytes: usize) -> Result<Database, EngineError> {
    let doing = "opening the file";
    let bytes = std::fs::metadata(path)
        .map_err(|error| EngineError::new(kind_of_io(&error), doing, error))?;
    if bytes.len() == 0 {
        return Err(damaged(doing, "it is empty"));
    }
    guarded(doing, || {
        let database = Builder::new()
            .set_cache_size(cache_bytes)
            .open(path)
            .map_err(failed(doing))?;
        recognise(&database)?;
        Ok(database)
    })
}

/// Refuses a file of redb that some other program keeps its tables in.
fn recognise(database: &Database) -> Result<(), EngineError> {
    let doing = "looking for the table";
    let read = database.begin_read().map_err(failed(doing))?;
    let mut tables = read.list_tables().map_err(failed(doing))?;
    if tables.any(|table| table.name() == TABLE.name()) {
        return Ok(());
    }
    let what = "it is a file of redb that holds other tables than ours";
    Err(EngineError::new(EngineErrorKind::Foreign, doing, what))
}

/// Makes sure that there is a file with our table at `path`: a new one appears there whole, and
/// never in the place of another.
pub(super) fn create(path: &Path) -> Result<(), EngineError> {
    let doing = "creating the file";
    let failed_io = |error: io::Error| EngineError::new(kind_of_io(&error), doing, error);
    if path.try_exists().map_err(failed_io)? {
        return Ok(());
    }
    let unfinished = Unfinished::beside(path).map_err(failed_io)?;
    let database = Builder::new()
        .create(unfinished.path())
        .map_err(failed(doing))?;
    let write = database.begin_write().map_err(failed(doing))?;
    write.open_table(TABLE).map_err(failed(doing))?;
    write.commit().map_err(failed(doing))?;
    drop(database);
    match unfinished.appear(false) {
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        appeared => appeared.map_err(failed_io),
    }
}
