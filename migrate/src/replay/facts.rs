//! What each migration does beyond the schema, and what the runners it was written for would do in silence.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::sandbox::Notes;
use crate::bundle::Migration;
use crate::error::MigrateError;
use crate::schema::{Kind, Schema};
use crate::sql::{Head, Statement};
use crate::verdict::{Hazard, HazardCode};

/// What was learnt of one migration while it ran.
#[derive(Debug, Clone, Default)]
pub(crate) struct MigrationFacts {
    /// Tables whose rows its statements name as written, in lower case.
    pub(crate) writes: BTreeSet<String>,
    /// Tables that its statements delete rows from in so many words, in lower case: not what REPLACE takes away.
    pub(crate) deletes: BTreeSet<String>,
    /// The numbers of the statements that write rows other than by copying a table that is being rebuilt.
    pub(crate) data_statements: Vec<usize>,
    /// Whether it must run without foreign keys: it asks for that, or it drops a table.
    pub(crate) foreign_keys_off: bool,
    pub(crate) hazards: Vec<Hazard>,
}

/// Collects the facts of one migration, statement by statement.
pub(super) struct Collector<'a> {
    migration: &'a Migration,
    facts: MigrationFacts,
    /// Statement number and the tables it writes.
    written: Vec<(usize, BTreeSet<String>)>,
    renamed: BTreeSet<String>,
    dropped_triggers: BTreeSet<String>,
    /// The tables it drops, in lower case, and by which statement.
    dropped_tables: BTreeMap<String, usize>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(migration: &'a Migration) -> Self {
        let mut collector = Self {
            migration,
            facts: MigrationFacts::default(),
            written: Vec::new(),
            renamed: BTreeSet::new(),
            dropped_triggers: BTreeSet::new(),
            dropped_tables: BTreeMap::new(),
        };
        collector.chunk_hazards();
        collector
    }

    fn hazard(&mut self, code: HazardCode, statement: Option<usize>, message: String) {
        let migration = Some(self.migration.tag.clone());
        self.facts.hazards.push(Hazard {
            code,
            message,
            migration,
            statement,
        });
    }

    /// Several statements in a chunk, and chunks without any: drivers differ.
    fn chunk_hazards(&mut self) {
        let statements = &self.migration.statements;
        let second: Vec<_> = statements
            .windows(2)
            .filter(|pair| pair[0].chunk == pair[1].chunk)
            .map(|pair| pair[1].number)
            .collect();
        if let Some(first) = second.first() {
            let message = format!(
                "{} of {} statements share a chunk with another: bun:sqlite, libsql and sql.js run \
                 only the first of a chunk and journal the migration as done; better-sqlite3 refuses it",
                second.len() + 1,
                statements.len()
            );
            self.hazard(HazardCode::SharedChunk, Some(*first), message);
        }
        let filled: BTreeSet<_> = statements.iter().map(|statement| statement.chunk).collect();
        if filled.len() < self.migration.chunks {
            let message = format!(
                "{} of {} chunks hold no statement: most Drizzle drivers fail on such a chunk",
                self.migration.chunks - filled.len(),
                self.migration.chunks
            );
            self.hazard(HazardCode::EmptyChunk, None, message);
        }
    }

    /// Looks at a statement before it runs.
    pub(super) fn before(
        &mut self,
        statement: &Statement,
        head: &Head,
        conn: &Connection,
    ) -> Result<(), MigrateError> {
        match head {
            Head::ForeignKeys => self.facts.foreign_keys_off = true,
            Head::DropTrigger(name) => {
                self.dropped_triggers.insert(name.to_ascii_lowercase());
            }
            Head::DropTable(table) => {
                self.facts.foreign_keys_off = true;
                self.dropped_tables
                    .insert(table.to_ascii_lowercase(), statement.number);
                for child in dependants(conn, table)? {
                    let message = format!(
                        "dropping {table} with foreign keys on also {child}; PRAGMA foreign_keys=OFF does \
                         nothing inside the transaction that Drizzle and RivetKit open"
                    );
                    self.hazard(
                        HazardCode::CascadingRebuild,
                        Some(statement.number),
                        message,
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes note of what a statement wrote.
    pub(super) fn after(&mut self, statement: &Statement, head: &Head, notes: Notes) {
        match head {
            Head::Rename { from, .. } => {
                self.renamed.insert(from.to_ascii_lowercase());
            }
            Head::Rows => {
                self.facts.deletes.extend(notes.deletes);
                let rows = notes
                    .writes
                    .into_iter()
                    .filter(|table| !table.starts_with("sqlite_"));
                let rows: BTreeSet<_> = rows.collect();
                if !rows.is_empty() {
                    self.written.push((statement.number, rows));
                }
            }
            _ => {}
        }
    }

    pub(super) fn finish(mut self, before: &Schema, after: &Schema) -> MigrationFacts {
        for (number, tables) in std::mem::take(&mut self.written) {
            if !tables.is_subset(&self.renamed) {
                self.facts.data_statements.push(number);
            }
            self.facts.writes.extend(tables);
        }
        self.lost_triggers(before, after);
        self.facts
    }

    /// Dropping a table drops its triggers, and nothing makes them again.
    fn lost_triggers(&mut self, before: &Schema, after: &Schema) {
        let table_stays = |table: &str| {
            after
                .objects()
                .any(|o| o.kind == Kind::Table && o.name.eq_ignore_ascii_case(table))
        };
        let lost: Vec<_> = before
            .objects()
            .filter(|object| object.kind == Kind::Trigger && after.get(&object.key()).is_none())
            .filter(|trigger| {
                !self
                    .dropped_triggers
                    .contains(&trigger.name.to_ascii_lowercase())
            })
            .filter(|trigger| table_stays(&trigger.table))
            .map(|trigger| {
                let table = &trigger.table;
                let statement = self.dropped_tables.get(&table.to_ascii_lowercase());
                let message = format!("rebuilding {table} drops its trigger {}", trigger.name);
                (statement.copied(), message)
            })
            .collect();
        for (statement, message) in lost {
            self.hazard(HazardCode::LostTrigger, statement, message);
        }
    }
}

/// What the foreign keys that point at `table` would do to rows when it is dropped.
fn dependants(conn: &Connection, table: &str) -> Result<Vec<String>, MigrateError> {
    let failed = || MigrateError::sqlite("list foreign keys");
    let mut statement = conn
        .prepare(
            "SELECT s.name, f.on_delete FROM sqlite_schema s, pragma_foreign_key_list(s.name) f \
             WHERE s.type = 'table' AND lower(f.\"table\") = lower(?1) AND f.seq = 0 \
             AND f.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT') AND lower(s.name) <> lower(?1)",
        )
        .map_err(failed())?;
    let rows = statement.query_map([table], |row| {
        let (child, action): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(match action.as_str() {
            "CASCADE" => format!("deletes the rows of {child}"),
            _ => format!("overwrites the references of {child} ({action})"),
        })
    });
    rows.map_err(failed())?
        .collect::<Result<_, _>>()
        .map_err(failed())
}
