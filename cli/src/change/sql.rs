//! A plan as the SQL that it runs, for people to read.

use std::fmt;

use actor_migrate::{ARCHIVE_TABLE, LedgerFormat, Millis, Plan, Step};

use crate::output::count;

/// Every step, in order. What is no single statement is a comment.
pub(super) fn script(plan: &Plan) -> Vec<String> {
    let switch = plan
        .foreign_keys_off
        .then(|| "PRAGMA foreign_keys = OFF; -- outside the transaction".to_owned());
    switch
        .into_iter()
        .chain(plan.steps.iter().map(|step| sql(plan, step)))
        .collect()
}

/// Writes a script, indented.
pub(super) fn write(f: &mut fmt::Formatter<'_>, script: &[String]) -> fmt::Result {
    script
        .iter()
        .flat_map(|statement| statement.lines())
        .try_for_each(|line| writeln!(f, "  {line}"))
}

fn sql(plan: &Plan, step: &Step) -> String {
    let table = quoted(&plan.table);
    match step {
        Step::CreateLedger { sql } | Step::Run { sql, .. } | Step::Repair { sql, .. } => {
            terminated(sql)
        }
        Step::Verify { sql, .. } => format!("{}; -- must be 0", sql.trim()),
        Step::AddNames => format!(
            "ALTER TABLE {table} ADD COLUMN \"name\" text;\nALTER TABLE {table} ADD COLUMN \"applied_at\" TEXT;"
        ),
        Step::NameRow {
            migration,
            hash,
            created_at,
        } => {
            let when = created_at.map_or("NULL".to_owned(), |when| when.to_string());
            format!(
                "UPDATE {table} SET name = {} WHERE hash = {} AND created_at IS {when};",
                text(migration),
                text(hash)
            )
        }
        Step::ArchiveRows { rows } => format!(
            "-- copy {} of {table} to {ARCHIVE_TABLE}",
            count(*rows, "row")
        ),
        Step::DeleteRows { rows } => format!("DELETE FROM {table}; -- {}", count(*rows, "row")),
        Step::InsertRow {
            migration,
            hash,
            created_at,
        } => insert(plan.format, &table, migration, hash, *created_at),
        Step::UpdateRow {
            migration,
            hash,
            created_at,
        } => format!(
            "UPDATE {table} SET hash = '{hash}', created_at = {created_at} WHERE name = {};",
            text(migration)
        ),
        Step::RestoreRows => {
            format!(
                "-- put {table} back as it was before its last adoption or upgrade, from {ARCHIVE_TABLE}"
            )
        }
        // A step that is newer than this file is shown by its name rather than left out.
        other => format!("-- {other:?}"),
    }
}

/// A row for a migration, in the columns that its reader has.
fn insert(format: LedgerFormat, table: &str, tag: &str, hash: &str, when: Millis) -> String {
    match format {
        LedgerFormat::Wrangler => {
            format!(
                "INSERT INTO {table} (name) VALUES ({});",
                text(&format!("{tag}.sql"))
            )
        }
        LedgerFormat::Drizzle1 => format!(
            "INSERT INTO {table} (hash, created_at, name) VALUES ('{hash}', {when}, {}); -- and applied_at, the time",
            text(tag)
        ),
        _ => format!("INSERT INTO {table} (hash, created_at) VALUES ('{hash}', {when}); -- {tag}"),
    }
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn terminated(sql: &str) -> String {
    let sql = sql.trim();
    if sql.ends_with(';') {
        sql.to_owned()
    } else {
        format!("{sql};")
    }
}
