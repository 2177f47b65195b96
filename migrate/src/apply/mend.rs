//! Runs the statements of a repair, which are ours and stand in no file.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use crate::error::{MigrateError, sqlite_words};
use crate::replay::run_statement;

/// One repair under way.
pub(super) struct Mender<'a> {
    pub(super) conn: &'a Connection,
    pub(super) time_limit: Duration,
}

impl Mender<'_> {
    pub(super) fn run(&self, object: &str, sql: &str) -> Result<(), MigrateError> {
        let ran = run_statement(self.conn, sql);
        ran.map_err(|error| self.failed(object, sql, &error))
    }

    /// A statement that counts the rows that are not as they were.
    pub(super) fn verify(&self, object: &str, sql: &str) -> Result<(), MigrateError> {
        let rows = self.conn.query_row(sql, [], |row| row.get::<_, i64>(0));
        match rows.map_err(|error| self.failed(object, sql, &error))? {
            0 => Ok(()),
            rows => Err(MigrateError::ValuesChanged {
                object: object.to_owned(),
                rows: rows.unsigned_abs(),
            }),
        }
    }

    fn failed(&self, object: &str, sql: &str, error: &rusqlite::Error) -> MigrateError {
        let message = match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => format!(
                "it was still running when the limit of {} ms was reached",
                self.time_limit.as_millis()
            ),
            _ => sqlite_words(error),
        };
        MigrateError::RepairFailed {
            object: object.to_owned(),
            sql: sql.to_owned(),
            message,
            sqlite_code: error.sqlite_extended_error_code(),
        }
    }
}
