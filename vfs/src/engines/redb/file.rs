//! Opening and creating the file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Builder, Database, ReadableDatabase, TableHandle};

use super::TABLE;
use super::failure::{failed, kind_of_io};
use crate::kv::{EngineError, EngineErrorKind};

/// Opens a file of ours. It changes nothing if it fails.
pub(super) fn open(path: &Path, cache_bytes: usize) -> Result<Database, EngineError> {
    let doing = "opening the file";
    let bytes = std::fs::metadata(path)
        .map_err(|error| EngineError::new(kind_of_io(&error), doing, error))?;
    if bytes.len() == 0 {
        return Err(EngineError::new(
            EngineErrorKind::Damaged,
            doing,
            "it is empty",
        ));
    }
    // redb trusts a file that says it was closed in order, and may panic if that is a lie.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let database = Builder::new()
            .set_cache_size(cache_bytes)
            .open(path)
            .map_err(failed(doing))?;
        recognise(&database)?;
        Ok(database)
    }));
    opened.unwrap_or_else(|_| {
        Err(EngineError::new(
            EngineErrorKind::Damaged,
            doing,
            "redb cannot make sense of it",
        ))
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
    let failed_io = |error: std::io::Error| EngineError::new(kind_of_io(&error), doing, error);
    if path.try_exists().map_err(failed_io)? {
        return Ok(());
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let unfinished = tempfile::Builder::new()
        .prefix(".unfinished-")
        .tempfile_in(folder)
        .map_err(failed_io)?;
    let database = Builder::new()
        .create(unfinished.path())
        .map_err(failed(doing))?;
    let write = database.begin_write().map_err(failed(doing))?;
    write.open_table(TABLE).map_err(failed(doing))?;
    write.commit().map_err(failed(doing))?;
    drop(database);
    match unfinished.persist_noclobber(path) {
        Err(error) if !path.exists() => return Err(failed_io(error.error)),
        // Somebody else was faster, or we were: there is one now.
        _ => {}
    }
    let folder = std::fs::File::open(folder).map_err(failed_io)?;
    folder.sync_all().map_err(failed_io)
}
