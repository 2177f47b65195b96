//! Writes a ledger in the shape it has, as the runner that reads it next expects.

use rusqlite::{Connection, Params};

use super::audit::now;
use crate::bundle::Millis;
use crate::error::MigrateError;
use crate::ledger::LedgerFormat;
use crate::sql::quote_name;

/// The ledger of the actor that a plan runs on.
pub(super) struct LedgerWriter<'a> {
    pub(super) conn: &'a Connection,
    pub(super) table: &'a str,
    pub(super) format: LedgerFormat,
}

impl LedgerWriter<'_> {
    fn write(&self, sql: &str, params: impl Params) -> Result<(), MigrateError> {
        let sql = sql.replace("{ledger}", &quote_name(self.table));
        let written = self.conn.execute(&sql, params);
        written
            .map(|_| ())
            .map_err(MigrateError::sqlite("write the ledger"))
    }

    pub(super) fn create(&self, sql: &str) -> Result<(), MigrateError> {
        self.write(sql, [])
    }

    pub(super) fn delete_rows(&self) -> Result<(), MigrateError> {
        self.write("DELETE FROM {ledger}", [])
    }

    /// Never the `id`: it counts up by itself, or is NULL in every row.
    pub(super) fn insert(&self, tag: &str, hash: &str, when: Millis) -> Result<(), MigrateError> {
        match self.format {
            LedgerFormat::Drizzle1 => {
                let sql = "INSERT INTO {ledger} (hash, created_at, name, applied_at) VALUES (?1, ?2, ?3, ?4)";
                self.write(sql, (hash, when.0, tag, now()))
            }
            LedgerFormat::Wrangler => self.write(
                "INSERT INTO {ledger} (name) VALUES (?1)",
                [format!("{tag}.sql")],
            ),
            _ => self.write(
                "INSERT INTO {ledger} (hash, created_at) VALUES (?1, ?2)",
                (hash, when.0),
            ),
        }
    }

    pub(super) fn update(&self, tag: &str, hash: &str, when: Millis) -> Result<(), MigrateError> {
        let sql = "UPDATE {ledger} SET hash = ?1, created_at = ?2 WHERE name = ?3";
        self.write(sql, (hash, when.0, tag))
    }

    /// Its columns, and NULL for those of the archive that it does not have.
    fn archived_columns(&self) -> &'static str {
        match self.format {
            LedgerFormat::Drizzle1 => "id, hash, created_at, name, applied_at",
            LedgerFormat::Wrangler => "id, NULL, NULL, name, applied_at",
            _ => "id, hash, created_at, NULL, NULL",
        }
    }

    /// Copies every row to our archive, every value as it is stored.
    pub(super) fn archive(&self, adoption: i64) -> Result<(), MigrateError> {
        let sql = format!(
            "INSERT INTO __actor_migrate_archive (audit, ledger, id, hash, created_at, name, applied_at) \
             SELECT ?1, ?2, {} FROM {{ledger}}",
            self.archived_columns()
        );
        self.write(&sql, (adoption, self.table))
    }

    /// Puts the rows that an adoption archived in place of the present ones.
    pub(super) fn restore(&self, adoption: i64) -> Result<(), MigrateError> {
        self.delete_rows()?;
        let columns = self
            .archived_columns()
            .replace("NULL, ", "")
            .replace(", NULL", "");
        let sql = format!(
            "INSERT INTO {{ledger}} ({columns}) SELECT {columns} FROM __actor_migrate_archive \
             WHERE audit = ?1 ORDER BY rowid"
        );
        self.write(&sql, [adoption])
    }

    /// The two columns that Drizzle 1.0 adds to a ledger of 0.x.
    pub(super) fn add_names(&self) -> Result<(), MigrateError> {
        self.write("ALTER TABLE {ledger} ADD COLUMN \"name\" text", [])?;
        self.write("ALTER TABLE {ledger} ADD COLUMN \"applied_at\" TEXT", [])
    }

    /// What undoes [`Self::add_names`], once the rows have no use for them.
    pub(super) fn drop_names(&self) -> Result<(), MigrateError> {
        self.write("ALTER TABLE {ledger} DROP COLUMN \"applied_at\"", [])?;
        self.write("ALTER TABLE {ledger} DROP COLUMN \"name\"", [])
    }

    pub(super) fn name_row(
        &self,
        tag: &str,
        hash: &str,
        when: Option<Millis>,
    ) -> Result<(), MigrateError> {
        self.write(
            "UPDATE {ledger} SET name = ?1 WHERE hash = ?2 AND created_at IS ?3",
            (tag, hash, when.map(|when| when.0)),
        )
    }
}
