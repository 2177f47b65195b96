//! What a host does with whole actors, with a failure at every call of the engine: once, and from then on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actor_vfs::engines::MemoryEngine;
use actor_vfs::kv::Limits;
use actor_vfs::testing::{Fault, FaultEngine};
use actor_vfs::{ActorId, IfExists, ListOptions, Store, StoreError, StoreOptions};
use tempfile::TempDir;

use crate::oracle::{bytes, content, integrity, published};

/// More calls than any of the verbs makes.
const CALLS_MAX: u64 = 1_000;

/// Three files: what an actor holds, what another one holds, and where an export goes.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, rows) in [("one", 40), ("two", 90)] {
            let plain = rusqlite::Connection::open(folder.path().join(name)).unwrap();
            let fill = format!(
                "PRAGMA page_size = 512; CREATE TABLE t(id INTEGER PRIMARY KEY, v); \
                 WITH RECURSIVE n(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM n WHERE x < {rows}) \
                 INSERT INTO t SELECT x, hex(x) || zeroblob(40) FROM n"
            );
            plain.execute_batch(&fill).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }
}

fn id(name: &str) -> ActorId {
    ActorId::new(name).unwrap()
}

/// A store with the actors `one` and `other`, on an engine of small batches that fails when told to.
fn store(files: &Files) -> (Store, Arc<FaultEngine>) {
    let limits = Limits {
        batch_ops_max: 12,
        ..Limits::default()
    };
    let engine = FaultEngine::with_limits(Arc::new(MemoryEngine::new()), limits);
    let engine = Arc::new(engine);
    let mut options = StoreOptions::default();
    options.settle_for = Duration::ZERO;
    let store = options.with_engine(engine.clone()).unwrap();
    for name in ["one", "other"] {
        let from = files.path("one");
        store.import(&id(name), from, IfExists::Refuse).unwrap();
    }
    (store, engine)
}

/// A verb: what it does, and whether it has been done to the store.
struct Verb {
    name: &'static str,
    act: fn(&Store, &Files) -> Result<(), StoreError>,
    is_done: fn(&Store, &Files) -> bool,
    changes: bool,
}

fn write(actor: &actor_vfs::Actor) -> Result<(), StoreError> {
    // The number is all that SQLite passes on.
    _ = actor.connect()?.execute_batch("DELETE FROM t");
    Ok(())
}

fn read(snapshot: &actor_vfs::ActorSnapshot) -> Result<(), StoreError> {
    let connection = snapshot.connect()?;
    let count = connection.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, u32>(0));
    assert!(count.is_err() || count.is_ok_and(|count| count == 40));
    Ok(())
}

fn same(path: &Path, bytes: &[u8]) -> bool {
    // A file that is there is whole.
    std::fs::read(path).is_ok_and(|found| {
        assert_eq!(found, bytes);
        true
    })
}

const VERBS: [Verb; 10] = [
    Verb {
        name: "open",
        act: |store, _| store.open(&id("one")).map(drop),
        is_done: |store, _| store.info(&id("one")).unwrap().epoch.get() > 0,
        changes: true,
    },
    Verb {
        name: "create",
        act: |store, _| store.create(&id("new")).map(drop),
        is_done: |store, _| store.info(&id("new")).is_ok(),
        changes: true,
    },
    Verb {
        name: "snapshot",
        act: |store, _| read(&store.snapshot(&id("one"))?),
        is_done: |_, _| true,
        changes: false,
    },
    Verb {
        name: "fork",
        act: |store, _| write(&store.fork(&id("one"))?),
        is_done: |_, _| true,
        changes: false,
    },
    Verb {
        name: "export",
        act: |store, files| {
            let out = files.path("out");
            store.export(&id("one"), out, IfExists::Replace).map(drop)
        },
        is_done: |store, files| same(&files.path("out"), &bytes(store, &id("one"))),
        changes: false,
    },
    Verb {
        name: "import",
        act: |store, files| {
            let from = files.path("two");
            store.import(&id("one"), from, IfExists::Replace).map(drop)
        },
        is_done: |store, _| store.info(&id("one")).unwrap().commit.get() == 2,
        changes: true,
    },
    Verb {
        name: "delete",
        act: |store, _| store.delete(&id("one")),
        is_done: |store, _| store.info(&id("one")).is_err(),
        changes: true,
    },
    Verb {
        name: "scrub",
        act: |store, _| store.scrub().map(|scrub| assert!(scrub.is_clean())),
        is_done: |_, _| true,
        changes: false,
    },
    Verb {
        name: "list",
        act: |store, _| {
            let listed = store.list(&ListOptions::default())?;
            assert_eq!(listed.len(), 2);
            Ok(())
        },
        is_done: |_, _| true,
        changes: false,
    },
    Verb {
        name: "info",
        act: |store, _| store.info(&id("one")).map(drop),
        is_done: |_, _| true,
        changes: false,
    },
];

/// Does a verb with a failure at one call, and once more without. Tells whether the failure was met.
fn fail(verb: &Verb, files: &Files, call: u64, for_good: bool) -> bool {
    let context = format!("{}, call {call}, for good: {for_good}", verb.name);
    _ = std::fs::remove_file(files.path("out"));
    let (store, engine) = store(files);
    let before = state(&store);
    if for_good {
        engine.fail_from(call, Fault::Fail);
    } else {
        engine.fail_at(call, Fault::Fail);
    }
    let done = (verb.act)(&store, files);
    let struck = engine.has_struck();
    engine.heal();
    if done.is_ok() {
        assert!((verb.is_done)(&store, files), "{context}");
    }
    if done.is_err() || !verb.changes {
        assert_eq!(state(&store), before, "{context}: {done:?}");
    }
    sound(&store, &context);
    if done.is_err() {
        (verb.act)(&store, files).unwrap_or_else(|error| panic!("{context}: then {error}"));
        assert!((verb.is_done)(&store, files), "{context}");
        sound(&store, &context);
    }
    struck
}

/// What every actor holds.
fn state(store: &Store) -> Vec<(ActorId, u64, Vec<u8>)> {
    let listed = store.list(&ListOptions::default()).unwrap();
    let held = listed.into_iter().map(|info| {
        let bytes = bytes(store, &info.id);
        (info.id, info.commit.get(), bytes)
    });
    held.collect()
}

/// Nothing is damaged, and nothing of a verb cut short stands in the way of reading.
fn sound(store: &Store, context: &str) {
    let damage = store.scrub().unwrap().damage;
    assert_eq!(damage, [], "{context}");
    let other = published(store, &id("other"));
    assert_eq!(integrity(&other).unwrap(), "ok", "{context}");
    assert!(content(&other).unwrap().contains("t 40 rows"), "{context}");
}

#[test]
fn whatever_a_host_does_fails_cleanly_at_every_call_and_succeeds_afterwards() {
    let files = Files::new();
    let mut failures = 0;
    for verb in &VERBS {
        for for_good in [false, true] {
            let met = (0..CALLS_MAX).take_while(|call| fail(verb, &files, *call, for_good));
            let met = met.count() as u64;
            assert!(met > 0 && met < CALLS_MAX, "{}: {met} calls", verb.name);
            failures += met;
        }
    }
    println!("{} verbs, {failures} failures", VERBS.len());
}
