//! The rows of every actor, so that two moments can be compared.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use actor_migrate::{ARCHIVE_TABLE, AUDIT_TABLE, DEFAULT_TABLE};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::project::Project;
use crate::error::CliError;
use crate::pool;
use crate::targets::{Stores, Target, every_actor};

/// Per actor and table, how many rows there are and a hash of them all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rows(BTreeMap<String, BTreeMap<String, (usize, u64)>>);

impl Rows {
    /// Reads every row of every table that belongs to the application.
    pub(super) fn read(project: &Project) -> Result<Self, CliError> {
        let targets = every_actor(&Stores::default().open(&project.store())?)?;
        let (mut rows, mut failed) = (Self::default(), None);
        pool::each(&targets, tables, |target, tables| match tables {
            Ok(tables) => drop(rows.0.insert(target.name(), tables)),
            Err(error) => failed = Some(error),
        });
        failed.map_or(Ok(rows), Err)
    }

    pub(super) fn actors(&self) -> usize {
        self.0.len()
    }

    pub(super) fn count(&self) -> usize {
        self.0
            .values()
            .flat_map(BTreeMap::values)
            .map(|(rows, _)| rows)
            .sum()
    }
}

fn tables(target: &Target) -> Result<BTreeMap<String, (usize, u64)>, CliError> {
    target.read(|connection| {
        all(connection).map_err(|source| CliError::Sqlite {
            path: target.name().into(),
            source,
        })
    })
}

fn all(connection: &Connection) -> rusqlite::Result<BTreeMap<String, (usize, u64)>> {
    let mut select = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let names = select
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    let ours = [ARCHIVE_TABLE, AUDIT_TABLE, DEFAULT_TABLE];
    let theirs = names
        .into_iter()
        .filter(|name| !ours.contains(&name.as_str()) && !name.starts_with("sqlite_"));
    theirs
        .map(|name| table(connection, &name).map(|rows| (name, rows)))
        .collect()
}

fn table(connection: &Connection, name: &str) -> rusqlite::Result<(usize, u64)> {
    let mut select = connection.prepare(&format!("SELECT * FROM \"{name}\""))?;
    let columns = select.column_count();
    let (mut count, mut hasher) = (0, DefaultHasher::new());
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        count += 1;
        for column in 0..columns {
            hash(row.get_ref(column)?, &mut hasher);
        }
    }
    Ok((count, hasher.finish()))
}

fn hash(value: ValueRef<'_>, hasher: &mut DefaultHasher) {
    // The name of the type keeps the text '1' from counting as the number 1.
    value.data_type().to_string().hash(hasher);
    match value {
        ValueRef::Null => {}
        ValueRef::Integer(integer) => integer.hash(hasher),
        ValueRef::Real(real) => real.to_bits().hash(hasher),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.hash(hasher),
    }
}
