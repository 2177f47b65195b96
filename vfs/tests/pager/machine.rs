//! One actor and one oracle that do the same, with faults between the actor and its engine.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actor_vfs::engines::MemoryEngine;
use actor_vfs::keys::{DerivedKeys, Key};
use actor_vfs::testing::{Fault, FaultEngine, Flaw, connect_flawed};
use actor_vfs::{
    Actor, ActorId, ConnectOptions, Locking, Plaintext, Store, StoreError, StoreOptions,
};
use rusqlite::Connection;

use crate::calls::{Call, Calls};
use crate::oracle::{Oracle, bytes, content, integrity, published};
use crate::workload::{self, Rng};

/// How the actor's connection is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) journal: &'static str,
    pub(crate) locking: Locking,
    pub(crate) synchronous: &'static str,
    /// Whether the page cache is so small that transactions overflow it.
    pub(crate) spill: bool,
    /// Whether the actor is encrypted.
    pub(crate) encrypted: bool,
    /// What is broken on purpose.
    pub(crate) flaw: Option<Flaw>,
}

impl Setup {
    /// What `Actor::connect` gives.
    pub(crate) const PINNED: Self = Self {
        journal: "MEMORY",
        locking: Locking::Exclusive,
        synchronous: "FULL",
        spill: false,
        encrypted: false,
        flaw: None,
    };
}

/// The actor and the oracle disagree.
#[derive(Debug)]
pub(crate) struct Divergence {
    pub(crate) what: String,
    pub(crate) step: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nafter: {}", self.what, self.step)
    }
}

pub(crate) struct Machine {
    pub(crate) store: Store,
    pub(crate) faults: Arc<FaultEngine>,
    pub(crate) id: ActorId,
    pub(crate) actor: Actor,
    pub(crate) live: Connection,
    pub(crate) oracle: Oracle,
    setup: Setup,
    pub(crate) tally: Tally,
}

/// Everything that can go wrong at one call.
pub(crate) const FAULTS: [Fault; 6] = [
    Fault::Fail,
    Fault::Full,
    Fault::LoseAnswer,
    Fault::LoseRequest,
    Fault::CrashBefore,
    Fault::CrashAfter,
];

/// What happened in a run, to see that it was not for nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) steps: usize,
    pub(crate) struck: usize,
    pub(crate) refused: usize,
    pub(crate) reopened: usize,
}

impl Machine {
    pub(crate) fn new(setup: Setup) -> Self {
        Self::on(FaultEngine::new(Arc::new(MemoryEngine::new())), setup)
    }

    pub(crate) fn on(engine: FaultEngine, setup: Setup) -> Self {
        let faults = Arc::new(engine);
        let store = options(setup).with_engine(faults.clone()).unwrap();
        let id = ActorId::new("pager/test").unwrap();
        let actor = store.create(&id).unwrap();
        let live = connect(&actor, setup).unwrap();
        Self {
            store,
            faults,
            id,
            actor,
            live,
            oracle: Oracle::new(),
            setup,
            tally: Tally::default(),
        }
    }

    /// Does on both sides what only prepares a test.
    pub(crate) fn prepare(&self, statements: &[&str]) {
        for statement in statements {
            self.oracle.connection.execute_batch(statement).unwrap();
            self.live.execute_batch(statement).unwrap();
        }
    }

    /// Runs random steps.
    pub(crate) fn run(mut self, seed: u64, steps: usize) -> Result<Tally, Divergence> {
        let mut rng = Rng::new(seed);
        for _ in 0..steps {
            self.random_step(&mut rng)?;
        }
        Ok(self.tally)
    }

    /// Runs a random step, with a fault in some cases, and compares.
    fn random_step(&mut self, rng: &mut Rng) -> Result<(), Divergence> {
        let step = workload::step(rng, &self.oracle.connection);
        let fault = rng.chance(40).then(|| {
            let call = match rng.below(4) {
                0 => rng.below(60),
                1 => rng.below(6),
                // A commit from a warm cache makes one call.
                _ => 0,
            };
            (call, *rng.pick(&FAULTS))
        });
        self.step(&step, fault)
    }

    /// Does `step` on both sides and compares. With a fault at an engine call the actor may stay
    /// where it was, if it did not say that it committed.
    pub(crate) fn step(
        &mut self,
        step: &[String],
        fault: Option<(u64, Fault)>,
    ) -> Result<(), Divergence> {
        self.tally.steps += 1;
        let told = |what: String| Divergence {
            what,
            step: format!("{step:?} with {fault:?}"),
        };
        let earlier = content(&self.oracle.connection).unwrap();
        let wanted = run(&self.oracle.connection, step, None);
        if let Some((call, fault)) = fault {
            self.faults.fail_at(call, fault);
        }
        let found = run(&self.live, step, Some(&wanted));
        let struck = self.faults.has_struck();
        self.faults.heal();
        if !struck && found != wanted {
            return Err(told(format!("oracle: {wanted:?}, actor: {found:?}")));
        }
        if found.contains(&rusqlite::ffi::SQLITE_BUSY) {
            return Err(told("a lone connection was busy".to_owned()));
        }
        self.tally.struck += usize::from(struck);
        let acknowledged = found == wanted;
        self.tally.refused += usize::from(!acknowledged);
        if !self.live.is_autocommit() {
            self.live.execute_batch("ROLLBACK").unwrap_or_default();
        }
        let reopened = struck && self.reopen_if_lost(fault).map_err(told)?;
        self.settle(&earlier, acknowledged, reopened)
            .map_err(told)?;
        if !acknowledged {
            // Before or after, the actor is right; the oracle goes on from there.
            self.oracle.become_copy_of(&bytes(&self.store, &self.id));
        }
        Ok(())
    }

    /// After a crash, or when the store cannot know, the actor is opened again.
    fn reopen_if_lost(&mut self, fault: Option<(u64, Fault)>) -> Result<bool, String> {
        let crashed = matches!(fault, Some((_, Fault::CrashBefore | Fault::CrashAfter)));
        let unknown = matches!(
            self.actor.last_error(),
            Some(StoreError::OutcomeUnknown { .. })
        );
        if crashed || unknown {
            self.reopen().map_err(|error| error.to_string())?;
        }
        Ok(crashed || unknown)
    }

    /// Takes the actor again.
    pub(crate) fn reopen(&mut self) -> Result<(), StoreError> {
        self.tally.reopened += 1;
        self.actor = self.store.open(&self.id)?;
        self.live = connect(&self.actor, self.setup)?;
        Ok(())
    }

    /// Holds the actor against the states it may be in.
    fn settle(&self, earlier: &str, acknowledged: bool, reopened: bool) -> Result<(), String> {
        let stored = published(&self.store, &self.id);
        let sound = integrity(&stored).map_err(|error| format!("stored: {error}"))?;
        if sound != "ok" {
            return Err(format!("stored: {sound}"));
        }
        let stored = content(&stored).map_err(|error| format!("stored: {error}"))?;
        let live = content(&self.live).map_err(|error| format!("live: {error}"))?;
        if live != stored {
            return Err(format!("live:\n{live}stored:\n{stored}"));
        }
        let after = content(&self.oracle.connection).unwrap();
        let may_be_later = acknowledged || reopened || earlier == after;
        if (live == after && may_be_later) || (live == earlier && !acknowledged) {
            return Ok(());
        }
        Err(format!(
            "acknowledged: {acknowledged}\nbefore:\n{earlier}after:\n{after}actor:\n{live}"
        ))
    }
}

/// The settings of a store whose actors are set up as asked.
pub(crate) fn options(setup: Setup) -> StoreOptions {
    let mut options = StoreOptions::default();
    // A dead engine is not worth waiting for.
    options.settle_for = Duration::ZERO;
    if setup.encrypted {
        options.keys = Some(Arc::new(DerivedKeys::new(Key::new([7; 32]))));
        options.plaintext = Plaintext::Refuse;
    }
    options
}

/// A connection set up as asked, apart from what `Actor::connect` pins.
pub(crate) fn connect(actor: &Actor, setup: Setup) -> Result<Connection, StoreError> {
    let options = ConnectOptions::default().locking(setup.locking);
    let connection = match setup.flaw {
        Some(flaw) => connect_flawed(actor, &options, flaw)?,
        None => actor.connect_with(&options)?,
    };
    let cache = if setup.spill { 5 } else { 2_000 };
    let pragmas = format!(
        "PRAGMA journal_mode={}; PRAGMA synchronous={}; PRAGMA cache_size={cache};",
        setup.journal, setup.synchronous
    );
    connection.execute_batch(&pragmas).unwrap();
    connection.busy_timeout(Duration::ZERO).unwrap();
    Ok(connection)
}

/// Runs statements and gives SQLite's code for each. Stops when one ends a transaction early, or
/// does not answer as `wanted`: what follows might commit a part of the step.
pub(crate) fn run(connection: &Connection, step: &[String], wanted: Option<&[i32]>) -> Vec<i32> {
    let mut codes = Vec::new();
    for statement in step {
        let within = !connection.is_autocommit();
        codes.push(code(execute(connection, statement)));
        let differs = wanted.is_some_and(|wanted| wanted.get(codes.len() - 1) != codes.last());
        if differs || (within && connection.is_autocommit()) {
            break;
        }
    }
    codes
}

/// SQLite's extended result code.
pub(crate) fn code<T>(result: Result<T, rusqlite::Error>) -> i32 {
    match result {
        Ok(_) => rusqlite::ffi::SQLITE_OK,
        Err(
            rusqlite::Error::SqliteFailure(error, _) | rusqlite::Error::SqlInputError { error, .. },
        ) => error.extended_code,
        Err(error) => panic!("not from SQLite: {error}"),
    }
}

/// Runs one statement to its end. `Connection::execute_batch` takes one step of each, which for
/// `PRAGMA incremental_vacuum` is one page.
pub(crate) fn execute(connection: &Connection, statement: &str) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare(statement)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Whether the SQLite that runs here knows batch-atomic writes.
pub(crate) fn has_batch_atomic() -> bool {
    let connection = Connection::open_in_memory().unwrap();
    let query = "SELECT sqlite_compileoption_used('ENABLE_BATCH_ATOMIC_WRITE')";
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

/// Runs `steps` random steps of `seed`, and returns every call that SQLite made.
pub(crate) fn run_seed(
    setup: Setup,
    seed: u64,
    steps: usize,
) -> (Result<Tally, Divergence>, Vec<Call>) {
    let calls = Calls::default();
    let result = calls.during(|| Machine::new(setup).run(seed, steps));
    (result, calls.take())
}

/// The seeds to run: the one of `ACTOR_SEED`, or as many as `ACTOR_SEEDS` says.
pub(crate) fn seeds(everyday: u64) -> Vec<u64> {
    let number = |name: &str| {
        let value = std::env::var(name).ok()?;
        Some(
            value
                .parse()
                .unwrap_or_else(|_| panic!("{name}={value} is no number")),
        )
    };
    match number("ACTOR_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("ACTOR_SEEDS").unwrap_or(everyday)).collect(),
    }
}
