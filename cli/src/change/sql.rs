//! A plan as the SQL that it runs, for people to read.

use std::fmt;

use actor_migrate::{ARCHIVE_TABLE, Plan, Step};

use crate::output::count;

/// Every step, in order. What is no single statement is a comment.
pub(super) fn script(plan: &Plan) -> Vec<String> {
    let switch = plan
        .foreign_keys_off
        .then(|| "PRAGMA foreign_keys = OFF; -- outside the transaction".to_owned());
    switch
        .into_iter()
        .chain(plan.steps.iter().map(|step| sql(&plan.table, step)))
        .collect()
}

/// Writes a script, indented.
pub(super) fn write(f: &mut fmt::Formatter<'_>, script: &[String]) -> fmt::Result {
    script
        .iter()
        .flat_map(|statement| statement.lines())
        .try_for_each(|line| writeln!(f, "  {line}"))
}

fn sql(table: &str, step: &Step) -> String {
    let table = quoted(table);
    match step {
        Step::CreateLedger { sql } | Step::Run { sql, .. } | Step::Repair { sql, .. } => {
            terminated(sql)
        }
        Step::Verify { sql, .. } => format!("{}; -- must be 0", sql.trim()),
        Step::AddNames => format!("-- give {table} the columns name and applied_at"),
        Step::NameRow {
            migration,
            created_at,
        } => {
            let name = migration.replace('\'', "''");
            format!("UPDATE {table} SET name = '{name}' WHERE created_at = {created_at};")
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
        } => {
            format!(
                "INSERT INTO {table} (hash, created_at) VALUES ('{hash}', {created_at}); -- {migration}"
            )
        }
        Step::UpdateRow {
            migration,
            hash,
            created_at,
        } => {
            let name = migration.replace('\'', "''");
            format!(
                "UPDATE {table} SET hash = '{hash}', created_at = {created_at} WHERE name = '{name}';"
            )
        }
        Step::RestoreRows => {
            format!("-- put the rows of the last adoption back from {ARCHIVE_TABLE} into {table}")
        }
        // A step that is newer than this file is shown by its name rather than left out.
        other => format!("-- {other:?}"),
    }
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
