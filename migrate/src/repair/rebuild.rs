//! One table made anew from the target's text, with the rows it had.

use std::collections::BTreeSet;

use super::RepairStatement;
use super::refusal::Refused;
use crate::schema::{Object, Shape};
use crate::sql::quote_name;

/// Where the rows wait while their table is made anew, in the temporary database.
const HELD: &str = "__actor_migrate_held";

/// The statements that make `old` to `new`. Columns in `converted` may change how they store a value.
pub(super) fn rebuild(
    old: &Object,
    new: &Object,
    converted: &BTreeSet<String>,
) -> Result<Vec<RepairStatement>, Refused> {
    let (Some(before), Some(after)) = (Shape::of(old), Shape::of(new)) else {
        return Err(impossible(
            new,
            "SQL cannot be derived for a definition of this sort",
        ));
    };
    let copy = Copy::new(new, &before, &after, converted);
    if copy.columns.is_empty() {
        return Err(impossible(
            new,
            "the table there and the table wanted share no column",
        ));
    }
    let mut script = Script::new(new);
    let keeps_watermark = before.autoincrement && after.autoincrement;
    script.push(copy.hold(old));
    if keeps_watermark {
        script.push(rename_watermark(&old.name, HELD));
    }
    script.push(format!("DROP TABLE main.{}", quote_name(&old.name)));
    script.push(new.sql.clone());
    script.push(copy.give_back());
    script.check(copy.lost_rows());
    if keeps_watermark {
        script.watermark(&new.name);
    }
    script.push(format!("DROP TABLE temp.{}", quote_name(HELD)));
    Ok(script.statements)
}

fn impossible(table: &Object, reason: &'static str) -> Refused {
    Refused::Impossible {
        object: format!("{} {}", table.kind, table.name),
        reason,
    }
}

struct Script<'a> {
    table: &'a Object,
    statements: Vec<RepairStatement>,
}

impl<'a> Script<'a> {
    fn new(table: &'a Object) -> Self {
        Self {
            table,
            statements: Vec::new(),
        }
    }

    fn push(&mut self, sql: String) {
        self.add(sql, false);
    }

    fn check(&mut self, sql: String) {
        self.add(sql, true);
    }

    fn add(&mut self, sql: String, is_check: bool) {
        let object = format!("{} {}", self.table.kind, self.table.name);
        self.statements.push(RepairStatement {
            object,
            sql,
            is_check,
        });
    }

    /// The larger of both watermarks stays: an id that was given away once is never given again.
    fn watermark(&mut self, table: &str) {
        let (name, held) = (text(table), text(HELD));
        self.push(format!(
            "UPDATE main.sqlite_sequence SET seq = max(seq, coalesce((SELECT max(own.seq) FROM \
             main.sqlite_sequence own WHERE own.name = {name}), 0)) WHERE name = {held}"
        ));
        self.push(format!(
            "DELETE FROM main.sqlite_sequence WHERE name = {name} AND EXISTS (SELECT 1 FROM \
             main.sqlite_sequence WHERE name = {held})"
        ));
        self.push(rename_watermark(HELD, table));
    }
}

fn rename_watermark(from: &str, to: &str) -> String {
    let (from, to) = (text(from), text(to));
    format!("UPDATE main.sqlite_sequence SET name = {to} WHERE name = {from}")
}

/// What is copied from the old table to the new one, by way of untyped columns `c0`, `c1`, …
struct Copy {
    /// The new table, qualified.
    table: String,
    /// The names in the old and in the new table, quoted, and whether values may be converted.
    columns: Vec<Column>,
}

struct Column {
    from: String,
    to: String,
    converted: bool,
}

impl Copy {
    fn new(new: &Object, before: &Shape, after: &Shape, converted: &BTreeSet<String>) -> Self {
        let rowid = before.hidden_rowid(after).map(|name| Column {
            from: name.to_owned(),
            to: name.to_owned(),
            converted: false,
        });
        let names = before.shared(after).into_iter().map(|from| {
            let path = format!("{}.{from}", new.name).to_ascii_lowercase();
            Column {
                from: quote_name(from),
                to: quote_name(from),
                converted: converted.contains(&path),
            }
        });
        Self {
            table: format!("main.{}", quote_name(&new.name)),
            columns: rowid.into_iter().chain(names).collect(),
        }
    }

    fn list(&self, show: impl Fn(usize, &Column) -> String) -> String {
        let columns = self.columns.iter().enumerate();
        let shown: Vec<_> = columns.map(|(at, column)| show(at, column)).collect();
        shown.join(", ")
    }

    fn hold(&self, old: &Object) -> String {
        // A plus takes away the column's type, which would convert the values of an ANY column.
        let from = self.list(|at, column| format!("+{} AS c{at}", column.from));
        format!(
            "CREATE TEMP TABLE {} AS SELECT {from} FROM main.{}",
            quote_name(HELD),
            quote_name(&old.name)
        )
    }

    fn give_back(&self) -> String {
        let to = self.list(|_, column| column.to.clone());
        let held = self.list(|at, _| format!("c{at}"));
        format!(
            "INSERT INTO {} ({to}) SELECT {held} FROM temp.{}",
            self.table,
            quote_name(HELD)
        )
    }

    /// How many rows are not in the new table as they were, with the sort of every value.
    fn lost_rows(&self) -> String {
        let value = |column: &Column, name: &str| match column.converted {
            true => String::new(),
            false => format!("typeof({name}), {name}, "),
        };
        let held = self.list_values(|at, column| value(column, &format!("c{at}")));
        let now = self.list_values(|_, column| value(column, &column.to));
        format!(
            "SELECT count(*) FROM (SELECT {held} FROM temp.{} EXCEPT SELECT {now} FROM {})",
            quote_name(HELD),
            self.table
        )
    }

    fn list_values(&self, show: impl Fn(usize, &Column) -> String) -> String {
        let columns = self.columns.iter().enumerate();
        let shown: String = columns.map(|(at, column)| show(at, column)).collect();
        shown + "1"
    }
}

/// A string literal.
fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
