//! Plain SQLite, and what a database is compared by.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write;
use std::hash::{Hash, Hasher};

use actor_vfs::{PageNo, Store};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, MAIN_DB, Row};
use tempfile::TempDir;

use actor_vfs::ActorId;

/// A database as a text: shape, schema, and one line of hash a table. Two databases with the
/// same text hold the same.
pub(crate) fn content(connection: &Connection) -> Result<String, rusqlite::Error> {
    content_of(connection, "main")
}

/// The same of one of the databases of a connection.
pub(crate) fn content_of(connection: &Connection, schema: &str) -> Result<String, rusqlite::Error> {
    let mut text = String::new();
    for pragma in ["page_size", "page_count", "freelist_count", "auto_vacuum"] {
        let value: i64 = connection.pragma_query_value(Some(schema), pragma, |row| row.get(0))?;
        writeln!(text, "{pragma} {value}").unwrap();
    }
    let query =
        format!("SELECT type, name, tbl_name, sql FROM {schema}.sqlite_schema ORDER BY 1, 2");
    writeln!(text, "schema {}", hash_of(connection, &query)?).unwrap();
    for table in tables_of(connection, schema)? {
        let query = format!("SELECT * FROM {schema}.\"{table}\" ORDER BY 1");
        let rows = hash_of(connection, &query)?;
        writeln!(text, "{table} {rows}").unwrap();
    }
    Ok(text)
}

/// The names of the ordinary tables.
pub(crate) fn tables(connection: &Connection) -> Result<Vec<String>, rusqlite::Error> {
    tables_of(connection, "main")
}

fn tables_of(connection: &Connection, schema: &str) -> Result<Vec<String>, rusqlite::Error> {
    let query = format!(
        "SELECT name FROM {schema}.sqlite_schema WHERE type = 'table' \
         AND name NOT LIKE 'sqlite_%' ORDER BY 1"
    );
    let mut statement = connection.prepare(&query)?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn hash_of(connection: &Connection, query: &str) -> Result<String, rusqlite::Error> {
    let mut statement = connection.prepare(query)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let (mut count, mut hasher) = (0, DefaultHasher::new());
    while let Some(row) = rows.next()? {
        count += 1;
        hash_row(row, columns, &mut hasher)?;
    }
    Ok(format!("{count} rows {:016x}", hasher.finish()))
}

fn hash_row(row: &Row<'_>, columns: usize, hasher: &mut impl Hasher) -> rusqlite::Result<()> {
    for column in 0..columns {
        match row.get_ref(column)? {
            ValueRef::Null => 0.hash(hasher),
            ValueRef::Integer(value) => (1, value).hash(hasher),
            ValueRef::Real(value) => (2, value.to_bits()).hash(hasher),
            ValueRef::Text(value) => (3, value).hash(hasher),
            ValueRef::Blob(value) => (4, value).hash(hasher),
        }
    }
    Ok(())
}

/// What SQLite itself finds wrong with a database.
pub(crate) fn integrity(connection: &Connection) -> Result<String, rusqlite::Error> {
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))
}

/// The published pages of an actor, as a plain file would hold them.
pub(crate) fn bytes(store: &Store, actor: &ActorId) -> Vec<u8> {
    let snapshot = store.snapshot(actor).unwrap();
    let bytes = snapshot.pages().bytes(snapshot.page_size());
    let mut bytes = vec![0; usize::try_from(bytes).unwrap()];
    let pages = bytes.chunks_mut(snapshot.page_size().bytes());
    for (number, page) in (1..).zip(pages) {
        let number = PageNo::new(number).unwrap();
        snapshot.read(number, page).unwrap();
    }
    bytes
}

/// The published pages of an actor, in a SQLite that knows nothing of the store.
pub(crate) fn published(store: &Store, actor: &ActorId) -> Connection {
    let bytes = bytes(store, actor);
    let mut connection = Connection::open_in_memory().unwrap();
    if !bytes.is_empty() {
        let len = bytes.len();
        connection
            .deserialize_read_exact(MAIN_DB, &bytes[..], len, true)
            .unwrap();
    }
    connection
}

/// A plain SQLite file. Nothing in it needs to survive, so nothing is synced.
#[derive(Debug)]
pub(crate) struct Oracle {
    directory: TempDir,
    files: u32,
    pub(crate) connection: Connection,
}

impl Oracle {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let connection = open(&directory, 0, &[]);
        Self {
            directory,
            files: 1,
            connection,
        }
    }

    /// Goes on from the database that `bytes` are.
    pub(crate) fn become_copy_of(&mut self, bytes: &[u8]) {
        self.connection = open(&self.directory, self.files, bytes);
        self.files += 1;
    }
}

fn open(directory: &TempDir, number: u32, bytes: &[u8]) -> Connection {
    let path = directory.path().join(format!("{number}.sqlite"));
    std::fs::write(&path, bytes).unwrap();
    let connection = Connection::open(path).unwrap();
    let pragmas =
        "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY; PRAGMA locking_mode=EXCLUSIVE;";
    connection.execute_batch(pragmas).unwrap();
    connection
}
