//! A database in memory on which migrations are tried: bounded in time and size, cut off from everything else.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode};

use crate::bundle::Migration;
use crate::error::{MigrateError, sqlite_words};
use crate::limits::REPLAY_BYTES_MAX;
use crate::sql::{Head, Statement, head};

/// What SQLite said a statement would do when it was prepared.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Tables whose rows it writes, in lower case.
    pub(crate) writes: BTreeSet<String>,
    /// Those of them that it deletes from, in so many words.
    pub(crate) deletes: BTreeSet<String>,
    /// Columns that it reads, with their tables, in lower case.
    pub(crate) reads: BTreeSet<(String, String)>,
    /// What it may not do and asked for.
    denied: Option<String>,
}

/// The database and the watch over it.
pub(crate) struct Sandbox {
    pub(crate) conn: Connection,
    notes: Arc<Mutex<Notes>>,
    deadline: Instant,
    limit: Duration,
}

impl Sandbox {
    pub(crate) fn open(limit: Duration) -> Result<Self, MigrateError> {
        let failed = || MigrateError::sqlite("open a database in memory");
        let mut conn = Connection::open_in_memory().map_err(failed())?;
        let pages = REPLAY_BYTES_MAX / 4096;
        let pins = format!("PRAGMA foreign_keys = OFF; PRAGMA max_page_count = {pages}");
        conn.execute_batch(&pins).map_err(failed())?;
        conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)
            .map_err(failed())?;
        let notes = Arc::new(Mutex::new(Notes::default()));
        let watch = Arc::clone(&notes);
        conn.authorizer(Some(move |context: AuthContext<'_>| {
            note(&mut lock(&watch), &context)
        }))
        .map_err(failed())?;
        let deadline = Instant::now() + limit;
        conn.progress_handler(1000, Some(move || Instant::now() > deadline))
            .map_err(failed())?;
        Ok(Self {
            conn,
            notes,
            deadline,
            limit,
        })
    }

    /// Runs one statement and says what it did.
    pub(crate) fn run(
        &self,
        migration: &Migration,
        statement: &Statement,
    ) -> Result<Notes, MigrateError> {
        let sql = migration.sql(statement);
        let at = || migration.at(statement, None);
        if let Some(what) = refused(&head(sql)) {
            return Err(MigrateError::Forbidden {
                at: at(),
                what: what.to_owned(),
            });
        }
        *lock(&self.notes) = Notes::default();
        let outcome = run_statement(&self.conn, sql);
        let notes = std::mem::take(&mut *lock(&self.notes));
        if let Some(what) = notes.denied {
            return Err(MigrateError::Forbidden { at: at(), what });
        }
        let late = Instant::now() > self.deadline;
        match outcome {
            Ok(()) if !late => Ok(notes),
            Err(error)
                if !late && error.sqlite_error_code() != Some(ErrorCode::OperationInterrupted) =>
            {
                let at = migration.at(statement, error_offset(&error));
                Err(MigrateError::ReplayFailed {
                    at,
                    message: sqlite_words(&error),
                })
            }
            _ => Err(MigrateError::TimeLimit {
                at: at(),
                limit_ms: self.limit.as_millis(),
            }),
        }
    }
}

/// Prepares and steps one statement to its end, whatever rows it returns.
pub(crate) fn run_statement(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    Ok(())
}

/// The byte of the statement that SQLite points at, where it does.
pub(crate) fn error_offset(error: &rusqlite::Error) -> Option<usize> {
    match error {
        rusqlite::Error::SqlInputError { offset, .. } => usize::try_from(*offset).ok(),
        _ => None,
    }
}

/// What a migration may not contain because the one transaction around it is ours.
pub(crate) fn refused(head: &Head) -> Option<&'static str> {
    match head {
        Head::Transaction => Some("a transaction of its own"),
        Head::Outside(word) => Some(word),
        _ => None,
    }
}

fn lock(notes: &Mutex<Notes>) -> MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(notes: &mut Notes, context: &AuthContext<'_>) -> Authorization {
    let denied = match context.action {
        AuthAction::Delete { table_name } => {
            notes.writes.insert(table_name.to_ascii_lowercase());
            notes.deletes.insert(table_name.to_ascii_lowercase());
            None
        }
        AuthAction::Insert { table_name } | AuthAction::Update { table_name, .. } => {
            notes.writes.insert(table_name.to_ascii_lowercase());
            None
        }
        AuthAction::Read {
            table_name,
            column_name,
        } => {
            let read = (
                table_name.to_ascii_lowercase(),
                column_name.to_ascii_lowercase(),
            );
            notes.reads.insert(read);
            None
        }
        AuthAction::Attach { .. } => Some("ATTACH".to_owned()),
        AuthAction::Detach { .. } => Some("DETACH".to_owned()),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => {
            Some("a transaction of its own".to_owned())
        }
        AuthAction::Function { function_name } if is_reaching(function_name) => {
            Some(format!("{function_name}()"))
        }
        AuthAction::Pragma { pragma_name, .. } if !is_harmless(pragma_name) => {
            Some(format!("PRAGMA {pragma_name}"))
        }
        _ => None,
    };
    if denied.is_none() {
        return Authorization::Allow;
    }
    notes.denied = denied;
    Authorization::Deny
}

fn is_reaching(function: &str) -> bool {
    function.eq_ignore_ascii_case("load_extension")
        || function.eq_ignore_ascii_case("fts3_tokenizer")
}

/// Pragmas that only read, or that a rollback undoes, or that full-text modules ask for themselves.
fn is_harmless(pragma: &str) -> bool {
    const HARMLESS: [&str; 19] = [
        "analysis_limit",
        "application_id",
        "collation_list",
        "data_version",
        "defer_foreign_keys",
        "encoding",
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "optimize",
        "page_size",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
        "user_version",
    ];
    HARMLESS
        .iter()
        .any(|harmless| harmless.eq_ignore_ascii_case(pragma))
}
