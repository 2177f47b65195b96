//! The text of a baseline: the schema at the end of the old chain, and the rows that the chain writes into
//! a new database. No text leaves here that was not run and found to do what the chain does.

use std::collections::BTreeSet;

use super::certificate::Carried;
use super::made::{self, Fate, Rows};
use super::render;
use crate::bundle::{BREAKPOINT, Bundle, Layout, Migration, Millis, Position};
use crate::error::{MigrateError, SquashError};
use crate::replay::Expected;
use crate::schema::{Kind, Level, Schema};

/// The waiver for rows that are other ones in each new database.
pub(super) const CHANCE: &str = "nondeterministic";

/// The old chain: a bundle, its replay, and how many of its migrations are to be replaced.
pub(super) struct Chain<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) expected: &'a Expected,
    pub(super) count: usize,
}

/// A text that does what the chain does.
pub(super) struct Proven {
    pub(super) text: String,
    pub(super) data: Carried,
    pub(super) level: Level,
    pub(super) waivers: Vec<String>,
}

impl Chain<'_> {
    pub(super) fn entries(&self) -> &[Migration] {
        &self.bundle.entries[..self.count]
    }

    /// Finds the baseline's text, simplest first: schema alone, with the chain's own statements, with its rows.
    pub(super) fn baseline(
        &self,
        tag: &str,
        allow: &BTreeSet<String>,
    ) -> Result<Proven, MigrateError> {
        let rows = made::rows(self.entries(), Fate::Real)?;
        let schema = self
            .expected
            .schema_at(Position(self.count))
            .unwrap_or_default();
        if schema.is_empty() {
            let reason = "its schema is empty there".to_owned();
            let what = self.bundle.dir.clone();
            return Err(SquashError::Unfit { what, reason }.into());
        }
        let objects = Objects::of(&schema);
        if rows.is_empty() {
            let text = objects.text(&[], After::Indexes);
            return self.proven(tag, text, Carried::Nothing, &rows, Vec::new());
        }
        if let Some(refusal) = self.chance(&rows)? {
            return self.by_chance(tag, &objects, &rows, allow, refusal);
        }
        let statements = self.data_statements();
        for after in [After::Indexes, After::Triggers] {
            let text = objects.text(&statements, after);
            let tried = self.proven(tag, text, Carried::Statements, &rows, Vec::new());
            if tried.is_ok() {
                return tried;
            }
        }
        let text = objects.text(&render::inserts(&rows), After::Indexes);
        self.proven(tag, text, Carried::Rows, &rows, Vec::new())
    }

    /// Why its rows cannot be carried, if they are other ones each time.
    pub(super) fn chance(&self, rows: &Rows) -> Result<Option<SquashError>, MigrateError> {
        let others = made::rows(self.entries(), Fate::Other)?;
        let Some(table) = rows.first_difference(&others) else {
            return Ok(None);
        };
        Ok(Some(SquashError::Nondeterministic {
            table: table.to_owned(),
            migration: self.first_writer(table),
        }))
    }

    /// The first migration whose statements write rows of `table`.
    fn first_writer(&self, table: &str) -> String {
        let table = table.to_ascii_lowercase();
        let writes = |at: &usize| self.expected.facts(*at).writes.contains(&table);
        let first = (0..self.count).find(writes);
        first.map_or_else(String::new, |at| self.bundle.entries[at].tag.clone())
    }

    /// Carries the statements although each database gets rows of its own: as many in each table, at least.
    fn by_chance(
        &self,
        tag: &str,
        objects: &Objects,
        rows: &Rows,
        allow: &BTreeSet<String>,
        refusal: SquashError,
    ) -> Result<Proven, MigrateError> {
        if !allow.contains(CHANCE) {
            return Err(refusal.into());
        }
        for after in [After::Indexes, After::Triggers] {
            let text = objects.text(&self.data_statements(), after);
            let migration = self.migration(tag, text.clone());
            let made = made::rows(std::slice::from_ref(&migration), Fate::Real);
            if made.is_ok_and(|made| made.counts() == rows.counts()) {
                let level = self.level(&migration)?;
                let (data, waivers) = (Carried::Statements, vec![CHANCE.to_owned()]);
                return Ok(Proven {
                    text,
                    data,
                    level,
                    waivers,
                });
            }
        }
        Err(refusal.into())
    }

    /// The statements of the chain that write rows, as they stand.
    pub(super) fn data_statements(&self) -> Vec<String> {
        let of = |at: usize| {
            let migration = &self.bundle.entries[at];
            let numbers = &self.expected.facts(at).data_statements;
            let statements = migration.statements.iter();
            let data = statements.filter(|statement| numbers.contains(&statement.number));
            data.map(|statement| ended(migration.sql(statement)))
                .collect::<Vec<_>>()
        };
        (0..self.count).flat_map(of).collect()
    }

    /// Runs a text and holds what it makes against what the chain made.
    fn proven(
        &self,
        tag: &str,
        text: String,
        data: Carried,
        rows: &Rows,
        waivers: Vec<String>,
    ) -> Result<Proven, MigrateError> {
        let migration = self.migration(tag, text.clone());
        let level = self.level(&migration)?;
        let made = made::rows(std::slice::from_ref(&migration), Fate::Real)?;
        if let Some(table) = rows.first_difference(&made) {
            let table = table.to_owned();
            return Err(SquashError::RowsNotCarried { table }.into());
        }
        Ok(Proven {
            text,
            data,
            level,
            waivers,
        })
    }

    /// How much alike a baseline is to the end of the chain; below E1 is a refusal.
    fn level(&self, migration: &Migration) -> Result<Level, MigrateError> {
        let fails = |error: MigrateError| SquashError::BaselineFails {
            message: error.to_string(),
        };
        let made = self.alone(migration).map_err(fails)?;
        let level = self
            .expected
            .level(Position(self.count), &made, Position(1));
        match level {
            Some(level) if level <= Level::E1 => Ok(level),
            level => Err(SquashError::BaselineFails {
                message: format!("its schema is another one ({})", level.unwrap_or(Level::D)),
            }
            .into()),
        }
    }

    /// What a baseline makes by itself.
    pub(super) fn alone(&self, migration: &Migration) -> Result<Expected, MigrateError> {
        let (dir, layout) = (self.bundle.dir.clone(), self.bundle.layout);
        Expected::replay(&Bundle::new(dir, layout, vec![migration.clone()]))
    }

    pub(super) fn migration(&self, tag: &str, text: String) -> Migration {
        let when = self.entries().last().map_or(Millis(0), |last| last.when);
        let file = match self.bundle.layout {
            Layout::DrizzleFolders => format!("{}/{tag}/migration.sql", self.bundle.dir),
            _ => format!("{}/{tag}.sql", self.bundle.dir),
        };
        Migration::from_text(0, tag.to_owned(), when, file, text)
    }
}

/// What the data comes after.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// Triggers do not fire, as they did not when the chain wrote the rows before it had them.
    Indexes,
    /// Triggers fire.
    Triggers,
}

/// The statements that make a schema, in an order in which each finds what it needs.
struct Objects {
    tables_and_indexes: Vec<String>,
    views_and_triggers: Vec<String>,
}

impl Objects {
    fn of(schema: &Schema) -> Self {
        let of_kind = |kind: Kind| {
            let mut entries: Vec<_> = schema
                .entries()
                .map(|(_, entry)| entry)
                .filter(|entry| entry.object.kind == kind)
                .collect();
            entries.sort_by_key(|entry| entry.row);
            entries
                .into_iter()
                .map(|entry| ended(&entry.object.sql))
                .collect::<Vec<_>>()
        };
        let both = |first: Kind, second: Kind| [of_kind(first), of_kind(second)].concat();
        Self {
            tables_and_indexes: both(Kind::Table, Kind::Index),
            views_and_triggers: both(Kind::View, Kind::Trigger),
        }
    }

    fn text(&self, data: &[String], after: After) -> String {
        let (first, last) = (&self.tables_and_indexes, &self.views_and_triggers);
        let parts = match after {
            After::Indexes => [first.as_slice(), data, last.as_slice()],
            After::Triggers => [first.as_slice(), last.as_slice(), data],
        };
        parts.concat().join(&format!("\n{BREAKPOINT}\n")) + "\n"
    }
}

/// A statement with its semicolon, which no comment at its end may swallow.
pub(super) fn ended(sql: &str) -> String {
    let sql = sql.trim_end().trim_end_matches(';').trim_end();
    let last = sql.lines().next_back().unwrap_or_default();
    let stop = if last.contains("--") { "\n;" } else { ";" };
    format!("{sql}{stop}")
}
