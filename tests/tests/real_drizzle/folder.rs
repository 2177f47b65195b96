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

/// A folder of 0.x in the layout of 1.0, as `drizzle-kit up` names it.
pub(crate) fn as_folders(old: &Path) -> TempDir {
    let dir = TempDir::new().unwrap();
    let clock = Connection::open_in_memory().unwrap();
    for entry in entries(old) {
        let when = entry["when"].as_i64().unwrap();
        let sql = "SELECT strftime('%Y%m%d%H%M%S', ?1 / 1000, 'unixepoch')";
        let stamp: String = clock.query_row(sql, [when], |row| row.get(0)).unwrap();
        let tag = entry["tag"].as_str().unwrap();
        let (_, name) = tag.split_once('_').unwrap();
        let home = dir.path().join(format!("{stamp}_{name}"));
        std::fs::create_dir(&home).unwrap();
        std::fs::copy(old.join(format!("{tag}.sql")), home.join("migration.sql")).unwrap();
    }
    dir
}

/// A release that had only the first `count` migrations of a folder of 0.x.
pub(crate) fn release(folder: &Path, count: usize) -> TempDir {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("meta")).unwrap();
    let entries: Vec<_> = entries(folder).into_iter().take(count).collect();
    for entry in &entries {
        let file = format!("{}.sql", entry["tag"].as_str().unwrap());
        std::fs::copy(folder.join(&file), dir.path().join(&file)).unwrap();
    }
    let journal = json!({"version": "7", "dialect": "sqlite", "entries": entries});
    std::fs::write(dir.path().join("meta/_journal.json"), journal.to_string()).unwrap();
    dir
}

fn entries(folder: &Path) -> Vec<serde_json::Value> {
    let journal = std::fs::read(folder.join("meta/_journal.json")).unwrap();
    let journal: serde_json::Value = serde_json::from_slice(&journal).unwrap();
    journal["entries"].as_array().unwrap().clone()
}

/// Something in `fixtures/`.
pub(crate) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures")
        .join(path)
}

/// The fixtures of one actor of the coding-agent backend.
pub(crate) fn actor(name: &str) -> PathBuf {
    fixture("coding-agent").join(name)
}

/// Tags and SQL of the migrations after the first `done`. A breakpoint is a comment, so the files run as they are.
pub(crate) fn pending_sql(folder: &Path, done: usize) -> (Vec<String>, String) {
    let entries = entries(folder).into_iter().skip(done);
    let tags: Vec<String> = entries
        .map(|entry| entry["tag"].as_str().unwrap().to_owned())
        .collect();
    let files = tags.iter().map(|tag| folder.join(format!("{tag}.sql")));
    let sql = files.map(|file| std::fs::read_to_string(file).unwrap() + ";\n");
    let sql = sql.collect();
    (tags, sql)
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

    /// Every row of every table that is the actor's own, sorted, by table.
    pub(crate) fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let db = self.open();
        let tables = texts(
            &db,
            &format!("SELECT name FROM sqlite_schema WHERE type = 'table' {OWN}"),
        );
        let rows = |table: String| (table.clone(), table_rows(&db, &table));
        tables.into_iter().map(rows).collect()
    }

    /// The text of everything that is the actor's own, as SQLite keeps it.
    pub(crate) fn schema(&self) -> Vec<String> {
        let sql = format!(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL {OWN} ORDER BY type, name"
        );
        texts(&self.open(), &sql)
    }

    /// Drizzle's journal.
    pub(crate) fn journal(&self) -> Vec<String> {
        table_rows(&self.open(), "__drizzle_migrations")
    }
}

/// Leaves out what a migrator keeps for itself.
const OWN: &str = "AND name NOT GLOB '__drizzle_*' AND name NOT GLOB '__actor_migrate_*'";

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
