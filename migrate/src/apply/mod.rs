//! The one writer: runs a plan in one transaction, or leaves the actor exactly as it was.

pub(crate) mod audit;
mod guards;
mod ledger;
mod mend;
mod session;

use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use serde::Serialize;

use crate::bundle::{Bundle, Migration, Position};
use crate::error::{MigrateError, sqlite_words};
use crate::inspect::{Actor, Standing};
use crate::limits::{APPLY_TIME_MAX, BUSY_WAIT_MAX};
use crate::plan::{
    Action, Plan, Step, plan_adopt, plan_apply, plan_reconcile, plan_undo, plan_upgrade,
};
use crate::replay::{Expected, error_offset, refused, run_statement};
use crate::schema::Fingerprint;
use crate::sql::{Statement, head};
use crate::verdict::Verdict;
use guards::Guards;
use ledger::LedgerWriter;
use mend::Mender;
use session::Session;

/// Bounds of one run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExecuteOptions {
    /// How long a locked database is waited for, beyond the connection's own busy timeout.
    pub busy_wait: Duration,
    /// How long the run may take.
    pub time_limit: Duration,
}

impl Default for ExecuteOptions {
    fn default() -> Self {
        Self {
            busy_wait: BUSY_WAIT_MAX,
            time_limit: APPLY_TIME_MAX,
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// What was done.
    pub action: Action,
    /// Whether anything was written.
    pub changed: bool,
    /// Where the actor stood before.
    pub verdict_before: Verdict,
    /// Where it stands now.
    #[serde(flatten)]
    pub standing: Standing,
    /// The migrations that ran.
    pub applied: Vec<String>,
    /// The hash of its schema before.
    pub fingerprint_before: Fingerprint,
    /// How many migrations were in effect before.
    pub position_before: Option<Position>,
    /// The plan that ran.
    pub plan: String,
}

/// Runs `plan` with the default bounds.
///
/// # Errors
/// M150 to M157, M121, M131, M192: nothing was changed, and the connection is as it was.
pub fn execute(
    conn: &mut Connection,
    bundle: &Bundle,
    expected: &Expected,
    plan: &Plan,
) -> Result<Report, MigrateError> {
    execute_with(conn, bundle, expected, plan, &ExecuteOptions::default())
}

/// Runs `plan`. The connection's progress handler is taken for the time limit and left empty.
///
/// # Errors
/// As [`execute`].
pub fn execute_with(
    conn: &mut Connection,
    bundle: &Bundle,
    expected: &Expected,
    plan: &Plan,
    options: &ExecuteOptions,
) -> Result<Report, MigrateError> {
    let mut run = Run {
        bundle,
        expected,
        plan,
        time_limit: options.time_limit,
    };
    let mut session = Session::open(conn, plan.foreign_keys_off, options)?;
    let ran = run.in_transaction(&session);
    let report = ran.map_err(|error| error.within(options.time_limit))?;
    session.commit()?;
    tracing::info!(action = %plan.action, plan = plan.digest, changed = report.changed, "plan ran");
    Ok(report)
}

/// One plan under way.
struct Run<'a> {
    bundle: &'a Bundle,
    expected: &'a Expected,
    plan: &'a Plan,
    time_limit: Duration,
}

impl Run<'_> {
    fn in_transaction(&mut self, conn: &Connection) -> Result<Report, MigrateError> {
        let before = self.read(conn)?;
        let standing = before.stand(self.bundle, self.expected, &self.plan.inspect);
        self.check_plan(&standing)?;
        let changed = !self.plan.is_empty();
        if changed {
            let guards = Guards::before(conn, &before.schema, self.plan)?;
            let adoption = audit::prepare(conn)?;
            let ran = standing.ran(self.bundle);
            for step in &self.plan.steps {
                self.step(conn, step, ran, adoption)?;
            }
            let after = self.read(conn)?;
            self.check_target(&before, &after, &standing)?;
            guards.check(conn, &after.schema, self.plan)?;
            audit::write(conn, adoption, self.plan, after.fingerprint)?;
        }
        let after = self
            .read(conn)?
            .stand(self.bundle, self.expected, &self.plan.inspect);
        Ok(self.report(after, changed))
    }

    fn read(&self, conn: &Connection) -> Result<Actor, MigrateError> {
        Actor::read(conn, self.expected, &self.plan.inspect)
    }

    /// The facts may have changed since the plan was made: it is made again and must be the same.
    fn check_plan(&self, standing: &Standing) -> Result<(), MigrateError> {
        let again = match self.plan.action {
            Action::Apply => plan_apply(self.bundle, self.expected, standing, &self.plan.options),
            Action::Adopt => plan_adopt(self.bundle, self.expected, standing, &self.plan.options),
            Action::Undo => plan_undo(self.bundle, standing),
            Action::Upgrade => {
                plan_upgrade(self.bundle, self.expected, standing, &self.plan.options)
            }
            Action::Reconcile => {
                plan_reconcile(self.bundle, self.expected, standing, &self.plan.options)
            }
        };
        let found = match again {
            Ok(again) if again.digest == self.plan.digest => return Ok(()),
            Ok(again) => again.digest,
            Err(error) => format!("nothing ({error})"),
        };
        Err(MigrateError::StalePlan {
            planned: self.plan.digest.clone(),
            found,
        })
    }

    /// `ran`: the chain whose statements run.
    fn step(
        &self,
        conn: &Connection,
        step: &Step,
        ran: &Bundle,
        adoption: i64,
    ) -> Result<(), MigrateError> {
        let ledger = LedgerWriter {
            conn,
            table: &self.plan.table,
            format: self.plan.format,
        };
        match step {
            Step::CreateLedger { sql } => ledger.create(sql),
            Step::ArchiveRows { .. } => ledger.archive(adoption),
            Step::DeleteRows { .. } => ledger.delete_rows(),
            Step::RestoreRows => restore(conn, &ledger),
            Step::AddNames => ledger.add_names(),
            Step::NameRow {
                migration,
                hash,
                created_at,
            } => ledger.name_row(migration, hash, *created_at),
            Step::Run { .. } => self.run(conn, step, ran),
            Step::Repair { object, sql } => self.mender(conn).run(object, sql),
            Step::Verify { object, sql } => self.mender(conn).verify(object, sql),
            Step::InsertRow {
                migration,
                hash,
                created_at,
            } => ledger.insert(migration, hash, *created_at),
            Step::UpdateRow {
                migration,
                hash,
                created_at,
            } => ledger.update(migration, hash, *created_at),
        }
    }

    fn mender<'a>(&self, conn: &'a Connection) -> Mender<'a> {
        Mender {
            conn,
            time_limit: self.time_limit,
        }
    }

    fn run(&self, conn: &Connection, step: &Step, ran: &Bundle) -> Result<(), MigrateError> {
        let Some((migration, statement)) = source(step, ran) else {
            return Err(MigrateError::Bug {
                what: format!("the chain has no such statement: {step:?}"),
            });
        };
        let sql = migration.sql(statement);
        if let Some(what) = refused(&head(sql)) {
            return Err(MigrateError::Forbidden {
                at: migration.at(statement, None),
                what: what.to_owned(),
            });
        }
        run_statement(conn, sql).map_err(|error| {
            let at = migration.at(statement, error_offset(&error));
            if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) {
                return MigrateError::TimeLimit {
                    at,
                    limit_ms: self.time_limit.as_millis(),
                };
            }
            let sqlite_code = error.sqlite_extended_error_code();
            MigrateError::StatementFailed {
                at,
                message: sqlite_words(&error),
                sqlite_code,
            }
        })
    }

    /// Adoption leaves the schema alone; the others reach the expected one, but for what was accepted.
    fn check_target(
        &self,
        before: &Actor,
        after: &Actor,
        standing: &Standing,
    ) -> Result<(), MigrateError> {
        let reached = match self.plan.action {
            Action::Adopt | Action::Undo | Action::Upgrade => before.fingerprint,
            Action::Apply | Action::Reconcile => self.plan.to,
        };
        if after.fingerprint == reached {
            return Ok(());
        }
        let view = standing.view(self.bundle, self.expected);
        let target = self.plan.target.unwrap_or(view.bundle.end()).into();
        let mut differences = view
            .expected
            .compare(target, &after.schema, after.fingerprint)
            .to_vec();
        differences.retain(|difference| {
            let same = |known: &&crate::schema::Difference| {
                known.kind == difference.kind && known.object == difference.object
            };
            !self.plan.accepted.iter().any(|known| same(&known))
        });
        let moves = matches!(self.plan.action, Action::Apply | Action::Reconcile);
        if differences.is_empty() && moves {
            return Ok(());
        }
        Err(MigrateError::TargetMissed { differences })
    }

    fn report(&self, standing: Standing, changed: bool) -> Report {
        let mut applied: Vec<String> = Vec::new();
        for step in &self.plan.steps {
            match (self.plan.action, step) {
                (Action::Apply, Step::InsertRow { migration, .. })
                | (Action::Reconcile, Step::Run { migration, .. })
                    if applied.last() != Some(migration) =>
                {
                    applied.push(migration.clone());
                }
                _ => {}
            }
        }
        Report {
            action: self.plan.action,
            changed,
            verdict_before: self.plan.verdict,
            standing,
            applied,
            fingerprint_before: self.plan.from,
            position_before: self.plan.position,
            plan: self.plan.digest.clone(),
        }
    }
}

/// Gives the ledger the rows and the columns that it had before its last adoption or upgrade.
fn restore(conn: &Connection, ledger: &LedgerWriter<'_>) -> Result<(), MigrateError> {
    let last = audit::last_rewrite(conn, ledger.table)?;
    ledger.restore(last.id)?;
    match last.upgraded {
        true => ledger.drop_names(),
        false => Ok(()),
    }
}

/// The statement of a step in its file. Two chains may use one tag, so its text must be the same too.
fn source<'a>(step: &Step, ran: &'a Bundle) -> Option<(&'a Migration, &'a Statement)> {
    let Step::Run {
        migration: tag,
        statement: number,
        sql,
    } = step
    else {
        return None;
    };
    let named = ran.entries.iter().filter(|migration| migration.tag == *tag);
    let statements =
        named.flat_map(|it| it.statements.iter().map(move |statement| (it, statement)));
    let mut statements = statements.filter(|(_, statement)| statement.number == *number);
    statements.find(|(migration, statement)| migration.sql(statement) == sql)
}

/// Waits for the only lock there is, until `deadline`.
fn begin_exclusive(conn: &Connection, wait: Duration) -> Result<(), MigrateError> {
    let started = Instant::now();
    loop {
        let error = match conn.execute_batch("BEGIN EXCLUSIVE") {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let busy = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
        );
        if !busy {
            return Err(MigrateError::sqlite("begin a transaction")(error));
        }
        if started.elapsed() >= wait {
            return Err(MigrateError::Busy {
                waited_ms: started.elapsed().as_millis(),
            });
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
