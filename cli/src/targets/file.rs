//! Plain SQLite files: read without changing a byte, whatever state they were left in.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::error::CliError;

/// How every SQLite database begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Names that are taken for databases even when they are empty or damaged.
const EXTENSIONS: [&str; 3] = ["sqlite", "sqlite3", "db"];
/// How often a file that changes under us is read again before we give up.
const TRIES_MAX: usize = 5;
/// How long a writer waits for another program's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether a file found in a folder is meant to be a database.
fn looks_like_database(path: &Path) -> bool {
    let named = path
        .extension()
        .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known));
    named || header(path).is_ok_and(|header| header.starts_with(MAGIC))
}

/// Runs `work` on a read-only connection to one state of the file.
///
/// No byte of the file or of its companions changes, and none is created. Where SQLite cannot read without
/// writing (a hot journal to roll back, a WAL without its index), it reads a private copy.
pub(super) fn read<T>(
    path: &Path,
    mut work: impl FnMut(&Connection) -> Result<T, CliError>,
) -> Result<T, CliError> {
    for _ in 0..TRIES_MAX {
        let before = State::of(path)?;
        let opened = match open_to_read(path, &before) {
            Err(CliError::Changing { .. }) => continue,
            opened => opened?,
        };
        let answer = work(&opened.connection);
        // Locks protect a shared reading. The others looked at a file that nobody was to touch.
        if opened.locked || State::of(path)? == before {
            return answer;
        }
    }
    Err(CliError::Changing {
        path: path.to_owned(),
    })
}

/// A connection that may write, for `apply` and `adopt`. It never creates a file.
pub(super) fn open_to_write(path: &Path) -> Result<Connection, CliError> {
    require_database(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let fail = |source| CliError::Sqlite {
        path: path.to_owned(),
        source,
    };
    let connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
    Ok(connection)
}

/// An open connection, and the private copy it may stand on.
struct Opened {
    connection: Connection,
    /// SQLite's own locks keep writers from changing what we see.
    locked: bool,
    _copy: Option<TempDir>,
}

fn open_to_read(path: &Path, state: &State) -> Result<Opened, CliError> {
    let fail = |source| CliError::Sqlite {
        path: path.to_owned(),
        source,
    };
    let mode = match require_database(path)? {
        Journal::Rollback => "mode=ro",
        Journal::Wal if state.shm.is_some() => "mode=ro&readonly_shm=1",
        Journal::Wal if state.wal_is_empty() => "mode=ro&immutable=1",
        Journal::Wal => return open_copy(path, state),
    };
    let uri = uri(path).map_err(|error| CliError::read(path, error))?;
    match open_uri(&format!("{uri}?{mode}")) {
        Ok(connection) => Ok(Opened {
            connection,
            locked: mode != "mode=ro&immutable=1",
            _copy: None,
        }),
        Err(error) if needs_recovery(&error) => open_copy(path, state),
        Err(error) => Err(fail(error)),
    }
}

/// Opens and looks at the schema, which is when SQLite first reads the file.
fn open_uri(uri: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// Copies the file and its companions where SQLite may recover them as it likes.
fn open_copy(path: &Path, state: &State) -> Result<Opened, CliError> {
    let fail = |error| CliError::read(path, error);
    let folder = TempDir::new().map_err(fail)?;
    let copy = folder.path().join("copy.sqlite");
    fs::copy(path, &copy).map_err(fail)?;
    for (suffix, found) in [("-wal", &state.wal), ("-journal", &state.journal)] {
        if found.is_some() {
            fs::copy(companion(path, suffix), companion(&copy, suffix)).map_err(fail)?;
        }
    }
    if State::of(path)? != *state {
        return Err(CliError::Changing {
            path: path.to_owned(),
        });
    }
    let connection = Connection::open(&copy).map_err(|source| CliError::Sqlite {
        path: path.to_owned(),
        source,
    })?;
    Ok(Opened {
        connection,
        locked: true,
        _copy: Some(folder),
    })
}

/// SQLite's words for "I would have to write before I can read this".
fn needs_recovery(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen)
    )
}

/// Who may have uncommitted or unmerged content, by the file's own header.
enum Journal {
    Rollback,
    Wal,
}

/// Refuses what is no database before SQLite sees it. An empty file is an empty database.
fn require_database(path: &Path) -> Result<Journal, CliError> {
    let header = header(path).map_err(|error| CliError::read(path, error))?;
    if header.is_empty() {
        return Ok(Journal::Rollback);
    }
    if !header.starts_with(MAGIC) || header.len() < HEADER_BYTES {
        return Err(CliError::NotDatabase {
            path: path.to_owned(),
        });
    }
    // "File format read version": 2 means WAL. https://www.sqlite.org/fileformat2.html#file_format_version_numbers
    Ok(if header[19] == 2 {
        Journal::Wal
    } else {
        Journal::Rollback
    })
}

/// The database header at the start of page 1.
const HEADER_BYTES: usize = 100;

fn header(path: &Path) -> io::Result<Vec<u8>> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    File::open(path)?.take(100).read_to_end(&mut header)?;
    Ok(header)
}

/// What a change to a database shows from outside.
#[derive(PartialEq)]
struct State {
    main: Mark,
    wal: Option<Mark>,
    shm: Option<()>,
    journal: Option<Mark>,
}

type Mark = (u64, Option<SystemTime>);

impl State {
    fn of(path: &Path) -> Result<Self, CliError> {
        let mark = |path: PathBuf| match fs::metadata(&path) {
            Ok(metadata) => Ok(Some(Self::mark(&metadata))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CliError::read(&path, error)),
        };
        let main = fs::metadata(path).map_err(|error| CliError::read(path, error))?;
        Ok(Self {
            main: Self::mark(&main),
            wal: mark(companion(path, "-wal"))?,
            shm: mark(companion(path, "-shm"))?.map(drop),
            journal: mark(companion(path, "-journal"))?,
        })
    }

    fn mark(metadata: &Metadata) -> Mark {
        (metadata.len(), metadata.modified().ok())
    }

    fn wal_is_empty(&self) -> bool {
        self.wal.is_none_or(|(len, _)| len == 0)
    }
}

fn companion(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// A `file:` URI for this path, byte for byte. <https://www.sqlite.org/uri.html>
fn uri(path: &Path) -> io::Result<String> {
    let mut uri = String::from("file://");
    for &byte in std::path::absolute(path)?.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(byte))
            }
            // A String takes every write.
            _ => drop(write!(uri, "%{byte:02x}")),
        }
    }
    Ok(uri)
}

/// Every database below `folder`, sorted.
pub(super) fn find(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let mut found = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| CliError::read(folder, error.into()))?;
        if entry.file_type().is_file() && looks_like_database(entry.path()) {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    /// A database in `folder` with rows 1 and 2, left open so that nothing is tidied up.
    fn database(folder: &Path, journal_mode: &str) -> Connection {
        let connection = Connection::open(folder.join("actor.sqlite")).unwrap();
        connection
            .pragma_update(None, "journal_mode", journal_mode)
            .unwrap();
        connection
            .execute_batch("CREATE TABLE t (n); INSERT INTO t VALUES (1), (2);")
            .unwrap();
        connection
    }

    fn rows(path: &Path) -> i64 {
        let count = |connection: &Connection| {
            Ok(connection
                .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
                .unwrap())
        };
        read(path, count).unwrap()
    }

    /// Every file of the folder with a hash of its bytes: short enough for a failure to be read.
    fn hashes(folder: &Path) -> BTreeMap<PathBuf, u64> {
        let hash = |path: &Path| {
            let mut hasher = DefaultHasher::new();
            fs::read(path).unwrap().hash(&mut hasher);
            hasher.finish()
        };
        let files = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files.map(|path| (path.clone(), hash(&path))).collect()
    }

    /// Copies the files as a backup or a crash would: `suffixes` says which companions come along.
    fn copied(from: &Path, suffixes: &[&str]) -> TempDir {
        let to = TempDir::new().unwrap();
        for suffix in suffixes {
            let name = format!("actor.sqlite{suffix}");
            fs::copy(from.join(&name), to.path().join(&name)).unwrap();
        }
        to
    }

    fn assert_read_leaves_no_trace(folder: &Path, expected: i64) {
        let before = hashes(folder);
        assert_eq!(rows(&folder.join("actor.sqlite")), expected);
        assert_eq!(hashes(folder), before);
    }

    #[test]
    fn a_file_in_rollback_mode_is_read_in_place() {
        let folder = TempDir::new().unwrap();
        drop(database(folder.path(), "delete"));
        assert_read_leaves_no_trace(folder.path(), 2);
    }

    #[test]
    fn a_wal_file_that_was_closed_is_read_in_place() {
        let folder = TempDir::new().unwrap();
        drop(database(folder.path(), "wal"));
        assert_read_leaves_no_trace(folder.path(), 2);
    }

    #[test]
    fn a_wal_file_that_a_program_has_open_is_read_with_what_it_committed() {
        let folder = TempDir::new().unwrap();
        let _open = database(folder.path(), "wal");
        // The writer lives in our process here, so we share its index and note there how far we read. From
        // another process not even that is written: tests/it/read_only.rs.
        let durable = |mut hashes: BTreeMap<PathBuf, u64>| {
            hashes.retain(|path, _| !path.ends_with("actor.sqlite-shm"));
            hashes
        };
        let before = durable(hashes(folder.path()));
        assert_eq!(rows(&folder.path().join("actor.sqlite")), 2);
        assert_eq!(durable(hashes(folder.path())), before);
    }

    #[test]
    fn a_wal_that_came_along_without_its_index_is_read() {
        let folder = TempDir::new().unwrap();
        let _open = database(folder.path(), "wal");
        let copy = copied(folder.path(), &["", "-wal"]);
        assert_read_leaves_no_trace(copy.path(), 2);
    }

    #[test]
    fn a_wal_that_a_crash_left_behind_is_read() {
        let folder = TempDir::new().unwrap();
        let _open = database(folder.path(), "wal");
        let copy = copied(folder.path(), &["", "-wal", "-shm"]);
        assert_read_leaves_no_trace(copy.path(), 2);
    }

    #[test]
    fn a_hot_journal_is_rolled_back_in_a_copy_only() {
        let folder = TempDir::new().unwrap();
        let connection = database(folder.path(), "delete");
        connection
            .execute_batch("PRAGMA cache_size = 1; BEGIN")
            .unwrap();
        let grow =
            "WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < 9999)
            INSERT INTO t SELECT n FROM c";
        connection.execute_batch(grow).unwrap();
        let crashed = copied(folder.path(), &["", "-journal"]);
        assert_read_leaves_no_trace(crashed.path(), 2);
    }

    #[test]
    fn an_empty_file_is_an_empty_database_and_text_is_none() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.sqlite");
        fs::write(&path, "").unwrap();
        assert!(read(&path, |_| Ok(())).is_ok());
        fs::write(&path, "hello, this is no database").unwrap();
        assert!(matches!(
            read(&path, |_| Ok(())),
            Err(CliError::NotDatabase { .. })
        ));
    }

    #[test]
    fn odd_names_reach_sqlite_unharmed() {
        let folder = TempDir::new().unwrap();
        drop(database(folder.path(), "delete"));
        let odd = folder.path().join("50%?a#b ü&immutable=1.sqlite");
        fs::rename(folder.path().join("actor.sqlite"), &odd).unwrap();
        assert_eq!(rows(&odd), 2);
    }
}
