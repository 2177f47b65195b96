//! The Drizzle 0.x layout: `meta/_journal.json` lists the files in the order they run.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Bundle, Layout, Migration, Millis, check_count, read_limited};
use crate::error::MigrateError;
use crate::limits::JOURNAL_BYTES_MAX;

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

fn journal_path(dir: &Path) -> PathBuf {
    dir.join("meta").join("_journal.json")
}

/// Whether `dir` has a journal; an error when `dir` itself cannot be looked at.
pub(super) fn exists(dir: &Path) -> Result<bool, MigrateError> {
    let failed = |source| MigrateError::Io {
        path: dir.display().to_string(),
        source,
    };
    std::fs::metadata(dir).map_err(failed)?;
    let path = journal_path(dir);
    path.try_exists().map_err(|source| MigrateError::Io {
        path: path.display().to_string(),
        source,
    })
}

pub(super) fn read(dir: &Path) -> Result<Bundle, MigrateError> {
    let path = journal_path(dir);
    let journal = parse(&path)?;
    check_count(dir, journal.entries.len())?;
    check_unique(&path, &journal.entries)?;
    let entries = journal
        .entries
        .into_iter()
        .map(|entry| load(dir, &path, entry));
    let entries = entries.collect::<Result<_, _>>()?;
    Ok(Bundle::new(
        dir.display().to_string(),
        Layout::DrizzleJournal,
        entries,
    ))
}

fn parse(path: &Path) -> Result<Journal, MigrateError> {
    let bytes = read_limited(path, JOURNAL_BYTES_MAX)?;
    let shown = path.display().to_string();
    let journal: Journal = serde_json::from_slice(&bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let reason = text.split(" at line ").next().unwrap_or(&text).to_owned();
        MigrateError::BadJournal {
            path: shown.clone(),
            reason,
            line,
            column,
        }
    })?;
    // Turso's own dialect is SQLite with another driver.
    if !matches!(journal.dialect.as_str(), "sqlite" | "turso") {
        return Err(MigrateError::WrongDialect {
            path: shown,
            found: journal.dialect,
        });
    }
    Ok(journal)
}

fn check_unique(path: &Path, entries: &[Entry]) -> Result<(), MigrateError> {
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
            let path = path.display().to_string();
            return Err(MigrateError::DuplicateEntry { path, field, value });
        }
    }
    Ok(())
}

fn load(dir: &Path, journal: &Path, entry: Entry) -> Result<Migration, MigrateError> {
    let bad = |field, value| MigrateError::BadEntry {
        path: journal.display().to_string(),
        idx: entry.idx,
        field,
        value,
    };
    let when = whole_millis(entry.when).ok_or_else(|| bad("when", entry.when.to_string()))?;
    // A tag is a file name: it may not lead out of the folder.
    if entry.tag.is_empty() || entry.tag.contains(['/', '\\', '\0']) {
        return Err(bad("tag", format!("{:?}", entry.tag)));
    }
    let path = dir.join(format!("{}.sql", entry.tag));
    match Migration::read(&path, entry.idx, entry.tag.clone(), when) {
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
