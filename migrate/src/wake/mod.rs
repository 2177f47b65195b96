//! Brings one actor up to date when it wakes, or says why not in words that its caller can be shown.

mod error;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde::Serialize;

use crate::apply::{ExecuteOptions, Report, execute_with};
use crate::bundle::{Bundle, Position};
use crate::error::MigrateError;
use crate::inspect::{InspectOptions, SCHEMA_VERSION, Standing, inspect};
use crate::ledger::namespaced_table;
use crate::limits::{WAKE_PAUSE, WAKE_PLANS_MAX};
use crate::plan::{Action, NewLedger, Plan, PlanOptions, plan_adopt, plan_apply, plan_reconcile};
use crate::replay::{Expected, History, ReplayOptions};
use crate::schema::Fingerprint;
use crate::verdict::{Adoption, Hazard, Verdict};

pub use error::WakeError;

/// What a wake may change without asking anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Policy {
    /// Nothing: an actor that is not up to date is an error. For hosts that migrate at another time.
    Refuse,
    /// Run what is pending. An actor whose ledger has to be rewritten first is an error.
    Apply,
    /// The same, and rewrite the ledger first where the live schema proves where the actor stands. Where that is
    /// half-way down a chain that was squashed since, or inside a migration whose runner died, run the rest of it
    /// before.
    ///
    /// What needs a person stays an error, unless [`Migrator::allow`] named it. A schema that drifted is never
    /// mended by a wake: nobody would have looked at the SQL.
    #[default]
    AdoptProven,
}

/// What a wake found and did.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Wake {
    /// The version of this object's JSON.
    pub schema_version: u32,
    /// Where the actor stood when it woke.
    pub verdict_before: Verdict,
    /// Where it stands now: [`Current`](Verdict::Current), or [`EditedCosmetic`](Verdict::EditedCosmetic), or
    /// [`Fresh`](Verdict::Fresh) if there are no migrations, or [`Ahead`](Verdict::Ahead) if that is tolerated.
    pub verdict: Verdict,
    /// The migrations that this wake ran, in order. Another one may have run the rest.
    pub applied: Vec<String>,
    /// Whether this wake rewrote the ledger, alone or after the rest of a migration or of an old chain.
    pub adopted: bool,
    /// Whether this wake wrote anything.
    pub changed: bool,
    /// What stock runners would do to the actor in silence.
    pub hazards: Vec<Hazard>,
    /// How many migrations are in effect now.
    pub position: Option<Position>,
    /// The hash of its schema now.
    pub fingerprint: Fingerprint,
}

/// What wakes need to know of one folder of migrations: made once, shared by all actors of a fleet.
///
/// Making one replays the folder into memory. Waking an actor that is up to date then costs three reads and no
/// write; everything else is decided as by `actor-migrate check`, and written as by `apply` and `adopt`.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # std::fs::create_dir(dir.path().join("meta"))?;
/// # std::fs::write(dir.path().join("0000_tasks.sql"), "CREATE TABLE tasks (id INTEGER PRIMARY KEY);")?;
/// # let journal = r#"{"dialect":"sqlite","entries":[{"idx":0,"when":1700000000000,"tag":"0000_tasks"}]}"#;
/// # std::fs::write(dir.path().join("meta/_journal.json"), journal)?;
/// # let folder = dir.path();
/// use std::sync::Arc;
/// use actor_migrate::Migrator;
///
/// let migrator = Arc::new(Migrator::open(folder)?);
/// let mut actor = rusqlite::Connection::open_in_memory()?;
/// match migrator.wake(&mut actor) {
///     Ok(wake) => assert_eq!(wake.applied, ["0000_tasks"]),
///     Err(error) => println!("{}", serde_json::to_string(&error)?), // for whoever called the actor
/// }
/// assert!(!migrator.wake(&mut actor)?.changed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Migrator {
    bundle: Bundle,
    expected: Expected,
    policy: Policy,
    tolerate_ahead: bool,
    inspect: InspectOptions,
    plan: PlanOptions,
    execute: ExecuteOptions,
}

impl Migrator {
    /// For the migration folder `dir`, of either Drizzle layout.
    ///
    /// # Errors
    /// M101 to M111: the folder cannot be read. M120 to M122: it does not run on a fresh database.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, MigrateError> {
        Self::new(Bundle::read(dir)?)
    }

    /// For a folder that was read already.
    ///
    /// # Errors
    /// M120 to M122: it does not run on a fresh database.
    pub fn new(bundle: Bundle) -> Result<Self, MigrateError> {
        Self::with_replay(bundle, &ReplayOptions::default())
    }

    /// [`Migrator::new`] with other bounds for the replay.
    ///
    /// # Errors
    /// M120 to M122: it does not run on a fresh database.
    pub fn with_replay(bundle: Bundle, replay: &ReplayOptions) -> Result<Self, MigrateError> {
        let expected = Expected::replay_with(&bundle, replay)?;
        Ok(Self {
            bundle,
            expected,
            policy: Policy::default(),
            tolerate_ahead: false,
            inspect: InspectOptions::default(),
            plan: PlanOptions::default(),
            execute: ExecuteOptions::default(),
        })
    }

    /// What a wake may change without asking anybody.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Serve actors that a newer release has migrated, as while one deploy replaces another. Their schema is not
    /// the one this release was written for, so this is right only where every migration leaves the old
    /// release working. Otherwise such an actor is an error, M191.
    #[must_use]
    pub fn tolerate_ahead(mut self) -> Self {
        self.tolerate_ahead = true;
        self
    }

    /// The ledger table, where it is not Drizzle's.
    #[must_use]
    pub fn table(mut self, table: impl Into<String>) -> Self {
        self.inspect.table = table.into();
        self
    }

    /// The ledger table of one of several actors that share a file: see [`namespaced_table`].
    #[must_use]
    pub fn namespace(self, namespace: &str) -> Self {
        self.table(namespaced_table(namespace))
    }

    /// A beginning of table names that are nobody's drift, such as those of the host itself.
    #[must_use]
    pub fn ignore(mut self, start: impl Into<String>) -> Self {
        self.inspect.ignore.push(start.into());
        self
    }

    /// Which ledger is made where there is none.
    #[must_use]
    pub fn new_ledger(mut self, ledger: NewLedger) -> Self {
        self.plan.new_ledger = ledger;
        self
    }

    /// Something that a person has accepted for the whole fleet, as `--allow` takes it.
    #[must_use]
    pub fn allow(mut self, need: impl Into<String>) -> Self {
        self.plan.allow.insert(need.into());
        self
    }

    /// A table whose number of rows may change although no statement writes it.
    #[must_use]
    pub fn allow_rows(mut self, table: impl Into<String>) -> Self {
        self.plan.rows_may_change.insert(table.into());
        self
    }

    /// What the folder was before a squash that has no certificate: see [`Expected::with_history`].
    #[must_use]
    pub fn history(mut self, old: History) -> Self {
        self.expected = self.expected.with_history([old]);
        self
    }

    /// How long a wake waits for a locked actor, beyond the connection's own busy timeout.
    #[must_use]
    pub fn busy_wait(mut self, wait: Duration) -> Self {
        self.execute.busy_wait = wait;
        self
    }

    /// How long the migrations of one wake may run.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.execute.time_limit = limit;
        self
    }

    /// The folder it was made from.
    #[must_use]
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Says where an actor stands and changes nothing.
    ///
    /// # Errors
    /// As [`inspect`].
    pub fn inspect(&self, conn: &Connection) -> Result<Standing, MigrateError> {
        inspect(conn, &self.bundle, &self.expected, &self.inspect)
    }

    /// Brings the actor behind `conn` up to date, as far as the policy goes. Whoever wakes the same actor at
    /// the same time waits, looks again, and finds it done.
    ///
    /// An actor that is up to date is only read. The connection keeps its settings, but for its progress
    /// handler, which is taken while a plan runs. The call blocks: asynchronous hosts put it on a thread of
    /// their own.
    ///
    /// # Errors
    /// The actor cannot be served, and stands as it stood before or after one of two whole changes, an
    /// adoption (with what had to run before it) and the pending migrations: [`WakeError::adopted`] tells which.
    pub fn wake(&self, conn: &mut Connection) -> Result<Wake, WakeError> {
        let mut waking = Waking::new(self);
        let outcome = waking.run(conn);
        match &outcome {
            Ok(wake) => {
                tracing::debug!(before = %wake.verdict_before, now = %wake.verdict, changed = wake.changed, "woke");
            }
            Err(error) => tracing::warn!(code = error.code(), %error, "cannot wake"),
        }
        outcome
    }

    /// What to do next with an actor that stands so; an empty plan if it can be served.
    fn next(&self, standing: &Standing) -> Result<Plan, MigrateError> {
        let blocked = match plan_apply(&self.bundle, &self.expected, standing, &self.plan) {
            Ok(plan) if self.policy == Policy::Refuse && !plan.is_empty() => {
                return Err(MigrateError::NotCurrent {
                    verdict: standing.verdict,
                    pending: standing.pending.clone(),
                });
            }
            Ok(plan) => return Ok(plan),
            Err(blocked) => blocked,
        };
        if self.policy != Policy::AdoptProven {
            return Err(blocked);
        }
        let unfinished = matches!(standing.verdict, Verdict::Partial | Verdict::SquashedBehind);
        let plan = match standing.adoption {
            Adoption::Refuse if unfinished => plan_reconcile,
            _ => plan_adopt,
        };
        let plan = plan(&self.bundle, &self.expected, standing, &self.plan)?;
        if plan.is_empty() {
            return Err(blocked);
        }
        Ok(plan)
    }
}

/// One wake under way.
struct Waking<'a> {
    migrator: &'a Migrator,
    started: Instant,
    /// How many plans were made to be run.
    plans: usize,
    verdict_before: Option<Verdict>,
    /// What was seen last.
    standing: Option<Standing>,
    applied: Vec<String>,
    adopted: bool,
}

impl<'a> Waking<'a> {
    fn new(migrator: &'a Migrator) -> Self {
        Self {
            migrator,
            started: Instant::now(),
            plans: 0,
            verdict_before: None,
            standing: None,
            applied: Vec::new(),
            adopted: false,
        }
    }

    fn run(&mut self, conn: &mut Connection) -> Result<Wake, WakeError> {
        if !conn.is_autocommit() {
            return Err(self.failed(MigrateError::InTransaction));
        }
        loop {
            match self.step(conn) {
                Ok(Some(standing)) => return Ok(self.done(standing)),
                Ok(None) => {}
                Err(error) if self.may_try_again(&error) => thread::sleep(WAKE_PAUSE),
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Looks, and does one thing. Returns how the actor stands once nothing is left to do.
    fn step(&mut self, conn: &mut Connection) -> Result<Option<Standing>, MigrateError> {
        let migrator = self.migrator;
        let standing = match self.standing.take() {
            Some(standing) => standing,
            None => migrator.inspect(conn)?,
        };
        self.verdict_before.get_or_insert(standing.verdict);
        if standing.verdict == Verdict::Ahead {
            return match migrator.tolerate_ahead {
                true => Ok(Some(standing)),
                false => Err(self.seen(standing, MigrateError::AheadOfRelease)),
            };
        }
        let plan = match migrator.next(&standing) {
            Ok(plan) if plan.is_empty() => return Ok(Some(standing)),
            Ok(plan) => plan,
            Err(error) => return Err(self.seen(standing, error)),
        };
        self.plans += 1;
        if self.plans > WAKE_PLANS_MAX {
            let what = format!("{WAKE_PLANS_MAX} plans did not bring the actor up to date");
            return Err(self.seen(standing, MigrateError::Bug { what }));
        }
        let options = ExecuteOptions {
            busy_wait: self.wait_left(),
            ..migrator.execute.clone()
        };
        let ran = execute_with(conn, &migrator.bundle, &migrator.expected, &plan, &options);
        match ran {
            Ok(report) => self.ran(report),
            Err(error) => return Err(self.seen(standing, error)),
        }
        Ok(None)
    }

    fn ran(&mut self, report: Report) {
        self.adopted |= matches!(report.action, Action::Adopt | Action::Reconcile);
        self.applied.extend(report.applied);
        self.standing = Some(report.standing);
    }

    /// Keeps what the error is about.
    fn seen(&mut self, standing: Standing, error: MigrateError) -> MigrateError {
        self.standing = Some(standing);
        error
    }

    fn wait_left(&self) -> Duration {
        let wait = self.migrator.execute.busy_wait;
        wait.saturating_sub(self.started.elapsed())
    }

    /// Whether somebody else was at it, so that looking again may find it done.
    fn may_try_again(&mut self, error: &MigrateError) -> bool {
        let again = match error {
            MigrateError::StalePlan { .. } => self.plans < WAKE_PLANS_MAX,
            MigrateError::Busy { .. } => !self.wait_left().is_zero(),
            _ => false,
        };
        if again {
            self.standing = None;
        }
        again
    }

    fn done(&mut self, standing: Standing) -> Wake {
        Wake {
            schema_version: SCHEMA_VERSION,
            verdict_before: self.verdict_before.unwrap_or(standing.verdict),
            verdict: standing.verdict,
            changed: self.adopted || !self.applied.is_empty(),
            applied: std::mem::take(&mut self.applied),
            adopted: self.adopted,
            hazards: standing.hazards,
            position: standing.position,
            fingerprint: standing.fingerprint,
        }
    }

    fn failed(&mut self, cause: MigrateError) -> WakeError {
        let cause = cause.after_waiting(self.started.elapsed());
        WakeError::new(cause, self.standing.take(), self.adopted)
    }
}
