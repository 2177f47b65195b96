//! What lint asks SQLite while a folder is replayed: statement by statement, on the database as it is then.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::facts::MigrationFacts;
use super::sandbox::Notes;
use super::{Replay, ReplayOptions};
use crate::bundle::{Bundle, Migration};
use crate::error::{MigrateError, sqlite_words};
use crate::schema::Schema;
use crate::sql::{Head, Kind, head, quote_name, tokens, unquote};

/// A replay that is watched migration by migration.
pub(crate) struct Walk {
    replay: Replay,
    /// Views, and tables with triggers, that did not work when they were last tried.
    broken: BTreeMap<String, String>,
}

/// One migration, and what SQLite said of it.
pub(crate) struct Seen {
    pub(crate) facts: MigrationFacts,
    pub(crate) heads: Vec<Head>,
    /// One for each statement.
    pub(crate) answers: Vec<Answers>,
    /// The schema before and after, if it drops a table.
    pub(crate) before: Schema,
    pub(crate) after: Schema,
    /// What worked before and does not work now, with SQLite's words.
    pub(crate) broken: Vec<(String, String)>,
    /// Tables that now refer to a table that is gone: child and parent.
    pub(crate) orphans: Vec<(String, String)>,
}

/// What SQLite said of one statement.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Tables whose rows it writes, in lower case.
    pub(crate) writes: BTreeSet<String>,
    /// Columns that it reads, in lower case.
    pub(crate) reads: BTreeSet<(String, String)>,
    /// Whether what it changes was there before the migration, and so may hold rows.
    pub(crate) old: bool,
    /// Something in double quotes that is no name, so that SQLite takes it for a string.
    pub(crate) quoted_text: Option<String>,
    /// SQLite's words when it runs on a table with a row.
    pub(crate) needs_empty: Option<String>,
    /// The unique index that it makes on a table that was there before, and that table.
    pub(crate) unique: Option<(String, String)>,
    /// Tables whose rows keep the table that it drops.
    pub(crate) holders: Vec<String>,
}

impl Walk {
    pub(crate) fn start(bundle: &Bundle, options: &ReplayOptions) -> Result<Self, MigrateError> {
        let replay = Replay::start(bundle, options)?;
        let broken = BTreeMap::new();
        Ok(Self { replay, broken })
    }

    /// Replays the next migration.
    pub(crate) fn step(&mut self, migration: &Migration) -> Result<Seen, MigrateError> {
        let statements = migration.statements.iter();
        let heads: Vec<_> = statements.map(|it| head(migration.sql(it))).collect();
        let drops = heads.iter().any(|head| matches!(head, Head::DropTable(_)));
        let moves = drops || heads.iter().any(|head| matches!(head, Head::Rename { .. }));
        let schema = |replay: &Replay| match drops {
            true => replay.schema.clone(),
            false => Schema::default(),
        };
        let before = schema(&self.replay);
        let orphans_before = match moves {
            true => orphans(&self.replay.sandbox.conn)?,
            false => BTreeSet::new(),
        };
        let mut watch = Watch::default();
        self.replay.migration(migration, Some(&mut watch))?;
        let conn = &self.replay.sandbox.conn;
        let orphans = match moves {
            true => orphans(conn)?
                .difference(&orphans_before)
                .cloned()
                .collect(),
            false => Vec::new(),
        };
        let broken = if touches_programs(migration, &heads) {
            let now = broken(conn)?;
            let was = std::mem::replace(&mut self.broken, now.clone());
            let new = now.into_iter().filter(|(what, _)| !was.contains_key(what));
            new.collect()
        } else {
            Vec::new()
        };
        Ok(Seen {
            facts: self.replay.expected.facts.pop().unwrap_or_default(),
            heads,
            answers: watch.answers,
            before,
            after: schema(&self.replay),
            broken,
            orphans,
        })
    }
}

/// Whether a migration can break a view or a trigger, or make one.
fn touches_programs(migration: &Migration, heads: &[Head]) -> bool {
    let each = migration.statements.iter().zip(heads);
    let mut each = each.map(|(statement, head)| (migration.sql(statement), head));
    each.any(|(sql, head)| match head {
        Head::Rows | Head::ForeignKeys | Head::AddColumn(_) => false,
        Head::Creates => is_program(sql),
        _ => true,
    })
}

/// Whether a CREATE makes a view or a trigger.
fn is_program(sql: &str) -> bool {
    let words = tokens(sql).filter(|token| token.kind != Kind::Blank);
    words
        .take(4)
        .any(|token| token.is_word("VIEW") || token.is_word("TRIGGER"))
}

/// Collects the answers of one migration.
#[derive(Default)]
pub(super) struct Watch {
    answers: Vec<Answers>,
    /// Tables that this migration made, in lower case: they hold no rows of an actor.
    created: BTreeSet<String>,
    dropped: BTreeSet<String>,
}

impl Watch {
    /// Asks about a statement before it runs.
    pub(super) fn before(
        &mut self,
        sql: &str,
        head: &Head,
        conn: &Connection,
    ) -> Result<(), MigrateError> {
        let mut answers = Answers::default();
        if sql.contains('"') {
            answers.quoted_text = quoted_text(conn, sql)?;
        }
        match head {
            Head::AddColumn(table) if self.is_old(table) => {
                answers.old = true;
                answers.needs_empty = needs_empty(conn, table, sql)?;
            }
            Head::DropColumn { table, .. } => answers.old = self.is_old(table),
            Head::DropTable(table) => {
                answers.old = self.is_old(table);
                answers.holders = holders(conn, table)?;
                self.dropped.insert(table.to_ascii_lowercase());
            }
            Head::Rename { from, to } => self.renamed(from, to),
            _ => {}
        }
        self.answers.push(answers);
        Ok(())
    }

    fn is_old(&self, table: &str) -> bool {
        !self.created.contains(&table.to_ascii_lowercase())
    }

    /// A new table that takes the place of a dropped one has that one's rows.
    fn renamed(&mut self, from: &str, to: &str) {
        let to = to.to_ascii_lowercase();
        if self.created.remove(&from.to_ascii_lowercase()) && !self.dropped.contains(&to) {
            self.created.insert(to);
        }
    }

    /// Takes note of what the statement did.
    pub(super) fn after(
        &mut self,
        sql: &str,
        head: &Head,
        notes: &Notes,
        conn: &Connection,
    ) -> Result<(), MigrateError> {
        let created = match head {
            Head::Creates => newest(conn)?,
            _ => None,
        };
        let old_writes = notes
            .writes
            .iter()
            .any(|table| !table.starts_with("sqlite_") && !self.created.contains(table));
        let Some(answers) = self.answers.last_mut() else {
            return Ok(());
        };
        answers.writes.clone_from(&notes.writes);
        answers.reads.clone_from(&notes.reads);
        answers.old |= *head == Head::Rows && old_writes;
        let Some(new) = created else { return Ok(()) };
        let table = new.table.to_ascii_lowercase();
        match new.sort.as_str() {
            "table" => drop(self.created.insert(table)),
            "index" if !self.created.contains(&table) && is_unique(sql) => {
                answers.unique = Some((new.name, new.table));
            }
            "view" | "trigger" if sql.contains('"') => {
                answers.quoted_text = quoted_in_program(conn, &new)?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn is_unique(sql: &str) -> bool {
    let words = tokens(sql).filter(|token| token.kind != Kind::Blank);
    words.take(2).any(|token| token.is_word("UNIQUE"))
}

/// The newest object of the schema.
struct Newest {
    sort: String,
    name: String,
    table: String,
}

fn newest(conn: &Connection) -> Result<Option<Newest>, MigrateError> {
    // The first AUTOINCREMENT brings `sqlite_sequence` along, behind its table.
    let sql = "SELECT type, name, tbl_name FROM sqlite_schema \
         WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*' ORDER BY rowid DESC LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Newest {
            sort: row.get(0)?,
            name: row.get(1)?,
            table: row.get(2)?,
        })
    };
    match conn.query_row(sql, [], read) {
        Ok(newest) => Ok(Some(newest)),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
        Err(error) => Err(MigrateError::sqlite("read the schema")(error)),
    }
}

/// What SQLite takes for a string in `sql` because no column has that name: with the fallback switched off the
/// statement cannot be prepared. <https://sqlite.org/quirks.html#dblquote>
fn quoted_text(conn: &Connection, sql: &str) -> Result<Option<String>, MigrateError> {
    let fallback = |on: bool| {
        for config in [
            DbConfig::SQLITE_DBCONFIG_DQS_DDL,
            DbConfig::SQLITE_DBCONFIG_DQS_DML,
        ] {
            conn.set_db_config(config, on)?;
        }
        Ok(())
    };
    let failed = || MigrateError::sqlite("switch double-quoted strings");
    fallback(false).map_err(failed())?;
    let strict = conn.prepare(sql).map(drop);
    fallback(true).map_err(failed())?;
    let Err(error) = strict else { return Ok(None) };
    let words = sqlite_words(&error);
    let text = words
        .strip_prefix("no such column: \"")
        .and_then(|rest| Some(rest.split_once('"')?.0.to_owned()));
    Ok(text.filter(|_| conn.prepare(sql).is_ok()))
}

/// The same in the body of a new view or trigger, which SQLite reads only when it is used.
fn quoted_in_program(conn: &Connection, new: &Newest) -> Result<Option<String>, MigrateError> {
    let uses = match new.sort.as_str() {
        "view" => vec![reading(&new.name)],
        _ => writing(conn, &new.table)?,
    };
    for sql in uses {
        if let Some(text) = quoted_text(conn, &sql)? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// What SQLite says when an `ALTER TABLE … ADD` runs on a table of these columns that has a row.
fn needs_empty(conn: &Connection, table: &str, sql: &str) -> Result<Option<String>, MigrateError> {
    let columns = columns(conn, table)?;
    if columns.is_empty() {
        return Ok(None);
    }
    let failed = || MigrateError::sqlite("try a statement on a table with a row");
    let trial = Connection::open_in_memory().map_err(failed())?;
    let table = quote_name(table);
    let setup = format!(
        "PRAGMA foreign_keys = ON; CREATE TABLE {table} ({}); INSERT INTO {table} DEFAULT VALUES",
        columns.join(", ")
    );
    trial.execute_batch(&setup).map_err(failed())?;
    let Err(with_row) = trial.execute_batch(sql) else {
        return Ok(None);
    };
    trial
        .execute_batch(&format!("DELETE FROM {table}"))
        .map_err(failed())?;
    // What fails without a row as well is no matter of rows.
    let without = trial.execute_batch(sql);
    Ok(without.is_ok().then(|| sqlite_words(&with_row)))
}

/// The columns of a table that can be written, quoted.
fn columns(conn: &Connection, table: &str) -> Result<Vec<String>, MigrateError> {
    let names = texts(conn, "SELECT name FROM pragma_table_info(?1)", [table])?;
    Ok(names.iter().map(|name| quote_name(name)).collect())
}

/// The tables whose foreign keys, without a reaction, refuse that rows of `table` go.
fn holders(conn: &Connection, table: &str) -> Result<Vec<String>, MigrateError> {
    let sql = "SELECT DISTINCT s.name FROM sqlite_schema s, pragma_foreign_key_list(s.name) f \
         WHERE s.type = 'table' AND lower(f.\"table\") = lower(?1) \
         AND f.on_delete IN ('NO ACTION', 'RESTRICT') AND lower(s.name) <> lower(?1)";
    texts(conn, sql, [table])
}

/// Tables with a foreign key to a table that does not exist: child and parent.
fn orphans(conn: &Connection) -> Result<BTreeSet<(String, String)>, MigrateError> {
    let failed = || MigrateError::sqlite("list foreign keys");
    let sql = "SELECT DISTINCT s.name, f.\"table\" FROM sqlite_schema s, pragma_foreign_key_list(s.name) f \
         WHERE s.type = 'table' AND NOT EXISTS \
         (SELECT 1 FROM sqlite_schema p WHERE p.type = 'table' AND lower(p.name) = lower(f.\"table\"))";
    let mut statement = conn.prepare(sql).map_err(failed())?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.map_err(failed())?
        .collect::<Result<_, _>>()
        .map_err(failed())
}

/// Views that cannot be read and tables that cannot be written because of a trigger, with SQLite's words.
fn broken(conn: &Connection) -> Result<BTreeMap<String, String>, MigrateError> {
    let mut broken = BTreeMap::new();
    let mut attempt = |what: String, sql: &str| {
        if let Err(error) = conn.prepare(sql) {
            let words = sqlite_words(&error);
            // A view with some INSTEAD OF triggers takes only those writes.
            if !words.starts_with("cannot modify") {
                broken.entry(what).or_insert(words);
            }
        }
    };
    let views = "SELECT name FROM sqlite_schema WHERE type = 'view'";
    for view in texts(conn, views, [])? {
        attempt(format!("view {view}"), &reading(&view));
    }
    let triggered = "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger'";
    for table in texts(conn, triggered, [])? {
        for sql in writing(conn, &table)? {
            attempt(format!("a trigger of {table}"), &sql);
        }
    }
    Ok(broken)
}

fn reading(view: &str) -> String {
    format!("SELECT * FROM {}", quote_name(view))
}

/// One statement of each sort that can fire a trigger of `table`.
fn writing(conn: &Connection, table: &str) -> Result<Vec<String>, MigrateError> {
    let columns = columns(conn, table)?;
    let set = columns.iter().map(|name| format!("{name} = {name}"));
    let table = quote_name(table);
    let mut uses = vec![
        format!("INSERT INTO {table} DEFAULT VALUES"),
        format!("DELETE FROM {table}"),
    ];
    if !columns.is_empty() {
        let set = set.collect::<Vec<_>>().join(", ");
        uses.push(format!("UPDATE {table} SET {set}"));
    }
    Ok(uses)
}

fn texts(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<String>, MigrateError> {
    let failed = || MigrateError::sqlite("look at the schema");
    let mut statement = conn.prepare(sql).map_err(failed())?;
    let rows = statement.query_map(params, |row| row.get(0));
    rows.map_err(failed())?
        .collect::<Result<_, _>>()
        .map_err(failed())
}

/// The byte at which `text` stands in double quotes.
pub(crate) fn place_of_quoted(sql: &str, text: &str) -> Option<usize> {
    let found = tokens(sql)
        .filter(|token| token.kind == Kind::DoubleQuoted)
        .find(|token| unquote(token.text) == text);
    found.map(|token| token.start)
}
