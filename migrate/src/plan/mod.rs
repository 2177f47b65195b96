//! What would be done to one actor, as data: shown, hashed, and run exactly so or not at all.

mod ledger_rows;
mod reconcile;
mod upgrade;

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::bundle::{Bundle, Millis, Position, sha256_hex};
use crate::error::MigrateError;
use crate::inspect::{InspectOptions, SCHEMA_VERSION, Standing};
use crate::ledger::LedgerFormat;
use crate::replay::{Expected, View};
use crate::schema::{Difference, Fingerprint};
use crate::sql::{Head, head};
use crate::verdict::{Adoption, Need, Verdict};
pub use reconcile::plan_reconcile;
pub use upgrade::plan_upgrade;

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// Run the pending migrations.
    Apply,
    /// Rewrite the ledger to say what the schema proves.
    Adopt,
    /// Give the ledger back the rows that the last adoption or upgrade archived.
    Undo,
    /// Give a ledger of Drizzle 0.x the shape of 1.0.
    Upgrade,
    /// Run what an actor lacks before its ledger can say the truth, then rewrite it.
    Reconcile,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apply => "apply",
            Self::Adopt => "adopt",
            Self::Undo => "undo",
            Self::Upgrade => "upgrade",
            Self::Reconcile => "reconcile",
        })
    }
}

/// Which ledger is made where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NewLedger {
    /// The one of the Drizzle line that the folder is of.
    #[default]
    Drizzle,
    /// RivetKit's.
    RivetKit,
    /// That of Cloudflare's wrangler.
    Wrangler,
}

/// What the caller allows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PlanOptions {
    /// The needs that a person accepts, by name or by the part before the colon.
    pub allow: BTreeSet<String>,
    /// Tables whose row counts may change although no statement names them.
    pub rows_may_change: BTreeSet<String>,
    /// Which ledger is made where there is none.
    pub new_ledger: NewLedger,
}

/// One thing a plan does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// Make the ledger table as its runner would.
    CreateLedger {
        /// The statement.
        sql: String,
    },
    /// Copy every row of the ledger to our archive.
    ArchiveRows {
        /// How many there are.
        rows: usize,
    },
    /// Delete every row of the ledger.
    DeleteRows {
        /// How many there are.
        rows: usize,
    },
    /// Run one statement of a migration.
    Run {
        /// The migration.
        migration: String,
        /// The statement's number in its file.
        statement: usize,
        /// Its text.
        sql: String,
    },
    /// Run one statement that mends the schema.
    Repair {
        /// What it is about: `table users`.
        object: String,
        /// Its text.
        sql: String,
    },
    /// Count the rows of a table that are not as they were before it was made anew: none may be.
    Verify {
        /// The table.
        object: String,
        /// The query.
        sql: String,
    },
    /// Journal a migration.
    InsertRow {
        /// The migration.
        migration: String,
        /// sha256 of its file.
        hash: String,
        /// Its `when`.
        created_at: Millis,
    },
    /// Correct the row that has the migration's name.
    UpdateRow {
        /// The migration.
        migration: String,
        /// sha256 of its file.
        hash: String,
        /// Its `when`.
        created_at: Millis,
    },
    /// Put the rows of the last adoption or upgrade back in place of the present ones, and the columns of its time.
    RestoreRows,
    /// Give the ledger the columns `name` and `applied_at`.
    AddNames,
    /// Give the row of this time and hash the migration's name.
    NameRow {
        /// The migration.
        migration: String,
        /// The hash its row has: that of the file, empty, or the tag.
        hash: String,
        /// The time its row has, if it has one.
        created_at: Option<Millis>,
    },
}

/// What would be done to one actor. Its digest changes whenever the actor, the folder or the options do.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// The version of this object's JSON.
    pub schema_version: u32,
    /// sha256 over all that follows, and over the folder and the ledger rows it was made from.
    pub digest: String,
    /// What it is for.
    pub action: Action,
    /// Where the actor stands now.
    pub verdict: Verdict,
    /// The ledger table.
    pub table: String,
    /// Who wrote it, or will have.
    pub format: LedgerFormat,
    /// The hash of the actor's schema now.
    pub from: Fingerprint,
    /// The hash its schema should have afterwards.
    pub to: Fingerprint,
    /// How many migrations are in effect now.
    pub position: Option<Position>,
    /// How many will be.
    pub target: Option<Position>,
    /// Whether foreign keys are off while it runs.
    pub foreign_keys_off: bool,
    /// What it does, in order.
    pub steps: Vec<Step>,
    /// The differences that a person accepts by running it, or has accepted before.
    pub accepted: Vec<Difference>,
    /// What the caller allowed.
    pub options: PlanOptions,
    /// Tables whose rows the statements write, in lower case.
    pub writes: BTreeSet<String>,
    /// Tables that the statements delete rows from, in lower case.
    #[serde(skip)]
    pub(crate) deletes: BTreeSet<String>,
    #[serde(skip)]
    pub(crate) inspect: InspectOptions,
    #[serde(skip)]
    pub(crate) bundle_digest: String,
    #[serde(skip)]
    pub(crate) ledger_digest: String,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
            && self
                .accepted
                .iter()
                .all(|difference| difference.acknowledged)
    }

    /// The statements that would run, with the ledger's own left out.
    pub fn statements(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Run { sql, .. } => Some(sql.as_str()),
            _ => None,
        })
    }

    fn new(action: Action, bundle: &Bundle, standing: &Standing, options: &PlanOptions) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            digest: String::new(),
            action,
            verdict: standing.verdict,
            table: standing.ledger.table.clone(),
            format: standing.ledger.format,
            from: standing.fingerprint,
            to: standing.fingerprint,
            position: standing.position,
            target: standing.position,
            foreign_keys_off: false,
            steps: Vec::new(),
            accepted: standing
                .differences
                .iter()
                .filter(|d| d.acknowledged)
                .cloned()
                .collect(),
            options: options.clone(),
            writes: BTreeSet::new(),
            deletes: BTreeSet::new(),
            inspect: standing.options.clone(),
            bundle_digest: bundle.digest.clone(),
            ledger_digest: format!("{:?}", standing.ledger.entries),
        }
    }

    fn sealed(mut self) -> Self {
        let body = serde_json::to_string(&self).unwrap_or_default();
        let sources = format!(
            "{body}\n{}\n{}\n{:?}",
            self.bundle_digest, self.ledger_digest, self.inspect
        );
        self.digest = sha256_hex(sources.as_bytes());
        self
    }

    /// Runs a migration, but for its first `ran` statements. Foreign keys are switched outside the transaction.
    fn run(&mut self, view: View<'_>, entry: usize, ran: usize) {
        let migration = &view.bundle.entries[entry];
        for statement in &migration.statements[ran..] {
            let sql = migration.sql(statement);
            if head(sql) != Head::ForeignKeys {
                let (migration, sql) = (migration.tag.clone(), sql.to_owned());
                self.steps.push(Step::Run {
                    migration,
                    statement: statement.number,
                    sql,
                });
            }
        }
        let facts = view.expected.facts(entry);
        self.foreign_keys_off |= facts.foreign_keys_off;
        self.writes.extend(facts.writes.iter().cloned());
        self.deletes.extend(facts.deletes.iter().cloned());
    }

    /// Makes the ledger where there is none.
    fn ensure_ledger(&mut self, bundle: &Bundle) {
        if self.format == LedgerFormat::None {
            let (format, sql) =
                ledger_rows::new_table(&self.table, bundle.layout, self.options.new_ledger);
            self.format = format;
            self.steps.push(Step::CreateLedger { sql });
        }
    }
}

/// Plans to run what is pending. An actor with nothing pending gets an empty plan.
///
/// # Errors
/// M140 if the actor must be adopted or repaired first.
pub fn plan_apply(
    bundle: &Bundle,
    expected: &Expected,
    standing: &Standing,
    options: &PlanOptions,
) -> Result<Plan, MigrateError> {
    let proven = matches!(
        standing.verdict,
        Verdict::Fresh
            | Verdict::Current
            | Verdict::Behind
            | Verdict::Skipped
            | Verdict::EditedCosmetic
    );
    if !proven {
        return Err(refused("migrated", standing));
    }
    let mut plan = Plan::new(Action::Apply, bundle, standing, options);
    let view = standing.view(bundle, expected);
    let View { bundle, expected } = view;
    let first = standing.position.unwrap_or(Position(0));
    let pending = first.0..bundle.entries.len();
    if !pending.is_empty() {
        plan.ensure_ledger(bundle);
    }
    for entry in pending {
        plan.run(view, entry, 0);
        plan.steps.push(ledger_rows::insert(&bundle.entries[entry]));
    }
    plan.target = Some(bundle.end());
    plan.to = expected.fingerprint(bundle.end()).unwrap_or(plan.to);
    Ok(plan.sealed())
}

/// Plans to rewrite the ledger to say what the schema proves. Where it is right already, the plan is empty.
///
/// # Errors
/// M140 if the schema proves nothing, M141 if something must be accepted that `options.allow` does not name.
pub fn plan_adopt(
    bundle: &Bundle,
    expected: &Expected,
    standing: &Standing,
    options: &PlanOptions,
) -> Result<Plan, MigrateError> {
    let mut plan = Plan::new(Action::Adopt, bundle, standing, options);
    match standing.adoption {
        Adoption::NotNeeded => return Ok(plan.sealed()),
        Adoption::Refuse => return Err(refused("adopted", standing)),
        Adoption::Safe | Adoption::NeedsAck => {}
    }
    let view = standing.view(bundle, expected);
    let position = chosen_position(standing, options, view.bundle)?;
    check_needs(standing, options)?;
    plan.target = Some(position);
    plan.accepted.clone_from(&standing.differences);
    ledger_rows::adopt(&mut plan, view.bundle, position, &standing.ledger);
    Ok(plan.sealed())
}

/// Plans to undo the last adoption or upgrade.
///
/// # Errors
/// None today; running the plan gives M157 where nothing was adopted.
pub fn plan_undo(bundle: &Bundle, standing: &Standing) -> Result<Plan, MigrateError> {
    let mut plan = Plan::new(Action::Undo, bundle, standing, &PlanOptions::default());
    plan.steps = vec![Step::RestoreRows];
    plan.accepted.clear();
    plan.target = None;
    Ok(plan.sealed())
}

fn refused(action: &'static str, standing: &Standing) -> MigrateError {
    MigrateError::Refused {
        action,
        verdict: standing.verdict,
        adoption: standing.adoption,
        advice: standing.advice.clone(),
    }
}

/// Among several positions one must be named; it counts as accepted by that.
fn check_needs(standing: &Standing, options: &PlanOptions) -> Result<(), MigrateError> {
    let is_open =
        |need: &&Need| !need.name.starts_with(POSITION) && !need.is_met_by(options.allow.iter());
    let needed: Vec<_> = standing
        .needs
        .iter()
        .filter(is_open)
        .map(|need| need.name.clone())
        .collect();
    if needed.is_empty() {
        return Ok(());
    }
    Err(MigrateError::NeedsAck {
        needed,
        differences: standing.differences.clone(),
    })
}

const POSITION: &str = "position:";

/// The position to record: the one that was proven, or the one the caller named among several.
fn chosen_position(
    standing: &Standing,
    options: &PlanOptions,
    bundle: &Bundle,
) -> Result<Position, MigrateError> {
    if standing.candidates.is_empty() {
        return Ok(standing.position.unwrap_or(Position(0)));
    }
    let name = |position: &Position| format!("{POSITION}{}", bundle.entries[position.0 - 1].tag);
    let named = standing
        .candidates
        .iter()
        .find(|position| options.allow.contains(&name(position)));
    named.copied().ok_or_else(|| MigrateError::NeedsAck {
        needed: standing.candidates.iter().map(name).collect(),
        differences: standing.differences.clone(),
    })
}
