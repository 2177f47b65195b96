//! What must not change while a plan runs: rows of tables nobody writes, and references to rows that exist.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::error::{MigrateError, RowChange, Violation, sqlite_words};
use crate::limits::VIOLATIONS_SHOWN_MAX;
use crate::plan::Plan;
use crate::schema::{Schema, starts_with};
use crate::sql::{Head, head, quote_name};

/// How many rows of a table point at a parent that is not there, by table, parent and key.
type Broken = BTreeMap<(String, String, i64), usize>;

/// The state before the plan.
pub(super) struct Guards {
    rows: BTreeMap<String, u64>,
    broken: Broken,
    /// Tables whose rows the plan may change, in lower case.
    declared: BTreeSet<String>,
}

impl Guards {
    pub(super) fn before(
        conn: &Connection,
        schema: &Schema,
        plan: &Plan,
    ) -> Result<Self, MigrateError> {
        let allowed = plan.options.rows_may_change.iter();
        let mut shrinks = plan.deletes.clone();
        shrinks.extend(allowed.map(|table| table.to_ascii_lowercase()));
        if !plan.foreign_keys_off {
            add_cascades(conn, &mut shrinks)?;
        }
        let declared = plan.writes.union(&shrinks).cloned().collect();
        Ok(Self {
            rows: count_rows(conn, schema, plan)?,
            broken: broken(conn, schema)?,
            declared,
        })
    }

    pub(super) fn check(
        &self,
        conn: &Connection,
        after: &Schema,
        plan: &Plan,
    ) -> Result<(), MigrateError> {
        self.check_references(conn, after)?;
        self.check_rows(&count_rows(conn, after, plan)?, plan)
    }

    fn check_references(&self, conn: &Connection, after: &Schema) -> Result<(), MigrateError> {
        let now = broken(conn, after)?;
        let worse: Vec<_> = now
            .iter()
            .filter(|(key, count)| self.broken.get(*key).is_none_or(|before| before < *count))
            .collect();
        if worse.is_empty() {
            return Ok(());
        }
        let added = |(key, count): &(&(String, String, i64), &usize)| {
            **count - self.broken.get(*key).copied().unwrap_or(0)
        };
        let count = worse.iter().map(added).sum();
        let tables: BTreeSet<_> = worse
            .iter()
            .map(|((table, ..), _)| table.as_str())
            .collect();
        Err(MigrateError::ForeignKeysBroken {
            count,
            violations: violations(conn, &tables)?,
        })
    }

    fn check_rows(&self, after: &BTreeMap<String, u64>, plan: &Plan) -> Result<(), MigrateError> {
        let fates = fates(&self.rows, plan);
        let changed = self.rows.iter().filter_map(|(table, before)| {
            let now = fates.get(table).cloned().flatten()?;
            let after = *after.get(&now)?;
            let guarded = !self.declared.contains(table) && *before != after;
            guarded.then(|| RowChange {
                table: table.clone(),
                before: *before,
                after,
            })
        });
        let tables: Vec<_> = changed.collect();
        if tables.is_empty() {
            Ok(())
        } else {
            Err(MigrateError::RowsChanged { tables })
        }
    }
}

/// Under what name each table's rows are found after the plan; `None` for a table that it drops for good.
///
/// A rebuild drops a table and gives its name to the copy: the rows are then compared with the copy's.
fn fates(rows: &BTreeMap<String, u64>, plan: &Plan) -> BTreeMap<String, Option<String>> {
    let mut fates: BTreeMap<String, Option<String>> = rows
        .keys()
        .map(|table| (table.clone(), Some(table.clone())))
        .collect();
    for sql in plan.statements() {
        match head(sql) {
            Head::DropTable(table) => {
                let table = table.to_ascii_lowercase();
                fates
                    .values_mut()
                    .filter(|fate| fate.as_ref() == Some(&table))
                    .for_each(|fate| *fate = None);
            }
            Head::Rename { from, to } => {
                let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
                for fate in fates
                    .values_mut()
                    .filter(|fate| fate.as_ref() == Some(&from))
                {
                    *fate = Some(to.clone());
                }
                if let Some(fate @ None) = fates.get_mut(&to) {
                    *fate = Some(to);
                }
            }
            _ => {}
        }
    }
    fates
}

/// With foreign keys on, deleting from a parent may rightly change its children. What REPLACE takes from the parent
/// is no delete that anybody wrote, so its children stay guarded.
fn add_cascades(conn: &Connection, declared: &mut BTreeSet<String>) -> Result<(), MigrateError> {
    let failed = || MigrateError::sqlite("list foreign keys");
    let mut statement = conn
        .prepare(
            "SELECT lower(s.name), lower(f.\"table\") FROM sqlite_schema s, pragma_foreign_key_list(s.name) f \
             WHERE s.type = 'table' AND f.on_delete = 'CASCADE'",
        )
        .map_err(failed())?;
    let pairs = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(failed())?;
    let pairs: Vec<(String, String)> = pairs.collect::<Result<_, _>>().map_err(failed())?;
    loop {
        let known = declared.len();
        for (child, parent) in &pairs {
            if declared.contains(parent) {
                declared.insert(child.clone());
            }
        }
        if declared.len() == known {
            return Ok(());
        }
    }
}

/// The rows of every table but the ledger, our own, and SQLite's: its watermarks and statistics of a table go
/// with the table.
fn count_rows(
    conn: &Connection,
    schema: &Schema,
    plan: &Plan,
) -> Result<BTreeMap<String, u64>, MigrateError> {
    let failed = || MigrateError::sqlite("count rows");
    let mut rows = BTreeMap::new();
    let tables = schema.plain_tables(&plan.table);
    for table in tables.filter(|table| !starts_with(table, "sqlite_")) {
        let sql = format!("SELECT count(*) FROM main.{}", quote_name(table));
        let count: i64 = conn
            .query_row(&sql, [], |row| row.get(0))
            .map_err(failed())?;
        rows.insert(table.to_ascii_lowercase(), count.unsigned_abs());
    }
    Ok(rows)
}

fn broken(conn: &Connection, schema: &Schema) -> Result<Broken, MigrateError> {
    let mut broken = Broken::new();
    for table in schema.plain_tables("") {
        match broken_in(conn, table) {
            Ok(found) => broken.extend(found),
            // "foreign key mismatch": the parent has no such key, so nothing can be said of its rows.
            Err(rusqlite::Error::SqliteFailure(_, Some(message)))
                if message.contains("mismatch") =>
            {
                broken.insert((table.to_owned(), message, -1), 1);
            }
            Err(error) => return Err(MigrateError::sqlite("check foreign keys")(error)),
        }
    }
    Ok(broken)
}

fn broken_in(conn: &Connection, table: &str) -> rusqlite::Result<Broken> {
    let mut statement = conn.prepare(
        "SELECT \"table\", parent, fkid, count(*) FROM pragma_foreign_key_check(?1) GROUP BY 1, 2, 3",
    )?;
    let rows = statement.query_map([table], |row| {
        let count: i64 = row.get(3)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Ok(((row.get(0)?, row.get(1)?, row.get(2)?), count))
    })?;
    rows.collect()
}

/// The first broken references, for the error that names them.
fn violations(conn: &Connection, tables: &BTreeSet<&str>) -> Result<Vec<Violation>, MigrateError> {
    let failed = || MigrateError::sqlite("list broken foreign keys");
    let mut found = Vec::new();
    for table in tables {
        let left = VIOLATIONS_SHOWN_MAX.saturating_sub(found.len());
        let sql = format!(
            "SELECT \"table\", rowid, parent, fkid FROM pragma_foreign_key_check(?1) LIMIT {left}"
        );
        let mut statement = conn.prepare(&sql).map_err(failed())?;
        let rows = statement.query_map([table], |row| {
            Ok(Violation {
                table: row.get(0)?,
                rowid: row.get(1)?,
                parent: row.get(2)?,
                key: row.get(3)?,
            })
        });
        let rows: Result<Vec<_>, _> = rows.map_err(failed())?.collect();
        match rows {
            Ok(rows) => found.extend(rows),
            // The parent lost its key: then it is the definition that breaks, and no row can be named.
            Err(error) if sqlite_words(&error).contains("mismatch") => {}
            Err(error) => return Err(failed()(error)),
        }
    }
    Ok(found)
}
