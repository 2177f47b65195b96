//! Some actors in one connection, and as many plain files in another, that do the same.

use std::sync::Arc;
use std::time::Duration;

use actor_vfs::testing::{Fault, FaultEngine, attach_flawed, connect_flawed};
use actor_vfs::{Actor, ActorId, ConnectOptions, Store, StoreError};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::machine::{Divergence, Setup, Tally, options, run};
use crate::oracle::{bytes, content, content_of, integrity, published};

/// The databases of a connection, in SQLite's order.
pub(crate) const SCHEMAS: [&str; 3] = ["main", "b", "c"];

/// What every connection gets, since it is stored nowhere: an insert that reaches two databases.
const TRIGGER: &str = "CREATE TEMP TRIGGER IF NOT EXISTS both AFTER INSERT ON main.t \
    WHEN new.id >= 900 BEGIN INSERT INTO only_b VALUES(new.id, new.v); END";

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) faults: Arc<FaultEngine>,
    pub(crate) actors: Vec<Actor>,
    pub(crate) live: Connection,
    /// The files of the oracle; each time it goes on from elsewhere they are new ones.
    folder: TempDir,
    files: usize,
    pub(crate) oracle: Connection,
    setup: Setup,
    pub(crate) tally: Tally,
}

/// What all the databases hold.
type Contents = Vec<String>;

impl World {
    pub(crate) fn on(engine: FaultEngine, setup: Setup, actors: usize) -> Self {
        let faults = Arc::new(engine);
        let store = options(setup).with_engine(faults.clone()).unwrap();
        let actors: Vec<_> = SCHEMAS[..actors]
            .iter()
            .map(|schema| store.create(&ActorId::new(*schema).unwrap()).unwrap())
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let mut world = Self {
            live: connect(&actors, setup).unwrap(),
            oracle: oracle(&folder, 0, &vec![vec![]; actors.len()]),
            store,
            faults,
            actors,
            folder,
            files: 1,
            setup,
            tally: Tally::default(),
        };
        world.prepare();
        world
    }

    fn schemas(&self) -> &'static [&'static str] {
        &SCHEMAS[..self.actors.len()]
    }

    fn prepare(&mut self) {
        for schema in self.schemas() {
            self.both(&format!(
                "PRAGMA {schema}.page_size = 512; PRAGMA {schema}.auto_vacuum = FULL;
                 CREATE TABLE {schema}.t(id INTEGER PRIMARY KEY, v BLOB);
                 CREATE TABLE {schema}.only_{schema}(id INTEGER PRIMARY KEY, v BLOB);
                 CREATE INDEX {schema}.{schema}_v ON t(v);
                 WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c WHERE x < 12)
                 INSERT INTO {schema}.t SELECT x, printf('%.*c', 60 + x * 10, 'v') FROM c;"
            ));
        }
        self.both(TRIGGER);
    }

    /// Does on both sides what only prepares a test.
    pub(crate) fn both(&self, statements: &str) {
        self.oracle.execute_batch(statements).unwrap();
        self.live.execute_batch(statements).unwrap();
    }

    /// What is published, each database in a SQLite that knows nothing of the store.
    pub(crate) fn published(&self) -> Result<Contents, String> {
        let of = |actor: &Actor| {
            let stored = published(&self.store, actor.id());
            let sound = integrity(&stored).map_err(|error| format!("stored: {error}"))?;
            if sound != "ok" {
                return Err(format!("stored {}: {sound}", actor.id()));
            }
            content(&stored).map_err(|error| format!("stored: {error}"))
        };
        self.actors.iter().map(of).collect()
    }

    pub(crate) fn seen_main(&self) -> String {
        content(&self.live).unwrap()
    }

    pub(crate) fn seen_by(&self, connection: &Connection) -> Result<Contents, String> {
        let of = |schema: &&str| content_of(connection, schema).map_err(|it| it.to_string());
        self.schemas().iter().map(of).collect()
    }

    /// Does `step` on both sides and compares. With a fault at an engine call all actors may stay
    /// where they were, if SQLite did not say that it committed; but none alone.
    pub(crate) fn step(
        &mut self,
        step: &[&str],
        fault: Option<(u64, Fault, bool)>,
    ) -> Result<(), Divergence> {
        self.tally.steps += 1;
        let told = |what: String| Divergence {
            what,
            step: format!("{step:?} with {fault:?}"),
        };
        let statements: Vec<String> = step.iter().map(|it| (*it).to_owned()).collect();
        let earlier = self.seen_by(&self.oracle).map_err(told)?;
        let wanted = run(&self.oracle, &statements, None);
        match fault {
            Some((call, fault, true)) => self.faults.fail_from(call, fault),
            Some((call, fault, false)) => self.faults.fail_at(call, fault),
            None => {}
        }
        let found = run(&self.live, &statements, Some(&wanted));
        let struck = self.faults.has_struck();
        self.faults.heal();
        if !struck && found != wanted {
            return Err(told(format!("oracle: {wanted:?}, actors: {found:?}")));
        }
        if found.contains(&rusqlite::ffi::SQLITE_BUSY) {
            return Err(told("a lone connection was busy".to_owned()));
        }
        let acknowledged = found == wanted;
        self.tally.struck += usize::from(struck);
        self.tally.refused += usize::from(!acknowledged);
        if !self.live.is_autocommit() {
            self.live.execute_batch("ROLLBACK").unwrap_or_default();
        }
        let reopened = struck && self.reopen_if_lost(fault).map_err(told)?;
        self.settle(&earlier, acknowledged, reopened)
            .map_err(told)?;
        if !acknowledged {
            self.oracle_follows();
        }
        Ok(())
    }

    /// After a crash, or when the store cannot know, the actors are opened again.
    fn reopen_if_lost(&mut self, fault: Option<(u64, Fault, bool)>) -> Result<bool, String> {
        let crashed = matches!(fault, Some((_, Fault::CrashBefore | Fault::CrashAfter, _)));
        let lost =
            |actor: &Actor| matches!(actor.last_error(), Some(StoreError::OutcomeUnknown { .. }));
        let unknown = self.actors.iter().any(lost);
        if crashed || unknown {
            self.reopen().map_err(|error| error.to_string())?;
        }
        Ok(crashed || unknown)
    }

    /// Takes all actors again.
    pub(crate) fn reopen(&mut self) -> Result<(), StoreError> {
        self.tally.reopened += 1;
        let open = |actor: &Actor| self.store.open(actor.id());
        self.actors = self.actors.iter().map(open).collect::<Result<_, _>>()?;
        self.live = connect(&self.actors, self.setup)?;
        self.live.execute_batch(TRIGGER).unwrap_or_default();
        Ok(())
    }

    /// The oracle goes on from what is published.
    pub(crate) fn oracle_follows(&mut self) {
        let bytes: Vec<_> = self
            .actors
            .iter()
            .map(|actor| bytes(&self.store, actor.id()))
            .collect();
        self.oracle = oracle(&self.folder, self.files, &bytes);
        self.files += 1;
        self.oracle.execute_batch(TRIGGER).unwrap_or_default();
    }

    /// Holds the actors against the states that they may be in.
    fn settle(&self, earlier: &Contents, acknowledged: bool, reopened: bool) -> Result<(), String> {
        let stored = self.published()?;
        let live = self.seen_by(&self.live)?;
        if live != stored {
            return Err(format!("live:\n{live:#?}\nstored:\n{stored:#?}"));
        }
        let after = self.seen_by(&self.oracle)?;
        let may_be_later = acknowledged || reopened || *earlier == after;
        if (live == after && may_be_later) || (live == *earlier && !acknowledged) {
            return Ok(());
        }
        Err(format!(
            "acknowledged: {acknowledged}\nbefore:\n{earlier:#?}\nafter:\n{after:#?}\nactors:\n{live:#?}"
        ))
    }
}

/// The first of the actors with the others attached.
pub(crate) fn connect(actors: &[Actor], setup: Setup) -> Result<Connection, StoreError> {
    let options = ConnectOptions::default().locking(setup.locking);
    let live = match setup.flaw {
        Some(flaw) => connect_flawed(&actors[0], &options, flaw)?,
        None => actors[0].connect_with(&options)?,
    };
    for (actor, schema) in actors.iter().zip(SCHEMAS).skip(1) {
        match setup.flaw {
            Some(flaw) => attach_flawed(actor, &live, schema, flaw)?,
            None => actor.attach(&live, schema)?,
        }
    }
    let cache = if setup.spill { 5 } else { 2_000 };
    for schema in &SCHEMAS[..actors.len()] {
        let pragmas = format!(
            "PRAGMA {schema}.journal_mode={}; PRAGMA {schema}.synchronous={};
             PRAGMA {schema}.cache_size={cache};",
            setup.journal, setup.synchronous
        );
        live.execute_batch(&pragmas).unwrap();
    }
    live.busy_timeout(Duration::ZERO).unwrap();
    Ok(live)
}

fn oracle(folder: &TempDir, number: usize, contents: &[Vec<u8>]) -> Connection {
    let path = |schema: &str| folder.path().join(format!("{number}{schema}.sqlite"));
    for (schema, bytes) in SCHEMAS.iter().zip(contents) {
        std::fs::write(path(schema), bytes).unwrap();
    }
    let oracle = Connection::open(path("main")).unwrap();
    for schema in &SCHEMAS[1..contents.len()] {
        let path = path(schema);
        oracle
            .execute("ATTACH ? AS ?", (path.to_str().unwrap(), schema))
            .unwrap();
    }
    for schema in &SCHEMAS[..contents.len()] {
        let pragmas =
            format!("PRAGMA {schema}.synchronous=OFF; PRAGMA {schema}.journal_mode=MEMORY;");
        oracle.execute_batch(&pragmas).unwrap();
    }
    oracle
}
