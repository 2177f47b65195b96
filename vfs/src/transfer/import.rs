//! Taking a plain SQLite file into a store.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::NamedTempFile;

use super::export::with_suffix;
use super::failed;
use super::plain;
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::file::Header;
use crate::page::{PageCount, PageNo, PageSize};
use crate::store::{ActorInfo, IfExists, Source, Store};

/// How long another program may hold the file before we give up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl Store {
    /// Makes an actor of a plain SQLite file, with all that its write-ahead log holds, by one
    /// commit. The file itself is only read; a program that has it open is not disturbed.
    ///
    /// With [`IfExists::Replace`], an actor of that name is replaced and its owner fenced.
    pub fn import(
        &self,
        actor: &ActorId,
        path: impl AsRef<Path>,
        if_exists: IfExists,
    ) -> Result<ActorInfo, StoreError> {
        let path = path.as_ref();
        let copy = copy_by_sqlite(path, plain::recognise(path)?)?;
        check(&copy, path)?;
        self.place(actor, if_exists, &mut Copy::open(&copy, path)?)
    }
}

/// A private copy of what a reader of the file sees now, log included.
fn copy_by_sqlite(path: &Path, header: Header) -> Result<NamedTempFile, StoreError> {
    let copy = NamedTempFile::new().map_err(failed("copying", path))?;
    let said = |error| said_of(path, error);
    let from = open_source(path, header).map_err(said)?;
    let mut to = Connection::open(copy.path()).map_err(said)?;
    let schema_version = copy_all(&from, &mut to).map_err(said)?;
    drop(to);
    mend_header(copy.as_file(), schema_version).map_err(failed("copying", path))?;
    Ok(copy)
}

fn open_source(path: &Path, header: Header) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // A reader of a log that is not there would create it. Nobody has the file open: who had,
    // would have a log.
    let at_rest = header.wal && !with_suffix(path, "-wal").exists();
    let source = match path.to_str() {
        Some(path) if at_rest => {
            let uri = format!("file:{}?immutable=1", percent_encoded(path));
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?
        }
        _ => Connection::open_with_flags(path, flags)?,
    };
    source.busy_timeout(BUSY_TIMEOUT)?;
    Ok(source)
}

/// Copies all pages as one reader sees them, and returns the version of their schema.
fn copy_all(from: &Connection, to: &mut Connection) -> rusqlite::Result<i32> {
    to.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    from.execute_batch("BEGIN")?;
    // Begins to read, and says what is wrong with the file if there is something.
    let schema_version = from.query_row("PRAGMA schema_version", [], |row| row.get(0))?;
    Backup::new(from, to)?.run_to_completion(i32::MAX, Duration::ZERO, None)?;
    Ok(schema_version)
}

/// Marks the copy as one that needs no log, since it holds all and an actor has none; and gives
/// back the version of the schema, which SQLite's backup counts anew.
fn mend_header(mut copy: &File, schema_version: i32) -> io::Result<()> {
    copy.seek(SeekFrom::Start(18))?;
    copy.write_all(&[1, 1])?;
    copy.seek(SeekFrom::Start(40))?;
    copy.write_all(&schema_version.to_be_bytes())
}

/// Refuses a database that SQLite itself finds damaged.
fn check(copy: &NamedTempFile, path: &Path) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let said = |error| said_of(path, error);
    let database = Connection::open_with_flags(copy.path(), flags).map_err(said)?;
    let check = database.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match check.map_err(said)? {
        fine if fine == "ok" => Ok(()),
        damage => Err(StoreError::DatabaseDamaged {
            path: path.to_owned(),
            damage,
        }),
    }
}

fn said_of(path: &Path, error: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::NotADatabase {
            path,
            found: "SQLite cannot read its header",
        },
        Some(ErrorCode::DatabaseCorrupt) => StoreError::DatabaseDamaged {
            path,
            damage: error.to_string(),
        },
        _ => StoreError::DatabaseUnreadable {
            path,
            source: Arc::new(error),
        },
    }
}

/// The parts of a path that a URI would read otherwise, written so that it does not.
fn percent_encoded(path: &str) -> String {
    path.replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23")
}

/// The copy, page by page.
struct Copy<'p> {
    file: File,
    page_size: PageSize,
    pages: PageCount,
    /// The file that the user named.
    path: &'p Path,
}

impl<'p> Copy<'p> {
    fn open(copy: &NamedTempFile, path: &'p Path) -> Result<Self, StoreError> {
        let page_size = plain::recognise(copy.path())?.page_size;
        let file = File::open(copy.path()).map_err(failed("reading", path))?;
        let bytes = file.metadata().map_err(failed("reading", path))?.len();
        let pages = u32::try_from(bytes / u64::from(page_size.get())).unwrap_or(u32::MAX);
        Ok(Self {
            file,
            page_size,
            pages: PageCount::new(pages),
            path,
        })
    }
}

impl Source for Copy<'_> {
    fn page_size(&self) -> PageSize {
        self.page_size
    }

    fn pages(&self) -> PageCount {
        self.pages
    }

    /// Reads on: pages are asked for in order.
    fn read(&mut self, _page: PageNo, out: &mut [u8]) -> Result<(), StoreError> {
        self.file
            .read_exact(out)
            .map_err(failed("reading", self.path))
    }
}
