//! What we leave behind in an actor: who changed what and when, and the ledger rows that adoption took away.
//!
//! Both tables live in the actor's own database and are written in the transaction that changes it.
//! They are no part of its fingerprint.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension};

use crate::error::MigrateError;
use crate::ledger::Archived;
use crate::limits::LEDGER_ROWS_MAX;
use crate::plan::{Action, Plan};
use crate::schema::{Fingerprint, Schema};
use crate::verdict::Accepted;

/// One row for every change: what, from where, to where, when, by which version and plan.
pub const AUDIT_TABLE: &str = "__actor_migrate_audit";
/// The ledger rows that an adoption replaced, as they were; `audit` is the row that tells of it.
pub const ARCHIVE_TABLE: &str = "__actor_migrate_archive";

/// Columns without a type keep every value as it was stored.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS __actor_migrate_audit (
  id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  action TEXT NOT NULL,
  ledger TEXT NOT NULL,
  verdict TEXT NOT NULL,
  from_position INTEGER,
  to_position INTEGER,
  from_fingerprint TEXT NOT NULL,
  to_fingerprint TEXT NOT NULL,
  accepted TEXT NOT NULL,
  plan TEXT NOT NULL,
  tool TEXT NOT NULL,
  sqlite TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS __actor_migrate_archive (
  audit INTEGER NOT NULL,
  ledger TEXT NOT NULL,
  id,
  hash,
  created_at,
  name,
  applied_at
);";

/// The present moment as JavaScript prints it.
pub(super) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}

/// Makes our tables where they are missing and says the number of the audit row to come.
pub(super) fn prepare(conn: &Connection) -> Result<i64, MigrateError> {
    let failed = || MigrateError::sqlite("prepare the audit table");
    conn.execute_batch(TABLES).map_err(failed())?;
    conn.query_row(
        "SELECT coalesce(max(id), 0) + 1 FROM __actor_migrate_audit",
        [],
        |row| row.get(0),
    )
    .map_err(failed())
}

/// A change that archived the rows of a ledger.
pub(super) struct Rewrite {
    /// Its audit row.
    pub(super) id: i64,
    /// Whether it gave the ledger columns as well.
    pub(super) upgraded: bool,
}

/// The last change under `ledger`, if that was an adoption or an upgrade.
pub(super) fn last_rewrite(conn: &Connection, ledger: &str) -> Result<Rewrite, MigrateError> {
    let last: Option<(i64, String)> = conn
        .query_row(
            "SELECT id, action FROM __actor_migrate_audit WHERE ledger = ?1 ORDER BY id DESC LIMIT 1",
            [ledger],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(MigrateError::sqlite("read the audit table"))?;
    let is = |action: Action| move |(_, last): &(i64, String)| *last == action.to_string();
    let upgraded = last.as_ref().is_some_and(is(Action::Upgrade));
    last.filter(|last| upgraded || is(Action::Adopt)(last))
        .map(|(id, _)| Rewrite { id, upgraded })
        .ok_or_else(|| MigrateError::NothingToUndo {
            table: ledger.to_owned(),
        })
}

pub(super) fn write(
    conn: &Connection,
    id: i64,
    plan: &Plan,
    reached: Fingerprint,
) -> Result<(), MigrateError> {
    let accepted: Vec<_> = plan
        .accepted
        .iter()
        .map(|difference| (difference.kind.as_str(), &difference.object))
        .collect();
    let accepted = serde_json::to_string(&accepted).unwrap_or_else(|_| "[]".to_owned());
    let position = |position: Option<crate::bundle::Position>| position.map(|at| at.0 as u64);
    conn.execute(
        "INSERT INTO __actor_migrate_audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        rusqlite::params![
            id,
            now(),
            plan.action.to_string(),
            plan.table,
            plan.verdict.as_str(),
            position(plan.position).map(u64::cast_signed),
            position(plan.target).map(u64::cast_signed),
            plan.from.to_string(),
            reached.to_string(),
            accepted,
            plan.digest,
            concat!("actor-migrate ", env!("CARGO_PKG_VERSION")),
            rusqlite::version(),
        ],
    )
    .map_err(MigrateError::sqlite("write the audit row"))?;
    Ok(())
}

/// The differences accepted by the last change of the actor under this ledger.
pub(crate) fn accepted(
    conn: &Connection,
    schema: &Schema,
    ledger: &str,
) -> Result<Vec<Accepted>, MigrateError> {
    if schema.ledger_object(AUDIT_TABLE).is_none() {
        return Ok(Vec::new());
    }
    let text: Option<String> = conn
        .query_row(
            "SELECT accepted FROM __actor_migrate_audit WHERE ledger = ?1 ORDER BY id DESC LIMIT 1",
            [ledger],
            |row| row.get(0),
        )
        .optional()
        .map_err(MigrateError::sqlite("read the audit table"))?;
    let pairs: Vec<(String, String)> = text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    Ok(pairs
        .into_iter()
        .map(|(kind, object)| Accepted { kind, object })
        .collect())
}

/// The rows that adoptions of this ledger have archived.
pub(crate) fn archived(
    conn: &Connection,
    schema: &Schema,
    ledger: &str,
) -> Result<HashSet<Archived>, MigrateError> {
    if schema.ledger_object(ARCHIVE_TABLE).is_none() {
        return Ok(HashSet::new());
    }
    let failed = || MigrateError::sqlite("read the archive of the ledger");
    // Wrangler's names are those of files.
    let sql = format!(
        "SELECT CASE WHEN hash IS NULL AND name LIKE '%.sql' THEN substr(name, 1, length(name) - 4) \
         ELSE CAST(name AS TEXT) END, CAST(coalesce(hash, '') AS TEXT), CAST(created_at AS INTEGER) \
         FROM __actor_migrate_archive WHERE ledger = ?1 LIMIT {LEDGER_ROWS_MAX}"
    );
    let mut select = conn.prepare(&sql).map_err(failed())?;
    let rows = select.query_map([ledger], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.map_err(failed())?
        .collect::<Result<_, _>>()
        .map_err(failed())
}
