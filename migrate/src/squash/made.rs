//! What migrations make of an empty database: its rows as they are in the end, and whether they are the
//! same each time.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::Value;

use crate::bundle::Migration;
use crate::error::MigrateError;
use crate::limits::REPLAY_TIME_MAX;
use crate::replay::Sandbox;
use crate::schema::starts_with;
use crate::sql::{Head, head, quote_name};

/// The rows of one table, each with its rowid first where the table has one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Table {
    /// Whether a module keeps it: a virtual table, or one behind a virtual table.
    pub(super) of_module: bool,
    /// The name under which the rowid can be read and written, if there is one.
    pub(super) rowid: Option<&'static str>,
    /// The columns that can be written.
    pub(super) columns: Vec<String>,
    /// The tables that its foreign keys point at, in lower case.
    pub(super) parents: Vec<String>,
    pub(super) rows: Vec<Vec<Value>>,
}

/// Every table of the main database, by name.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Rows {
    pub(super) tables: BTreeMap<String, Table>,
    /// The AUTOINCREMENT watermark of each table that has one above zero.
    pub(super) watermarks: BTreeMap<String, i64>,
}

impl Rows {
    /// Whether nobody wrote anything.
    pub(super) fn is_empty(&self) -> bool {
        let full = |table: &Table| !table.of_module && !table.rows.is_empty();
        self.watermarks.is_empty() && !self.tables.values().any(full)
    }

    /// The first table whose rows differ. Where there are none, its columns are the schema's business.
    pub(super) fn first_difference<'a>(&'a self, other: &'a Self) -> Option<&'a str> {
        let tables = self.tables.keys().chain(other.tables.keys());
        let marks = self.watermarks.keys().chain(other.watermarks.keys());
        let rows = |name: &&String| {
            let both = (self.tables.get(*name), other.tables.get(*name));
            let empty = |table: &Table| table.rows.is_empty();
            both.0 != both.1
                && !matches!(both, (Some(ours), Some(its)) if empty(ours) && empty(its))
        };
        let mark = |name: &&String| self.watermarks.get(*name) != other.watermarks.get(*name);
        let first = tables
            .clone()
            .find(rows)
            .or_else(|| marks.clone().find(mark));
        first.map(String::as_str)
    }

    /// How many rows each table holds, and nothing of what they say.
    pub(super) fn counts(&self) -> BTreeMap<&str, usize> {
        let ours = self.tables.iter().filter(|(_, table)| !table.of_module);
        ours.map(|(name, table)| (name.as_str(), table.rows.len()))
            .collect()
    }
}

/// What a run does when SQL asks for chance or for the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// As SQLite does.
    Real,
    /// Another outcome than any real one.
    Other,
}

/// Runs `entries` on an empty database in memory and says what rows there are in the end.
pub(super) fn rows(entries: &[Migration], fate: Fate) -> Result<Rows, MigrateError> {
    let sandbox = Sandbox::open(REPLAY_TIME_MAX)?;
    if fate == Fate::Other {
        tempt(&sandbox.conn).map_err(MigrateError::sqlite("replace functions"))?;
    }
    for migration in entries {
        for statement in &migration.statements {
            if head(migration.sql(statement)) != Head::ForeignKeys {
                sandbox.run(migration, statement)?;
            }
        }
    }
    read(&sandbox.conn).map_err(MigrateError::sqlite("read rows"))
}

/// Replaces what can differ from run to run by what surely does.
fn tempt(conn: &Connection) -> rusqlite::Result<()> {
    // A migration may use them where SQLite asks for a promise that they are deterministic.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("random", 0, flags, |_| Ok(i64::MIN + 4711))?;
    conn.create_scalar_function("randomblob", 1, flags, |context| {
        let bytes = usize::try_from(context.get::<i64>(0)?.max(1)).unwrap_or(1);
        Ok(vec![0x47_u8; bytes.min(1 << 20)])
    })?;
    for (name, fixed) in [
        ("current_timestamp", "1999-12-31 23:59:59"),
        ("current_date", "1999-12-31"),
        ("current_time", "23:59:59.9"),
    ] {
        conn.create_scalar_function(name, 0, flags, move |_| Ok(fixed))?;
    }
    for name in [
        "date",
        "time",
        "datetime",
        "julianday",
        "unixepoch",
        "strftime",
    ] {
        let plain = Connection::open_in_memory()?;
        conn.create_scalar_function(name, -1, flags, move |context| {
            another_time(&plain, name, context)
        })?;
    }
    Ok(())
}

/// The function as SQLite has it, at the end of another millennium.
fn another_time(plain: &Connection, name: &str, context: &Context<'_>) -> rusqlite::Result<Value> {
    let mut arguments = (0..context.len())
        .map(|at| context.get::<Value>(at))
        .collect::<rusqlite::Result<Vec<_>>>()?;
    // strftime's first argument is a format.
    let time = usize::from(name == "strftime");
    let other = || Value::Text("1999-12-31 23:59:59.9".to_owned());
    match arguments.get_mut(time) {
        None => arguments.push(other()),
        Some(moment) => {
            if matches!(moment, Value::Text(text) if text.eq_ignore_ascii_case("now")) {
                *moment = other();
            }
        }
    }
    let marks = vec!["?"; arguments.len()].join(", ");
    let sql = format!("SELECT {name}({marks})");
    plain.query_row(&sql, rusqlite::params_from_iter(arguments), |row| {
        row.get(0)
    })
}

/// Every row of the main database.
pub(super) fn read(conn: &Connection) -> rusqlite::Result<Rows> {
    let mut rows = Rows::default();
    let mut list = conn.prepare(
        "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND type <> 'view'",
    )?;
    let list = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    for table in list.collect::<rusqlite::Result<Vec<(String, String, bool)>>>()? {
        let (name, kind, without_rowid) = table;
        if starts_with(&name, "sqlite_") {
            continue;
        }
        let of_module = kind != "table";
        let table = read_table(conn, &name, of_module, without_rowid)?;
        rows.tables.insert(name, table);
    }
    rows.watermarks = watermarks(conn)?;
    Ok(rows)
}

fn read_table(
    conn: &Connection,
    name: &str,
    of_module: bool,
    without_rowid: bool,
) -> rusqlite::Result<Table> {
    // Hidden columns of virtual tables and generated columns cannot be written.
    let columns = texts(
        conn,
        "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid",
        name,
    )?;
    let taken = |alias: &&str| !columns.iter().any(|it| it.eq_ignore_ascii_case(alias));
    let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(taken);
    let rowid = rowid.filter(|_| !without_rowid);
    let mut wanted: Vec<_> = rowid.iter().map(|rowid| (*rowid).to_owned()).collect();
    wanted.extend(columns.iter().map(|column| quote_name(column)));
    let wanted = if wanted.is_empty() {
        "NULL".to_owned()
    } else {
        wanted.join(", ")
    };
    let order = if rowid.is_some() { " ORDER BY 1" } else { "" };
    let sql = format!("SELECT {wanted} FROM main.{}{order}", quote_name(name));
    let mut statement = conn.prepare(&sql)?;
    let width = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..width).map(|at| row.get(at)).collect();
    let mut rows = statement
        .query_map([], row)?
        .collect::<rusqlite::Result<Vec<Vec<Value>>>>()?;
    if rowid.is_none() {
        rows.sort_by_cached_key(|row| format!("{row:?}"));
    }
    let parents = "SELECT DISTINCT lower(\"table\") FROM pragma_foreign_key_list(?1) ORDER BY 1";
    Ok(Table {
        of_module,
        rowid,
        parents: texts(conn, parents, name)?,
        columns,
        rows,
    })
}

fn texts(conn: &Connection, sql: &str, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare(sql)?;
    let texts = statement.query_map([table], |row| row.get(0))?;
    texts.collect()
}

fn watermarks(conn: &Connection) -> rusqlite::Result<BTreeMap<String, i64>> {
    if !conn.table_exists(Some("main"), "sqlite_sequence")? {
        return Ok(BTreeMap::new());
    }
    let mut statement = conn.prepare("SELECT name, seq FROM main.sqlite_sequence WHERE seq > 0")?;
    let marks = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    marks.collect()
}
