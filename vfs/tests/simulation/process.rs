//! A process of the simulation: a store of its own on the shared engine, actors it believes to
//! own, and readers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actor_vfs::engines::MemoryEngine;
use actor_vfs::kv::{Engine, Limits};
use actor_vfs::testing::{FaultEngine, connect_flawed};
use actor_vfs::{Actor, ActorId, ConnectOptions, Locking, Store, StoreError, StoreOptions};
use rusqlite::Connection;

use crate::broken::Broken;
use crate::hook::HookEngine;
use crate::plain::{back_up, log_of};
use crate::script::Rng;

/// How a seed sets up everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) locking: Locking,
    /// Whether the page cache is so small that transactions overflow it.
    spill: bool,
    /// How large an actor may become, if there is a limit.
    pub(crate) quota_bytes: Option<u64>,
    /// How many operations a batch may have: most commits are staged when these are few.
    batch_ops_max: usize,
    pub(crate) broken: Option<Broken>,
}

impl Setup {
    pub(crate) fn new(rng: &mut Rng, broken: Option<Broken>) -> Self {
        Self {
            locking: *rng.pick(&[Locking::Exclusive, Locking::Normal]),
            spill: rng.chance(40),
            quota_bytes: rng.chance(30).then_some(25_000),
            batch_ops_max: *rng.pick(&[9, 14, 100_000, 100_000]),
            broken,
        }
    }

    /// The same without anything that is broken.
    pub(crate) fn sound(self) -> Self {
        let broken = None;
        Self { broken, ..self }
    }

    /// Whether several connections of an owner share the actor.
    pub(crate) fn shares(self) -> bool {
        self.locking == Locking::Normal
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
    /// Another connection of the same owner.
    pub(crate) second: Option<Connection>,
    pub(crate) actor: Actor,
    /// How many claims of the actor had been tried when this one was.
    pub(crate) claim: u64,
    pub(crate) running: Option<Running>,
    /// A fault was met in a ROLLBACK, of which SQLite tells nothing: what comes next may fail.
    pub(crate) shaken: bool,
}

/// One thing that an owner does.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Statement(String),
    Commit,
    Rollback,
    Vacuum(String),
    Backup(Arc<Vec<u8>>),
}

impl Step {
    /// Whether the transaction is committed if it succeeds.
    pub(crate) fn commits(&self) -> bool {
        matches!(self, Self::Commit | Self::Vacuum(_) | Self::Backup(_))
    }

    pub(crate) fn take(&self, live: &mut Connection) -> Result<(), rusqlite::Error> {
        match self {
            Self::Statement(statement) | Self::Vacuum(statement) => live.execute_batch(statement),
            Self::Commit => live.execute_batch("COMMIT"),
            Self::Rollback => live.execute_batch("ROLLBACK"),
            Self::Backup(source) => back_up(source, live),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement(statement) | Self::Vacuum(statement) => f.write_str(statement),
            Self::Commit => f.write_str("COMMIT"),
            Self::Rollback => f.write_str("ROLLBACK"),
            Self::Backup(_) => f.write_str("a backup"),
        }
    }
}

/// A transaction under way.
pub(crate) struct Running {
    pub(crate) number: u64,
    /// What is still to be done, the last first.
    pub(crate) rest: Vec<Step>,
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
        if setup.broken != Some(Broken::NoQuota) {
            options.actor_bytes_max = setup.quota_bytes;
        }
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
    /// How much had happened to the actor when it was claimed, if its own transaction was committed.
    pub(crate) committed: Result<u64, String>,
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
    let committed = events_of(&live).and_then(|events| {
        statements
            .iter()
            .try_for_each(|it| live.execute_batch(it))?;
        live.execute_batch("COMMIT")?;
        Ok(events)
    });
    Ok(Guest {
        committed: committed.map_err(told),
        actor,
        live,
    })
}

/// What [`crate::model::events`] says, asked of a connection.
fn events_of(live: &Connection) -> Result<u64, rusqlite::Error> {
    let cookie = live.pragma_query_value(None, "schema_version", |row| row.get::<_, u32>(0))?;
    Ok(log_of(live)?.len() as u64 + u64::from(cookie))
}
