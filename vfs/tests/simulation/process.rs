//! A process of the simulation: a store of its own on the shared engine, actors it believes to
//! own, and readers.

use std::sync::Arc;
use std::time::Duration;

use actor_vfs::engines::MemoryEngine;
use actor_vfs::kv::{Engine, Limits};
use actor_vfs::testing::{FaultEngine, connect_flawed};
use actor_vfs::{Actor, ActorId, ConnectOptions, Locking, Store, StoreError, StoreOptions};
use rusqlite::Connection;

use crate::broken::Broken;
use crate::hook::HookEngine;
use crate::script::Rng;

/// How a seed sets up everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    locking: Locking,
    /// Whether the page cache is so small that transactions overflow it.
    spill: bool,
    /// How many operations a batch may have: most commits are staged when these are few.
    batch_ops_max: usize,
    pub(crate) broken: Option<Broken>,
}

impl Setup {
    pub(crate) fn new(rng: &mut Rng, broken: Option<Broken>) -> Self {
        Self {
            locking: *rng.pick(&[Locking::Exclusive, Locking::Normal]),
            spill: rng.chance(40),
            batch_ops_max: *rng.pick(&[9, 14, 100_000, 100_000]),
            broken,
        }
    }

    /// The same without anything that is broken.
    pub(crate) fn sound(self) -> Self {
        let broken = None;
        Self { broken, ..self }
    }

    pub(crate) fn connect(self, actor: &Actor) -> Result<Connection, StoreError> {
        let options = ConnectOptions::default().locking(self.locking);
        let connection = match self.broken.and_then(Broken::flaw) {
            Some(flaw) => connect_flawed(actor, &options, flaw)?,
            None => actor.connect_with(&options)?,
        };
        connection
            .execute_batch(crate::plain::REPRODUCIBLE)
            .unwrap();
        if self.spill {
            connection.execute_batch("PRAGMA cache_size = 5").unwrap();
        }
        connection.busy_timeout(Duration::ZERO).unwrap();
        Ok(connection)
    }
}

pub(crate) struct Process {
    pub(crate) hook: Arc<HookEngine>,
    pub(crate) faults: Arc<FaultEngine>,
    pub(crate) store: Store,
    /// What it believes to own, by the number of the actor.
    pub(crate) owned: Vec<Option<Owned>>,
    pub(crate) reader: Option<Reader>,
}

/// An actor that a process claimed, and may have lost since.
pub(crate) struct Owned {
    // Closed before the actor is let go.
    pub(crate) live: Connection,
    pub(crate) actor: Actor,
    /// How many claims of the actor had been tried when this one was.
    pub(crate) claim: u64,
    pub(crate) running: Option<Running>,
    /// A fault was met in a ROLLBACK, of which SQLite tells nothing: what comes next may fail.
    pub(crate) shaken: bool,
}

/// A transaction under way.
pub(crate) struct Running {
    pub(crate) number: u64,
    /// What is still to be done, the last first.
    pub(crate) rest: Vec<String>,
    /// A fault was met, so it may fail.
    pub(crate) disturbed: bool,
}

/// A reader of one commit.
pub(crate) struct Reader {
    pub(crate) live: Connection,
    pub(crate) of: usize,
    /// What was stored when it began.
    pub(crate) bytes: Arc<Vec<u8>>,
}

impl Process {
    pub(crate) fn new(shared: &Arc<MemoryEngine>, setup: Setup, actors: usize) -> Self {
        let limits = Limits {
            batch_ops_max: setup.batch_ops_max,
            ..Limits::default()
        };
        let faults = Arc::new(FaultEngine::with_limits(shared.clone(), limits));
        let engine: Arc<dyn Engine> = match setup.broken {
            Some(broken) => broken.around(faults.clone()),
            None => faults.clone(),
        };
        let hook = Arc::new(HookEngine::new(engine));
        // A dead engine is not worth waiting for.
        let mut options = StoreOptions::default();
        options.settle_for = Duration::ZERO;
        let store = options.with_engine(hook.clone()).unwrap();
        Self {
            hook,
            faults,
            store,
            owned: (0..actors).map(|_| None).collect(),
            reader: None,
        }
    }

    /// The process is dead, and another one starts in its place.
    pub(crate) fn restart(&mut self) {
        self.owned.iter_mut().for_each(|owned| *owned = None);
        self.reader = None;
        self.faults.heal();
    }
}

/// What somebody did between two engine calls of somebody else.
pub(crate) struct Guest {
    pub(crate) actor: Actor,
    pub(crate) live: Connection,
    /// What the actor had gone through when it was claimed, if its own transaction was committed.
    pub(crate) committed: Result<Vec<u64>, String>,
}

/// Claims an actor, and commits to it what `statements` say.
pub(crate) fn visit(
    store: &Store,
    setup: Setup,
    actor: &ActorId,
    statements: &[String],
) -> Result<Guest, StoreError> {
    let actor = store.open(actor)?;
    let live = setup.connect(&actor)?;
    let told = |error: rusqlite::Error| error.to_string();
    let log = crate::plain::log_of(&live);
    let committed = log.and_then(|log| {
        statements
            .iter()
            .try_for_each(|it| live.execute_batch(it))?;
        live.execute_batch("COMMIT")?;
        Ok(log)
    });
    Ok(Guest {
        committed: committed.map_err(told),
        actor,
        live,
    })
}
