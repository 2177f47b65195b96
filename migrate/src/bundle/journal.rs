//! The Drizzle 0.x layout: `meta/_journal.json` lists the files in the order they run.

use std::collections::HashSet;

use serde::Deserialize;

use super::{Bundle, Files, Layout, Migration, Millis, check_count};
use crate::error::MigrateError;
use crate::limits::JOURNAL_BYTES_MAX;

/// Where the journal stands in its folder.
pub(super) const PATH: &str = "meta/_journal.json";

/// Numbers beyond this lose digits in JavaScript, so Drizzle would compare something else.
const JS_INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

#[derive(Deserialize)]
struct Journal {
    dialect: String,
    entries: Vec<Entry>,
}

/// `breakpoints` and `version` stand in the file too, and no migrator reads them.
#[derive(Deserialize)]
struct Entry {
    idx: u64,
    when: f64,
    tag: String,
}

pub(super) fn read(files: &dyn Files) -> Result<Bundle, MigrateError> {
    let path = files.shown(PATH);
    let journal = parse(&path, &files.read(PATH, JOURNAL_BYTES_MAX)?)?;
    check_count(files, journal.entries.len())?;
    check_unique(&path, &journal.entries)?;
    let entries = journal
        .entries
        .into_iter()
        .map(|entry| load(files, &path, entry));
    let entries = entries.collect::<Result<_, _>>()?;
    Ok(Bundle::new(
        files.shown(""),
        Layout::DrizzleJournal,
        entries,
    ))
}

fn parse(path: &str, bytes: &[u8]) -> Result<Journal, MigrateError> {
    let journal: Journal = serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let reason = text.split(" at line ").next().unwrap_or(&text).to_owned();
        MigrateError::BadJournal {
            path: path.to_owned(),
            reason,
            line,
            column,
        }
    })?;
    // Turso's own dialect is SQLite with another driver.
    if !matches!(journal.dialect.as_str(), "sqlite" | "turso") {
        return Err(MigrateError::WrongDialect {
            path: path.to_owned(),
            found: journal.dialect,
        });
    }
    Ok(journal)
}

fn check_unique(path: &str, entries: &[Entry]) -> Result<(), MigrateError> {
    let (mut numbers, mut tags) = (HashSet::new(), HashSet::new());
    for entry in entries {
        let shared = if !numbers.insert(entry.idx) {
            Some(("idx", entry.idx.to_string()))
        } else if !tags.insert(entry.tag.as_str()) {
            Some(("tag", entry.tag.clone()))
        } else {
            None
        };
        if let Some((field, value)) = shared {
            let path = path.to_owned();
            return Err(MigrateError::DuplicateEntry { path, field, value });
        }
    }
    Ok(())
}

fn load(files: &dyn Files, journal: &str, entry: Entry) -> Result<Migration, MigrateError> {
    let bad = |field, value| MigrateError::BadEntry {
        path: journal.to_owned(),
        idx: entry.idx,
        field,
        value,
    };
    let when = whole_millis(entry.when).ok_or_else(|| bad("when", entry.when.to_string()))?;
    // A tag is a file name: it may not lead out of the folder.
    if entry.tag.is_empty() || entry.tag.contains(['/', '\\', '\0']) {
        return Err(bad("tag", format!("{:?}", entry.tag)));
    }
    let path = format!("{}.sql", entry.tag);
    match Migration::read(files, &path, entry.idx, entry.tag.clone(), when) {
        Err(MigrateError::Io { path, source }) if source.kind() == std::io::ErrorKind::NotFound => {
            Err(MigrateError::MissingFile {
                path,
                tag: entry.tag,
            })
        }
        other => other,
    }
}

fn whole_millis(when: f64) -> Option<Millis> {
    let whole = when.fract() == 0.0 && (0.0..=JS_INTEGER_MAX).contains(&when);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be a whole number below 2^53"
    )]
    whole.then_some(Millis(when as i64))
}
