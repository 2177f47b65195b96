//! Reads `sqlite_schema` in one statement.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::{Entry, Key, Kind, Object, Schema, is_runtime};
use crate::error::MigrateError;

/// Reads the whole schema of the main database, whose ledger is set aside. Objects that `known` has as
/// well are shared with it.
pub(crate) fn read(
    conn: &Connection,
    ledger: &str,
    known: &Schema,
) -> Result<Schema, MigrateError> {
    let entries = read_since(conn, 0, known)?;
    let shadows = if entries.iter().any(|entry| entry.object.is_virtual()) {
        shadow_tables(conn)?
    } else {
        HashSet::new()
    };
    let mut schema = Schema::default();
    for entry in entries {
        let table = &entry.object.table;
        if shadows.contains(&table.to_ascii_lowercase()) {
            continue;
        }
        if is_runtime(&entry.object, ledger) {
            schema.aside.push(entry.object);
        } else {
            schema.insert(entry);
        }
    }
    Ok(schema)
}

/// The objects whose row in `sqlite_schema` is greater than `row`, in order.
pub(crate) fn read_since(
    conn: &Connection,
    row: i64,
    known: &Schema,
) -> Result<Vec<Entry>, MigrateError> {
    let failed = || MigrateError::sqlite("read the schema");
    let mut statement = conn
        .prepare(
            "SELECT rowid, type, name, tbl_name, sql FROM main.sqlite_schema \
             WHERE rowid > ?1 AND sql IS NOT NULL ORDER BY rowid",
        )
        .map_err(failed())?;
    let entries = statement
        .query_map([row], |row| Ok(read_entry(row, known)))
        .map_err(failed())?;
    entries
        .filter_map(Result::transpose)
        .collect::<Result<_, _>>()
        .map_err(failed())
}

/// The greatest row of `sqlite_schema`, whatever it holds.
pub(crate) fn last_row(conn: &Connection) -> Result<i64, MigrateError> {
    conn.query_row(
        "SELECT coalesce(max(rowid), 0) FROM main.sqlite_schema",
        [],
        |row| row.get(0),
    )
    .map_err(MigrateError::sqlite("read the schema"))
}

/// An object of a type that this SQLite does not know is left out: no SQLite makes one.
fn read_entry(row: &Row<'_>, known: &Schema) -> Option<Entry> {
    let kind = match text(row, 1)?.as_ref() {
        "table" => Kind::Table,
        "index" => Kind::Index,
        "view" => Kind::View,
        "trigger" => Kind::Trigger,
        _ => return None,
    };
    let (name, table, sql) = (text(row, 2)?, text(row, 3)?, text(row, 4)?);
    let key = Key::new(kind, &name);
    let same =
        |object: &&Arc<Object>| object.name == name && object.table == table && object.sql == sql;
    let object = match known.get(&key).filter(same) {
        Some(object) => Arc::clone(object),
        None => Arc::new(Object::new(kind, name.into(), table.into(), sql.into())),
    };
    Some(Entry {
        row: row.get(0).ok()?,
        object,
    })
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> Option<Cow<'a, str>> {
    match row.get_ref(column).ok()? {
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes)),
        _ => None,
    }
}

/// The tables behind virtual tables, which their module keeps.
fn shadow_tables(conn: &Connection) -> Result<HashSet<String>, MigrateError> {
    let failed = || MigrateError::sqlite("list the shadow tables");
    let mut statement = conn
        .prepare(
            "SELECT lower(name) FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'",
        )
        .map_err(failed())?;
    let names = statement
        .query_map([], |row| row.get(0))
        .map_err(failed())?;
    names.collect::<Result<_, _>>().map_err(failed())
}
