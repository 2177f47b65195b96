//! Small folders and actors, made as Drizzle makes them.

use std::fs;
use std::path::Path;

use actor_migrate::{Bundle, Expected, InspectOptions, Standing, inspect};
use rusqlite::Connection;
use tempfile::TempDir;

/// The time of the first migration of every folder here.
pub(crate) const FIRST_WHEN: i64 = 1_700_000_000_000;

/// A Drizzle 0.x folder on disk.
pub(crate) struct Folder {
    dir: TempDir,
}

/// One migration to write: tag, `when`, SQL.
pub(crate) type Entry<'a> = (&'a str, i64, &'a str);

impl Folder {
    /// Migrations a minute apart.
    pub(crate) fn new(migrations: &[(&str, &str)]) -> Self {
        let entries: Vec<_> = migrations
            .iter()
            .zip(0..)
            .map(|((tag, sql), at)| (*tag, FIRST_WHEN + at * 60_000, *sql))
            .collect();
        Self::at(&entries)
    }

    pub(crate) fn at(entries: &[Entry<'_>]) -> Self {
        let folder = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(folder.path().join("meta")).unwrap();
        let mut journal = Vec::new();
        for (idx, (tag, when, sql)) in entries.iter().enumerate() {
            fs::write(folder.path().join(format!("{tag}.sql")), sql).unwrap();
            journal.push(serde_json::json!({
                "idx": idx, "version": "6", "when": when, "tag": tag, "breakpoints": true
            }));
        }
        let journal =
            serde_json::json!({ "version": "7", "dialect": "sqlite", "entries": journal });
        folder.write_journal(&journal.to_string());
        folder
    }

    pub(crate) fn write_journal(&self, text: &str) {
        fs::write(self.path().join("meta/_journal.json"), text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn read(&self) -> (Bundle, Expected) {
        let bundle = Bundle::read(self.path()).unwrap();
        let expected = Expected::replay(&bundle).unwrap();
        (bundle, expected)
    }
}

/// A Drizzle 1.0 folder on disk: folder names and SQL.
pub(crate) fn folders(migrations: &[(&str, &str)]) -> Folder {
    let folder = Folder {
        dir: tempfile::tempdir().unwrap(),
    };
    for (name, sql) in migrations {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("migration.sql"), sql).unwrap();
    }
    folder
}

/// Runs the stock 1.0 migrator: upgrades an old ledger once, then runs what has no row of its name.
///
/// # Errors
/// SQLite's, or the text with which the upgrade stops.
pub(crate) fn drizzle_1(conn: &Connection, folder: &Folder) -> Result<usize, String> {
    let words = |error: rusqlite::Error| error.to_string();
    let (bundle, _) = folder.read();
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS __drizzle_migrations (id INTEGER PRIMARY KEY, hash text NOT NULL, \
         created_at numeric, name text, applied_at TEXT)",
    )
    .map_err(words)?;
    let named = conn
        .column_exists(None::<&str>, "__drizzle_migrations", "name")
        .map_err(words)?;
    if !named {
        upgrade_ledger(conn, &bundle)?;
    }
    let mut ran = 0;
    for entry in &bundle.entries {
        let known: bool = conn
            .query_row(
                "SELECT count(*) FROM __drizzle_migrations WHERE name = ?1",
                [&entry.tag],
                |row| row.get(0),
            )
            .map_err(words)?;
        if !known {
            conn.execute_batch(&entry.text).map_err(words)?;
            let sql =
                "INSERT INTO __drizzle_migrations (hash, created_at, name) VALUES (?1, ?2, ?3)";
            conn.execute(sql, (&entry.hash, entry.when.0, &entry.tag))
                .map_err(words)?;
            ran += 1;
        }
    }
    Ok(ran)
}

fn upgrade_ledger(conn: &Connection, bundle: &Bundle) -> Result<(), String> {
    let rows = rows(conn);
    let second = |when: i64| when.div_euclid(1000) * 1000;
    let found: Vec<_> = rows
        .iter()
        .map(|(hash, when)| {
            let same_time = bundle
                .entries
                .iter()
                .find(|entry| entry.when.0 == second(*when));
            same_time.or_else(|| bundle.entries.iter().rfind(|entry| entry.hash == *hash))
        })
        .collect();
    if found.iter().any(Option::is_none) {
        return Err("migrations in the database that do not match any local migration".to_owned());
    }
    conn.execute_batch(
        "ALTER TABLE __drizzle_migrations ADD name text; ALTER TABLE __drizzle_migrations ADD applied_at TEXT",
    )
    .unwrap();
    for ((_, when), entry) in rows.iter().zip(found.into_iter().flatten()) {
        let sql = "UPDATE __drizzle_migrations SET name = ?1 WHERE created_at = ?2";
        conn.execute(sql, (&entry.tag, when)).unwrap();
    }
    Ok(())
}

/// A database that ran the first `count` migrations as Drizzle 0.x on better-sqlite3 does.
pub(crate) fn actor(folder: &Folder, count: usize) -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    drizzle(&conn, folder, count);
    conn
}

/// Runs the stock 0.x migrator over the first `count` migrations: one high-water mark, no look at hashes.
pub(crate) fn drizzle(conn: &Connection, folder: &Folder, count: usize) {
    try_drizzle(conn, folder, count).unwrap();
}

pub(crate) fn try_drizzle(
    conn: &Connection,
    folder: &Folder,
    count: usize,
) -> rusqlite::Result<usize> {
    let bundle = Bundle::read(folder.path()).unwrap();
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS \"__drizzle_migrations\" (\n\t\t\t\tid SERIAL PRIMARY KEY,\n\t\t\t\t\
         hash text NOT NULL,\n\t\t\t\tcreated_at numeric\n\t\t\t)",
    )?;
    let last: Option<i64> = conn.query_row(
        "SELECT max(created_at) FROM __drizzle_migrations",
        [],
        |row| row.get(0),
    )?;
    let transaction = conn.unchecked_transaction()?;
    let mut ran = 0;
    for entry in bundle.entries.iter().take(count) {
        if last.is_some_and(|last| last >= entry.when.0) {
            continue;
        }
        for chunk in entry.text.split("--> statement-breakpoint") {
            transaction.execute_batch(chunk)?;
        }
        transaction.execute(
            "INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?1, ?2)",
            (&entry.hash, entry.when.0),
        )?;
        ran += 1;
    }
    transaction.commit()?;
    Ok(ran)
}

pub(crate) fn look(conn: &Connection, folder: &Folder) -> Standing {
    let (bundle, expected) = folder.read();
    inspect(conn, &bundle, &expected, &InspectOptions::default()).unwrap()
}

/// The verdict and adoption in one word each, as in JSON.
pub(crate) fn verdict(conn: &Connection, folder: &Folder) -> String {
    let standing = look(conn, folder);
    format!("{} {}", standing.verdict, standing.adoption)
}

/// A database with this schema and no ledger.
pub(crate) fn database(sql: &str) -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(sql).unwrap();
    conn
}

/// Runs the first `count` files without writing a ledger.
pub(crate) fn unjournaled(folder: &Folder, count: usize) -> Connection {
    let conn = actor(folder, count);
    conn.execute_batch("DROP TABLE __drizzle_migrations")
        .unwrap();
    conn
}

/// What the ledger holds: hash and time of every row, oldest first.
pub(crate) fn rows(conn: &Connection) -> Vec<(String, i64)> {
    let mut statement = conn
        .prepare("SELECT hash, created_at FROM __drizzle_migrations ORDER BY created_at")
        .unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// Makes the ledger say that this ran.
pub(crate) fn journal(conn: &Connection, hash: &str, when: i64) {
    let sql = "INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?1, ?2)";
    conn.execute(sql, (hash, when)).unwrap();
}

/// Everything in the database, to compare before and after.
pub(crate) fn dump(conn: &Connection) -> Vec<String> {
    let mut names = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY 1")
        .unwrap();
    let names: Vec<String> = names
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut lines = Vec::new();
    for name in names {
        let mut rows = conn
            .prepare(&format!("SELECT * FROM \"{}\"", name.replace('"', "\"\"")))
            .unwrap();
        let width = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<_> = (0..width)
                .map(|at| format!("{:?}", row.get_ref(at).unwrap()))
                .collect();
            lines.push(format!("{name}: {}", cells.join(", ")));
        }
        lines.push(name);
    }
    lines
}
