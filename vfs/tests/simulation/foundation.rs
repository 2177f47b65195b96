//! How the actors of a seed begin. There are few ways, so each is gone only once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actor_vfs::engines::MemoryEngine;
use actor_vfs::{ActorId, ConnectOptions, Locking, Store};

use crate::plain::{REPRODUCIBLE, bytes_of, database};
use crate::script::Rng;

/// How the database of an actor begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Foundation {
    page_bytes: u32,
    vacuum: &'static str,
}

impl Foundation {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        Self {
            page_bytes: *rng.pick(&[512, 1024, 4096]),
            vacuum: *rng.pick(&["NONE", "FULL", "INCREMENTAL"]),
        }
    }

    /// All that founds a database, the last to be committed still.
    pub(crate) fn statements(self) -> Vec<String> {
        let Self { page_bytes, vacuum } = self;
        let text = format!(
            "PRAGMA page_size = {page_bytes}; BEGIN; PRAGMA auto_vacuum = {vacuum}; \
             CREATE TABLE log(seq INTEGER PRIMARY KEY, txn INTEGER UNIQUE); \
             CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, n INTEGER); \
             CREATE INDEX t_n ON t(n, id)"
        );
        text.split("; ").map(str::to_owned).collect()
    }
}

/// What was founded before, by what it was founded from.
type Founded<K, V> = Mutex<BTreeMap<K, V>>;

fn lock<K, V>(founded: &Founded<K, V>) -> MutexGuard<'_, BTreeMap<K, V>> {
    founded.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What plain SQLite makes of a foundation.
pub(crate) fn plain(foundation: Foundation) -> Arc<Vec<u8>> {
    static FOUNDED: Founded<Foundation, Arc<Vec<u8>>> = Mutex::new(BTreeMap::new());
    let found = || {
        let mut oracle = database(&[]);
        for statement in foundation.statements() {
            oracle.execute_batch(&statement).unwrap();
        }
        oracle.execute_batch("COMMIT").unwrap();
        Arc::new(bytes_of(&mut oracle).unwrap())
    };
    Arc::clone(lock(&FOUNDED).entry(foundation).or_insert_with(found))
}

/// The name of an actor.
pub(crate) fn id(actor: usize) -> ActorId {
    ActorId::new(format!("actor/{actor}")).unwrap()
}

/// An engine with a store of actors that begin so, and have so many commits behind them, an even
/// number: what is kept no longer goes with every sixteenth, and a story alone seldom gets there.
pub(crate) fn engine(locking: Locking, foundations: &[Foundation], commits: u32) -> MemoryEngine {
    static FOUNDED: Founded<(String, Vec<Foundation>, u32), MemoryEngine> =
        Mutex::new(BTreeMap::new());
    let options = ConnectOptions::default().locking(locking);
    let found = || {
        let memory = Arc::new(MemoryEngine::new());
        let store = Store::with_engine(memory.clone()).unwrap();
        for (actor, foundation) in foundations.iter().enumerate() {
            let actor = store.create(&id(actor)).unwrap();
            let live = actor.connect_with(&options).unwrap();
            live.execute_batch(REPRODUCIBLE).unwrap();
            for statement in foundation.statements() {
                live.execute_batch(&statement).unwrap();
            }
            live.execute_batch("COMMIT").unwrap();
            for commit in 1..=commits {
                // What one changes, the next one takes back.
                live.pragma_update(None, "user_version", commit % 2)
                    .unwrap();
            }
        }
        (*memory).clone()
    };
    let mut founded = lock(&FOUNDED);
    let key = (format!("{locking:?}"), foundations.to_vec(), commits);
    founded.entry(key).or_insert_with(found).clone()
}
