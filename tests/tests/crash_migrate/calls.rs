//! The store's engine fails, lies or dies at each of its calls in turn, while one actor is changed.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actor_migrate::{
    Bundle, Expected, History, InspectOptions, MigrateError, Migrator, Plan, PlanOptions, Standing,
    execute, inspect, plan_adopt, plan_apply, plan_reconcile, plan_undo,
};
use actor_vfs::engines::{ForkEngine, MemoryEngine};
use actor_vfs::kv::{Engine, Snapshot};
use actor_vfs::testing::{Fault, FaultEngine};
use actor_vfs::{ActorId, Store, StoreOptions};
use rusqlite::Connection;

use crate::folder::{Folder, fill, fill_and_drift, fill_and_stop};
use crate::seen::Seen;

/// Everything that can go wrong at one call.
const FAULTS: [Fault; 6] = [
    Fault::Fail,
    Fault::Full,
    Fault::LoseAnswer,
    Fault::LoseRequest,
    Fault::CrashBefore,
    Fault::CrashAfter,
];

/// More calls than any change below makes.
const CALLS_MAX: u64 = 2_000;
/// A page cache so small that SQLite writes pages before it commits.
pub(crate) const SPILL: &str = "PRAGMA cache_size = 5";

type Prepare = fn(&Migrator, &mut Connection);
type Planner = fn(&Bundle, &Expected, &Standing) -> Result<Plan, MigrateError>;

/// One change of one actor: where it starts, by which folder it is judged, and how it is planned.
pub(crate) struct Change {
    pub(crate) name: &'static str,
    migrator: Migrator,
    bundle: Bundle,
    expected: Expected,
    prepare: Prepare,
    plan: Planner,
}

impl Change {
    fn new(name: &'static str, folder: &Folder, prepare: Prepare, plan: Planner) -> Self {
        let bundle = Bundle::read(folder.path()).unwrap();
        let expected = Expected::replay(&bundle).unwrap();
        Self {
            name,
            migrator: folder.migrator(),
            bundle,
            expected,
            prepare,
            plan,
        }
    }

    /// The same for a folder whose migrations replaced those of `old`.
    fn with_history(self, old: &Folder) -> Self {
        let old = Bundle::read(old.path()).unwrap();
        Self {
            migrator: self.migrator.history(History::new(old.clone())),
            expected: self.expected.with_history([History::new(old)]),
            ..self
        }
    }

    /// Plans the change and runs it; `Ok` is an acknowledgement.
    pub(crate) fn run(&self, conn: &mut Connection) -> Result<(), MigrateError> {
        let (bundle, expected) = (&self.bundle, &self.expected);
        let standing = inspect(conn, bundle, expected, &InspectOptions::default())?;
        let plan = (self.plan)(bundle, expected, &standing)?;
        execute(conn, bundle, expected, &plan).map(|_| ())
    }

    pub(crate) fn seen(&self, conn: &Connection) -> Seen {
        Seen::of(conn, &self.migrator)
    }
}

fn fill_and_adopt(migrator: &Migrator, conn: &mut Connection) {
    fill(conn);
    let wake = migrator.wake(conn).unwrap();
    assert!(wake.adopted, "there is an adoption to undo");
}

/// Every kind of change that the library makes to an actor. A new one is one line more.
pub(crate) fn changes() -> Vec<Change> {
    let apply: Planner =
        |bundle, expected, it| plan_apply(bundle, expected, it, &PlanOptions::default());
    let adopt: Planner =
        |bundle, expected, it| plan_adopt(bundle, expected, it, &PlanOptions::default());
    let undo: Planner = |bundle, _, it| plan_undo(bundle, it);
    let reconcile: Planner =
        |bundle, expected, it| plan_reconcile(bundle, expected, it, &PlanOptions::default());
    let fill: Prepare = |_, conn| fill(conn);
    let (drift, stop): (Prepare, Prepare) = (
        |_, conn| fill_and_drift(conn),
        |_, conn| fill_and_stop(conn),
    );
    let (chain, squashed) = (Folder::with_more(), Folder::squashed_with_more());
    vec![
        Change::new("apply", &Folder::longer(), fill, apply),
        Change::new("adopt", &Folder::squashed(), fill, adopt),
        Change::new("undo", &Folder::squashed(), fill_and_adopt, undo),
        Change::new("mend", &Folder::before(), drift, reconcile),
        Change::new("finish", &chain, stop, reconcile),
        Change::new("descend", &squashed, fill, reconcile).with_history(&chain),
    ]
}

/// A store with one prepared actor in it, and how that stands before and after the change.
pub(crate) struct Stage {
    pub(crate) engine: Arc<MemoryEngine>,
    pub(crate) before: Seen,
    pub(crate) after: Seen,
}

fn id() -> ActorId {
    ActorId::new("crash/test").unwrap()
}

impl Stage {
    pub(crate) fn set(change: &Change) -> Self {
        let engine = Arc::new(MemoryEngine::new());
        let store = Store::with_engine(engine.clone()).unwrap();
        let mut conn = store.create(&id()).unwrap().connect().unwrap();
        (change.prepare)(&change.migrator, &mut conn);
        let before = change.seen(&conn);
        drop(conn);
        let fork = Self::fork(&engine);
        let mut conn = open(&fork);
        change.run(&mut conn).unwrap();
        let after = change.seen(&conn);
        assert_ne!(before, after, "{} changes something", change.name);
        Self {
            engine,
            before,
            after,
        }
    }

    /// The same store for one attempt: what is written to it is forgotten.
    pub(crate) fn fork(engine: &Arc<MemoryEngine>) -> Arc<FaultEngine> {
        Self::fork_of(engine.snapshot().unwrap(), engine)
    }

    pub(crate) fn fork_of(
        snapshot: Box<dyn Snapshot>,
        engine: &Arc<MemoryEngine>,
    ) -> Arc<FaultEngine> {
        let base = Arc::from(snapshot);
        let fork = ForkEngine::new(base, engine.limits());
        Arc::new(FaultEngine::new(Arc::new(fork)))
    }

    /// Meets `fault` at one call. Says whether the change still made that many calls.
    fn strike(&self, change: &Change, call: u64, fault: Fault) -> bool {
        let engine = Self::fork(&self.engine);
        let mut conn = open(&engine);
        conn.execute_batch(SPILL).unwrap();
        engine.fail_at(call, fault);
        let outcome = change.run(&mut conn);
        let struck = engine.has_struck();
        drop(conn);
        engine.heal();
        let mut conn = open(&engine);
        let seen = change.seen(&conn);
        let context = format!("{} with {fault:?} at call {call}: {outcome:?}", change.name);
        if outcome.is_ok() {
            assert_eq!(seen, self.after, "{context}: acknowledged and not there");
        } else {
            let whole = seen == self.before || seen == self.after;
            assert!(whole, "{context}: neither before nor after, but {seen:?}");
        }
        // What it stands on is the same each time, so that not each time has to go on from it.
        if seen == self.before && call.is_multiple_of(4) {
            change.run(&mut conn).unwrap();
            let now = change.seen(&conn);
            assert_eq!(now, self.after, "{context}: does not go on");
        }
        struck
    }
}

/// Takes the actor as the next process does.
pub(crate) fn open(engine: &Arc<FaultEngine>) -> Connection {
    let mut options = StoreOptions::default();
    // A dead engine is not worth waiting for.
    options.settle_for = Duration::ZERO;
    let store = options.with_engine(engine.clone()).unwrap();
    store.open(&id()).unwrap().connect().unwrap()
}

#[test]
fn a_change_cut_at_any_call_of_the_engine_in_any_way_is_whole_or_absent() {
    thread::scope(|scope| {
        for change in changes() {
            scope.spawn(move || cut_at_every_call(&change));
        }
    });
}

fn cut_at_every_call(change: &Change) {
    let stage = Stage::set(change);
    for fault in FAULTS {
        let calls = (0..CALLS_MAX).find(|call| !stage.strike(change, *call, fault));
        let calls = calls.expect("the change ends");
        assert!(calls > 5, "{}: {calls} calls are no test", change.name);
    }
}

#[test]
fn an_actor_that_was_refused_once_is_served_by_its_next_wake() {
    let changes = changes();
    // What a wake may do in one go: run, adopt, finish what stopped half-way, finish an old chain.
    let wakes = ["apply", "adopt", "finish", "descend"];
    for change in changes.iter().filter(|it| wakes.contains(&it.name)) {
        refused_once_at_every_call(change);
    }
}

fn refused_once_at_every_call(change: &Change) {
    let stage = Stage::set(change);
    let migrator = &change.migrator;
    for call in 0..CALLS_MAX {
        let engine = Stage::fork(&stage.engine);
        let mut conn = open(&engine);
        engine.fail_at(call, Fault::Fail);
        let outcome = migrator.wake(&mut conn);
        let struck = engine.has_struck();
        if let Err(error) = &outcome {
            assert!(error.is_retryable(), "call {call}: {error:?}");
            migrator.wake(&mut conn).unwrap();
        }
        engine.heal();
        assert_eq!(Seen::of(&conn, migrator), stage.after, "call {call}");
        if !struck {
            return;
        }
    }
    panic!("the wake makes more than {CALLS_MAX} calls");
}
