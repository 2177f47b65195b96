//! Rows as SQL that writes them again: the same values, rowids and AUTOINCREMENT watermarks.

use std::fmt::Write;

use rusqlite::types::Value;

use super::made::{Rows, Table};
use crate::bundle::{BREAKPOINT, hex};
use crate::sql::quote_name;

/// How many rows one `INSERT` carries, unless they may need each other.
const ROWS_AT_ONCE: usize = 100;

/// Statements that write `rows` into the empty tables they came from, parents first.
pub(super) fn inserts(rows: &Rows) -> Vec<String> {
    let mut statements = Vec::new();
    for name in parents_first(rows) {
        statements.extend(table_inserts(name, &rows.tables[name]));
    }
    for (name, mark) in &rows.watermarks {
        statements.extend(watermark(name, *mark, rows.tables.get(name)));
    }
    statements
}

/// The tables with rows, each after the tables that its foreign keys point at, as far as that can be.
fn parents_first(rows: &Rows) -> Vec<&str> {
    let full = |(_, table): &(&String, &Table)| !table.of_module && !table.rows.is_empty();
    let mut left: Vec<_> = rows.tables.iter().filter(full).collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let waits = |table: &Table, own: &str| {
            let ahead = |(name, _): &(&String, &Table)| {
                let name = name.to_ascii_lowercase();
                !name.eq_ignore_ascii_case(own) && table.parents.contains(&name)
            };
            left.iter().any(ahead)
        };
        let free = left.iter().position(|(name, table)| !waits(table, name));
        // In a circle nobody is free, and any order is as good.
        order.push(left.remove(free.unwrap_or(0)).0.as_str());
    }
    order
}

fn table_inserts(name: &str, table: &Table) -> Vec<String> {
    let own = name.to_ascii_lowercase();
    // A foreign key is checked at the end of a statement, so rows that may need each other go in one.
    let at_once = if table.parents.contains(&own) {
        table.rows.len()
    } else {
        ROWS_AT_ONCE
    };
    let keeps = table.rowid.is_some() && !numbered(table);
    let mut columns: Vec<_> = table
        .rowid
        .iter()
        .filter(|_| keeps)
        .map(|it| (*it).to_owned())
        .collect();
    columns.extend(table.columns.iter().map(|column| quote_name(column)));
    let skip = usize::from(table.rowid.is_some() && !keeps);
    let into = format!(
        "INSERT INTO {} ({}) VALUES\n",
        quote_name(name),
        columns.join(", ")
    );
    let batch = |rows: &[Vec<Value>]| {
        let rows = rows.iter().map(|row| tuple(&row[skip..]));
        format!("{into}{};", rows.collect::<Vec<_>>().join(",\n"))
    };
    table.rows.chunks(at_once).map(batch).collect()
}

/// Whether the rows would get their rowids by themselves: 1, 2, 3, or a column that is the rowid.
fn numbered(table: &Table) -> bool {
    let counted = table
        .rows
        .iter()
        .zip(1..)
        .all(|(row, at)| row.first() == Some(&Value::Integer(at)));
    let is_column = |at: usize| table.rows.iter().all(|row| row.get(at) == row.first());
    counted || (1..=table.columns.len()).any(is_column)
}

fn tuple(row: &[Value]) -> String {
    let values: Vec<_> = row.iter().map(literal).collect();
    format!("  ({})", values.join(", "))
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) if number.is_infinite() => {
            if *number > 0.0 { "9e999" } else { "-9e999" }.to_owned()
        }
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => quoted(text),
        Value::Blob(bytes) => format!("x'{}'", hex(bytes)),
    }
}

/// A text that neither ends the statement nor cuts the file.
fn quoted(text: &str) -> String {
    if text.contains('\0') {
        return format!("CAST(x'{}' AS TEXT)", hex(text.as_bytes()));
    }
    let mut quoted = String::new();
    for (at, part) in text.split(BREAKPOINT).enumerate() {
        let (head, tail) = BREAKPOINT.split_at(BREAKPOINT.len() / 2);
        if at > 0 {
            let _ = write!(quoted, "{head}' || '{tail}");
        }
        quoted.push_str(&part.replace('\'', "''"));
    }
    format!("'{quoted}'")
}

/// What brings the watermark of a table to `mark`, unless its rows do already.
fn watermark(name: &str, mark: i64, table: Option<&Table>) -> Option<String> {
    let name = quoted(name);
    match table.and_then(|table| table.rows.last()?.first()) {
        Some(Value::Integer(last)) if *last == mark => None,
        Some(_) => Some(format!(
            "UPDATE sqlite_sequence SET seq = {mark} WHERE name = {name};"
        )),
        None => Some(format!(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ({name}, {mark});"
        )),
    }
}
