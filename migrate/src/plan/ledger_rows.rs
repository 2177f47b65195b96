//! What adoption and apply write into each kind of ledger, so that whoever reads it next runs only what is pending.

use super::{NewLedger, Plan, Step};
use crate::bundle::{Bundle, Layout, Migration, Position};
use crate::inspect::LedgerSummary;
use crate::ledger::{LedgerFormat, LedgerRow};
use crate::sql::quote_name;

/// The table that the runner of this folder would make.
pub(super) fn new_table(table: &str, layout: Layout, choice: NewLedger) -> (LedgerFormat, String) {
    let (format, columns) = match (choice, layout) {
        (NewLedger::RivetKit, _) => (
            LedgerFormat::RivetKit,
            "id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL, created_at NUMERIC",
        ),
        (NewLedger::Wrangler, _) => (
            LedgerFormat::Wrangler,
            "id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, \
             applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL",
        ),
        (NewLedger::Drizzle, Layout::DrizzleJournal) => (
            LedgerFormat::Drizzle0x,
            "id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric",
        ),
        (NewLedger::Drizzle, Layout::DrizzleFolders | Layout::PlainFiles) => (
            LedgerFormat::Drizzle1,
            "id INTEGER PRIMARY KEY, hash text NOT NULL, created_at numeric, name text, applied_at TEXT",
        ),
    };
    (
        format,
        format!("CREATE TABLE {} ({columns})", quote_name(table)),
    )
}

pub(super) fn insert(migration: &Migration) -> Step {
    Step::InsertRow {
        migration: migration.tag.clone(),
        hash: migration.hash.clone(),
        created_at: migration.when,
    }
}

/// Makes the ledger say exactly that the first `position` migrations are in effect.
///
/// Without names, every other row would mislead a reader: 0.x takes the newest for its watermark and
/// the upgrade to 1.0 stops on rows it does not know. With names, old rows are harmless, and they are
/// the only thing that lets the old code run again.
pub(super) fn adopt(plan: &mut Plan, bundle: &Bundle, position: Position, ledger: &LedgerSummary) {
    plan.ensure_ledger(bundle);
    let in_effect = &bundle.entries[..position.0.min(bundle.entries.len())];
    let mut rows = match plan.format.has_names() {
        true => named_rows(in_effect, ledger),
        false => exact_rows(in_effect, ledger),
    };
    if ledger.rows > 0 && !rows.is_empty() {
        plan.steps.push(Step::ArchiveRows { rows: ledger.rows });
    }
    plan.steps.append(&mut rows);
}

/// Exactly one row for each migration in effect. Rows that say so already are left as they are.
fn exact_rows(in_effect: &[Migration], ledger: &LedgerSummary) -> Vec<Step> {
    let says = |(row, migration): (&LedgerRow, &Migration)| {
        let silent = row.hash.is_empty() || row.hash == migration.tag;
        row.created_at == Some(migration.when) && (row.hash == migration.hash || silent)
    };
    let exact = ledger.rows == in_effect.len() && ledger.entries.iter().zip(in_effect).all(says);
    if exact {
        return Vec::new();
    }
    let delete = (ledger.rows > 0).then_some(Step::DeleteRows { rows: ledger.rows });
    delete
        .into_iter()
        .chain(in_effect.iter().map(insert))
        .collect()
}

/// A right row for each migration in effect; every other row stays.
fn named_rows(in_effect: &[Migration], ledger: &LedgerSummary) -> Vec<Step> {
    let step = |migration: &Migration| {
        let named = |row: &&LedgerRow| row.name.as_deref() == Some(&migration.tag);
        match ledger.entries.iter().find(named) {
            Some(_) if !ledger.format.has_hashes() => None,
            Some(row) if row.hash == migration.hash && row.created_at == Some(migration.when) => {
                None
            }
            Some(_) => Some(Step::UpdateRow {
                migration: migration.tag.clone(),
                hash: migration.hash.clone(),
                created_at: migration.when,
            }),
            None => Some(insert(migration)),
        }
    };
    in_effect.iter().filter_map(step).collect()
}

/// For a ledger whose rows get names: each migration in effect names the rows that say it ran, or gets a row.
/// Unless the ledger is `complete`, only its hash ties a row to a migration: a squash may have kept the time.
pub(super) fn name_or_insert(
    in_effect: &[Migration],
    bundle: &Bundle,
    ledger: &LedgerSummary,
    complete: bool,
) -> Vec<Step> {
    let steps = |(entry, migration): (usize, &Migration)| {
        let speaks = |row: &&LedgerRow| {
            bundle.index.entry_of(row, &bundle.entries) == Some(entry)
                && (complete || row.hash == migration.hash)
        };
        let named: Vec<_> = ledger
            .entries
            .iter()
            .filter(speaks)
            .map(|row| Step::NameRow {
                migration: migration.tag.clone(),
                hash: row.hash.clone(),
                created_at: row.created_at,
            })
            .collect();
        match named.is_empty() {
            true => vec![insert(migration)],
            false => named,
        }
    };
    in_effect.iter().enumerate().flat_map(steps).collect()
}
