//! All that a crash could have torn, read from an actor at once.

use actor_migrate::Migrator;
use rusqlite::Connection;

/// How an actor stands: its verdict, its schema, what it says it has applied, and every row it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) verdict: String,
    fingerprint: String,
    ledger: Vec<String>,
    rows: Vec<(String, i64, String)>,
}

impl Seen {
    /// Reads it through `conn`, judged by `migrator`. An actor that SQLite finds damaged fails here.
    pub(crate) fn of(conn: &Connection, migrator: &Migrator) -> Self {
        let check: String = conn
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");
        let standing = migrator.inspect(conn).unwrap();
        let ledger = standing.ledger.entries.iter();
        Self {
            verdict: standing.verdict.to_string(),
            fingerprint: standing.fingerprint.to_string(),
            ledger: ledger.map(|row| format!("{row:?}")).collect(),
            rows: tables(conn).iter().map(|table| rows(conn, table)).collect(),
        }
    }
}

fn tables(conn: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut tables = conn.prepare(sql).unwrap();
    let names = tables.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

/// A table, how many rows it has, and what they hold but for moments, which differ from run to run.
fn rows(conn: &Connection, table: &str) -> (String, i64, String) {
    let mut select = conn.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
    let columns: Vec<_> = select
        .column_names()
        .map(|name| !matches!(name, "at" | "applied_at"))
        .collect();
    let (mut count, mut content) = (0, String::new());
    let mut found = select.query([]).unwrap();
    while let Some(row) = found.next().unwrap() {
        count += 1;
        for (index, _) in columns.iter().enumerate().filter(|(_, kept)| **kept) {
            content.push_str(&format!("{:?},", row.get_ref(index).unwrap()));
        }
    }
    (table.to_owned(), count, content)
}
