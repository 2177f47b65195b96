//! What can go wrong so that no answer is possible: one enum, a code each, the place, and the next step.

mod history;
mod json;
mod squash;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::schema::Difference;
use crate::verdict::{Adoption, Need, Verdict};
pub use history::HistoryError;
pub use squash::SquashError;

/// Where a statement of a migration stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct At {
    /// The migration's tag or folder name.
    pub migration: String,
    /// Its file, as the folder was named by the caller.
    pub file: String,
    /// The number of the statement in the file, from 1.
    pub statement: usize,
    /// The line, from 1: of the offending token where SQLite names it, else of the statement.
    pub line: usize,
    /// The character of that line, from 1.
    pub column: usize,
    /// The statement, cut where it is very long.
    pub sql: String,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            statement,
            line,
            column,
            ..
        } = self;
        write!(f, "statement {statement} at {file}:{line}:{column}")
    }
}

/// A table whose rows a plan would change although no statement says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RowChange {
    /// The table.
    pub table: String,
    /// Rows before the plan.
    pub before: u64,
    /// Rows after it.
    pub after: u64,
}

impl fmt::Display for RowChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.table, self.before, self.after)
    }
}

/// A row whose parent is missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Violation {
    /// The table that holds the row.
    pub table: String,
    /// The row, unless its table has no rowid.
    pub rowid: Option<i64>,
    /// The table that should hold its parent.
    pub parent: String,
    /// Which of the table's foreign keys, as `PRAGMA foreign_key_list` numbers them.
    pub key: i64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rowid {
            Some(rowid) => write!(f, "{} row {rowid} -> {}", self.table, self.parent),
            None => write!(f, "{} -> {}", self.table, self.parent),
        }
    }
}

/// Why no answer could be given. A database that stands wrong is an answer, not an error.
///
/// Serialises as an object with `code`, `message`, `hint` and, where they apply, `at`, `sqlite` and
/// the data of the variant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// M101
    #[error("{dir} is not a migrations folder: it has {lacks}")]
    NotAFolder {
        /// The folder as named.
        dir: String,
        /// What was looked for.
        lacks: &'static str,
    },
    /// M102
    #[error("{path} is not a journal: {reason} (line {line}, column {column})")]
    BadJournal {
        /// The journal.
        path: String,
        /// What the JSON reader said.
        reason: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// M103
    #[error("the journal lists {tag}, but there is no file {path}")]
    MissingFile {
        /// The file that should exist.
        path: String,
        /// The entry that asks for it.
        tag: String,
    },
    /// M104
    #[error("{path} lists two entries with the {field} {value}")]
    DuplicateEntry {
        /// The journal.
        path: String,
        /// `idx` or `tag`.
        field: &'static str,
        /// What they share.
        value: String,
    },
    /// M105
    #[error("{path} is written for {found}, not for SQLite")]
    WrongDialect {
        /// The journal.
        path: String,
        /// Its dialect.
        found: String,
    },
    /// M106
    #[error("{path} has {bytes} bytes; the limit is {limit_bytes}")]
    FileTooLarge {
        /// The file.
        path: String,
        /// Its size.
        bytes: u64,
        /// What is read at most.
        limit_bytes: u64,
    },
    /// M107
    #[error("{dir} holds {entries} migrations; the limit is {limit}")]
    TooManyEntries {
        /// The folder.
        dir: String,
        /// How many it holds.
        entries: usize,
        /// How many are read at most.
        limit: usize,
    },
    /// M108
    #[error("{path}: entry {idx} has {field} {value}, which no migration can have")]
    BadEntry {
        /// The journal.
        path: String,
        /// The entry's `idx`.
        idx: u64,
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// M109
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// M185
    #[error("{path} is not a lock file: {reason} (line {line})")]
    BadLock {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// M110
    #[error("{path} holds a NUL byte at offset {offset}, where SQLite would stop reading")]
    NulByte {
        /// The file.
        path: String,
        /// The first such byte.
        offset: usize,
    },
    /// M111
    #[error("{dir} holds both meta/_journal.json and the migration folder {folder}")]
    MixedLayout {
        /// The folder.
        dir: String,
        /// The first migration folder in it.
        folder: String,
    },
    /// M120
    #[error("{at} fails on a fresh database: {message}")]
    ReplayFailed {
        /// The statement.
        at: Box<At>,
        /// What SQLite said.
        message: String,
    },
    /// M121
    #[error("{at} was still running when the limit of {limit_ms} ms was reached")]
    TimeLimit {
        /// The statement.
        at: Box<At>,
        /// The limit for the whole run.
        limit_ms: u128,
    },
    /// M122
    #[error("{at} uses {what}, which a migration may not")]
    Forbidden {
        /// The statement.
        at: Box<At>,
        /// What it uses.
        what: String,
    },
    /// M130
    #[error("this file is not an SQLite database, or it is damaged: {message}")]
    NotADatabase {
        /// What SQLite said.
        message: String,
    },
    /// M131
    #[error("the database stayed locked for {waited_ms} ms")]
    Busy {
        /// How long we waited.
        waited_ms: u128,
    },
    /// M132
    #[error("cannot {action}: {message}")]
    Sqlite {
        /// What we were doing.
        action: &'static str,
        /// What SQLite said.
        message: String,
        /// SQLite's extended result code, where there is one.
        sqlite_code: Option<i32>,
    },
    /// M133
    #[error("{table:?} cannot be the name of a ledger table")]
    BadTableName {
        /// The name as given.
        table: String,
    },
    /// M140
    #[error("an actor that is {verdict} cannot be {action}")]
    Refused {
        /// What was asked for: `migrated`, `adopted`.
        action: &'static str,
        /// Where the actor stands.
        verdict: Verdict,
        /// What its adoption would be.
        adoption: Adoption,
        /// What to do about it.
        advice: String,
    },
    /// M141
    #[error("adopting needs a person to accept {}", join(.needed))]
    NeedsAck {
        /// The names to accept, as `--allow` takes them.
        needed: Vec<String>,
        /// The differences behind them.
        differences: Vec<Difference>,
    },
    /// M150
    #[error("the connection is inside a transaction")]
    InTransaction,
    /// M151
    #[error("the plan no longer fits: it was made as {planned}, the actor now needs {found}")]
    StalePlan {
        /// The digest that was shown.
        planned: String,
        /// The digest of the plan that the actor needs now.
        found: String,
    },
    /// M152
    #[error("{at} fails: {message}")]
    StatementFailed {
        /// The statement.
        at: Box<At>,
        /// What SQLite said.
        message: String,
        /// SQLite's extended result code, where there is one.
        sqlite_code: Option<i32>,
    },
    /// M153
    #[error("the migrated schema is not the expected one: {}", join(.differences))]
    TargetMissed {
        /// Live against expected.
        differences: Vec<Difference>,
    },
    /// M154
    #[error("{count} rows would lose their parent: {}", join(.violations))]
    ForeignKeysBroken {
        /// How many rows.
        count: usize,
        /// The first of them.
        violations: Vec<Violation>,
    },
    /// M155
    #[error("rows would change in tables that no statement writes: {}", join(.tables))]
    RowsChanged {
        /// The tables with their counts.
        tables: Vec<RowChange>,
    },
    /// M156
    #[error("the connection is read-only")]
    ReadOnly,
    /// M157
    #[error("there is no adoption of {table} to undo")]
    NothingToUndo {
        /// The ledger table.
        table: String,
    },
    /// M160 to M169
    #[error("{0}")]
    Squash(#[from] SquashError),
    /// M170 to M174, M195
    #[error("{0}")]
    History(HistoryError),
    /// M175
    #[error("mending needs a person to accept {}", join(&losses(.needed)))]
    RepairNeeds {
        /// What must be accepted, with the names that `--allow` takes.
        needed: Vec<Need>,
    },
    /// M176
    #[error("mending {object} fails: {message}")]
    RepairFailed {
        /// The object.
        object: String,
        /// The statement.
        sql: String,
        /// What SQLite said.
        message: String,
        /// SQLite's extended result code, where there is one.
        sqlite_code: Option<i32>,
    },
    /// M177
    #[error("{rows} rows of {object} would not keep their values")]
    ValuesChanged {
        /// The table.
        object: String,
        /// How many rows.
        rows: u64,
    },
    /// M178
    #[error("{object} cannot be mended: {reason}")]
    NoRepair {
        /// The object.
        object: String,
        /// Why.
        reason: &'static str,
    },
    /// M188
    #[error("the folder {dir} is not one of Drizzle 1.0")]
    UpgradeNeedsFolders {
        /// The folder.
        dir: String,
    },
    /// M190
    #[error("the actor is {verdict} and may not be changed on wake: {} pending", pending.join(", "))]
    NotCurrent {
        /// Where the actor stands.
        verdict: Verdict,
        /// The migrations that are not in effect.
        pending: Vec<String>,
    },
    /// M191
    #[error("the actor was migrated by a newer release than this one")]
    AheadOfRelease,
    /// M192
    #[error("cannot {action}: the limit of {limit_ms} ms was reached")]
    OutOfTime {
        /// What we were doing.
        action: &'static str,
        /// The limit for the whole run.
        limit_ms: u128,
    },
    /// M199
    #[error("bug: {what}")]
    Bug {
        /// The broken invariant.
        what: String,
    },
}

fn join<T: fmt::Display>(items: &[T]) -> String {
    items
        .iter()
        .map(T::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn losses(needs: &[Need]) -> Vec<String> {
    let show = |need: &Need| format!("{} ({})", need.name, need.message);
    needs.iter().map(show).collect()
}

impl MigrateError {
    /// The error's code: unique, never reused, explained by [`crate::explain`].
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAFolder { .. } => "M101",
            Self::BadJournal { .. } => "M102",
            Self::MissingFile { .. } => "M103",
            Self::DuplicateEntry { .. } => "M104",
            Self::WrongDialect { .. } => "M105",
            Self::FileTooLarge { .. } => "M106",
            Self::TooManyEntries { .. } => "M107",
            Self::BadEntry { .. } => "M108",
            Self::Io { .. } => "M109",
            Self::BadLock { .. } => "M185",
            Self::NulByte { .. } => "M110",
            Self::MixedLayout { .. } => "M111",
            Self::ReplayFailed { .. } => "M120",
            Self::TimeLimit { .. } => "M121",
            Self::Forbidden { .. } => "M122",
            Self::NotADatabase { .. } => "M130",
            Self::Busy { .. } => "M131",
            Self::Sqlite { .. } => "M132",
            Self::BadTableName { .. } => "M133",
            Self::Refused { .. } => "M140",
            Self::NeedsAck { .. } => "M141",
            Self::InTransaction => "M150",
            Self::StalePlan { .. } => "M151",
            Self::StatementFailed { .. } => "M152",
            Self::TargetMissed { .. } => "M153",
            Self::ForeignKeysBroken { .. } => "M154",
            Self::RowsChanged { .. } => "M155",
            Self::ReadOnly => "M156",
            Self::NothingToUndo { .. } => "M157",
            Self::Squash(error) => error.code(),
            Self::History(HistoryError::Unknown {}) => "M170",
            Self::History(HistoryError::Misses { .. }) => "M171",
            Self::History(HistoryError::Several { .. }) => "M172",
            Self::History(HistoryError::Unreadable { .. }) => "M173",
            Self::History(HistoryError::Astray { .. }) => "M174",
            Self::History(HistoryError::Pruned { .. }) => "M195",
            Self::RepairNeeds { .. } => "M175",
            Self::RepairFailed { .. } => "M176",
            Self::ValuesChanged { .. } => "M177",
            Self::NoRepair { .. } => "M178",
            Self::UpgradeNeedsFolders { .. } => "M188",
            Self::NotCurrent { .. } => "M190",
            Self::AheadOfRelease => "M191",
            Self::OutOfTime { .. } => "M192",
            Self::Bug { .. } => "M199",
        }
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        if let Self::Refused { advice, .. } = self {
            return advice.clone();
        }
        crate::explain::next_step(self.code()).to_owned()
    }

    /// Whether the same call may succeed a little later, though nobody changes anything: somebody else was at
    /// the actor, or what its file lies on gave out for a moment.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::StalePlan { .. } => true,
            Self::Sqlite { sqlite_code, .. } | Self::StatementFailed { sqlite_code, .. } => {
                sqlite_code.is_some_and(|code| PASSING.contains(&(code & 0xff)))
            }
            _ => false,
        }
    }

    /// The statement at fault, where one is.
    #[must_use]
    pub fn at(&self) -> Option<&At> {
        match self {
            Self::ReplayFailed { at, .. }
            | Self::TimeLimit { at, .. }
            | Self::Forbidden { at, .. }
            | Self::StatementFailed { at, .. } => Some(at),
            _ => None,
        }
    }

    /// SQLite's own words, where it said something.
    #[must_use]
    pub fn sqlite_message(&self) -> Option<&str> {
        match self {
            Self::ReplayFailed { message, .. }
            | Self::NotADatabase { message }
            | Self::Sqlite { message, .. }
            | Self::RepairFailed { message, .. }
            | Self::StatementFailed { message, .. } => Some(message),
            _ => None,
        }
    }

    /// Names what we were doing when SQLite failed; a lock and a file that is no database keep their own codes.
    pub(crate) fn sqlite(action: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |error| {
            use rusqlite::ErrorCode as Code;
            match error.sqlite_error_code() {
                Some(Code::NotADatabase | Code::DatabaseCorrupt) => Self::NotADatabase {
                    message: sqlite_words(&error),
                },
                Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy { waited_ms: 0 },
                Some(Code::ReadOnly) => Self::ReadOnly,
                _ => Self::Sqlite {
                    action,
                    message: sqlite_words(&error),
                    sqlite_code: error.sqlite_extended_error_code(),
                },
            }
        }
    }

    /// Tells how long a lock was waited for, where that is what went wrong.
    pub(crate) fn after_waiting(self, waited: Duration) -> Self {
        match self {
            Self::Busy { .. } => Self::Busy {
                waited_ms: waited.as_millis(),
            },
            other => other,
        }
    }

    /// Tells which limit was reached, where our own watch stopped SQLite outside of any migration's statement.
    pub(crate) fn within(self, limit: Duration) -> Self {
        match self {
            Self::Sqlite {
                action,
                sqlite_code: Some(rusqlite::ffi::SQLITE_INTERRUPT),
                ..
            } => Self::OutOfTime {
                action,
                limit_ms: limit.as_millis(),
            },
            other => other,
        }
    }
}

/// SQLite's primary result codes for what passes by itself: no memory, I/O.
const PASSING: [i32; 2] = [rusqlite::ffi::SQLITE_NOMEM, rusqlite::ffi::SQLITE_IOERR];

/// SQLite's message without the text of the statement, which [`At`] carries.
pub(crate) fn sqlite_words(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}
