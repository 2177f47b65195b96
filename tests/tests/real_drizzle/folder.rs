//! Migration folders and actor databases that a test may change: made for it, or copied from the fixtures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::json;
use tempfile::TempDir;

/// A Drizzle 0.x folder written by the test: each migration is a time and the bytes of its file.
pub(crate) fn folder(migrations: &[(u64, &[u8])]) -> TempDir {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("meta")).unwrap();
    let mut entries = Vec::new();
    for (idx, (when, bytes)) in migrations.iter().enumerate() {
        let tag = format!("{idx:04}_at_{when}");
        std::fs::write(dir.path().join(format!("{tag}.sql")), bytes).unwrap();
        entries.push(
            json!({"idx": idx, "version": "6", "when": when, "tag": tag, "breakpoints": true}),
        );
    }
    let journal = json!({"version": "7", "dialect": "sqlite", "entries": entries});
    std::fs::write(dir.path().join("meta/_journal.json"), journal.to_string()).unwrap();
    dir
}

/// The fixtures of one actor of the coding-agent backend.
pub(crate) fn actor(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/coding-agent")
        .join(name)
}

/// A database that the test may change.
pub(crate) struct Scratch {
    _dir: TempDir,
    pub(crate) file: PathBuf,
}

impl Scratch {
    /// No file yet: the migrator makes it.
    pub(crate) fn missing() -> Self {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("actor.sqlite");
        Self { _dir: dir, file }
    }

    pub(crate) fn copy_of(file: &Path) -> Self {
        let scratch = Self::missing();
        std::fs::copy(file, &scratch.file).unwrap();
        scratch
    }

    pub(crate) fn open(&self) -> Connection {
        Connection::open(&self.file).unwrap()
    }

    /// Every row of every table except Drizzle's journal, sorted, by table.
    pub(crate) fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let db = self.open();
        let tables = texts(
            &db,
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_\\_drizzle%' ESCAPE '\\'",
        );
        tables
            .into_iter()
            .map(|table| (table.clone(), table_rows(&db, &table)))
            .collect()
    }
}

fn table_rows(db: &Connection, table: &str) -> Vec<String> {
    let mut statement = db.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..columns)
            .map(|i| row.get(i))
            .collect::<Result<Vec<Value>, _>>()
    });
    let mut rows: Vec<String> = rows
        .unwrap()
        .map(|row| format!("{:?}", row.unwrap()))
        .collect();
    rows.sort();
    rows
}

/// The first column of every row that `sql` finds.
pub(crate) fn texts(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}
