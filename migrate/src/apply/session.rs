//! The connection while a plan runs: foreign keys, locks and limits set, and put back whatever happens.

use std::ops::Deref;
use std::time::Instant;

use rusqlite::Connection;

use super::{ExecuteOptions, begin_exclusive};
use crate::error::MigrateError;

/// An exclusive transaction on a borrowed connection. Dropped before `commit`, it rolls back.
pub(super) struct Session<'a> {
    conn: &'a mut Connection,
    /// What `PRAGMA foreign_keys` was, where it had to be changed.
    foreign_keys_were: Option<bool>,
}

impl<'a> Session<'a> {
    pub(super) fn open(
        conn: &'a mut Connection,
        foreign_keys_off: bool,
        options: &ExecuteOptions,
    ) -> Result<Self, MigrateError> {
        if !conn.is_autocommit() {
            return Err(MigrateError::InTransaction);
        }
        if conn
            .is_readonly("main")
            .map_err(MigrateError::sqlite("look at the connection"))?
        {
            return Err(MigrateError::ReadOnly);
        }
        let mut session = Self {
            conn,
            foreign_keys_were: None,
        };
        if foreign_keys_off {
            session.switch_foreign_keys_off()?;
        }
        begin_exclusive(session.conn, options.busy_wait)?;
        let deadline = Instant::now() + options.time_limit;
        session
            .conn
            .progress_handler(1000, Some(move || Instant::now() > deadline))
            .map_err(MigrateError::sqlite("set a time limit"))?;
        Ok(session)
    }

    /// Inside a transaction the pragma does nothing, so this comes before it.
    fn switch_foreign_keys_off(&mut self) -> Result<(), MigrateError> {
        let failed = || MigrateError::sqlite("switch foreign keys off");
        let were: bool = self
            .conn
            .query_row("PRAGMA foreign_keys", [], |row| row.get(0))
            .map_err(failed())?;
        if were {
            self.conn
                .execute_batch("PRAGMA foreign_keys = OFF")
                .map_err(failed())?;
            self.foreign_keys_were = Some(true);
        }
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), MigrateError> {
        self.conn
            .execute_batch("COMMIT")
            .map_err(MigrateError::sqlite("commit"))
    }
}

impl Deref for Session<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.conn
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // The outcome is already decided and told; what fails here shows on the connection's next use.
        let _ = self.conn.progress_handler(0, None::<fn() -> bool>);
        if !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        if self.foreign_keys_were == Some(true) {
            let _ = self.conn.execute_batch("PRAGMA foreign_keys = ON");
        }
    }
}
