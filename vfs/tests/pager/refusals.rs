//! What an actor refuses, and that it stays whole and usable when it does.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actor_vfs::engines::MemoryEngine;
use actor_vfs::kv::{Batch, CommitError, Engine, EngineError, Limits, Snapshot};
use actor_vfs::testing::{Fault, FaultEngine};
use actor_vfs::{Actor, ActorId, ConnectOptions, Locking, Store, StoreError};
use rusqlite::{Connection, ffi};

use crate::machine::{Setup, code, connect};
use crate::oracle::{content, integrity, published};

const ROWS: &str =
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES(1, 'one'), (2, 'two');";

fn id(name: &str) -> ActorId {
    ActorId::new(name).unwrap()
}

fn store() -> Store {
    Store::with_engine(Arc::new(MemoryEngine::new())).unwrap()
}

fn holding_rows(store: &Store, name: &str) -> (Actor, Connection) {
    let actor = store.create(&id(name)).unwrap();
    let connection = actor.connect().unwrap();
    connection.execute_batch(ROWS).unwrap();
    (actor, connection)
}

fn count(connection: &Connection) -> i64 {
    let query = "SELECT count(*) FROM t";
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

fn last_code(actor: &Actor) -> Option<&'static str> {
    actor.last_error().map(|error| error.code())
}

#[test]
fn journal_modes_that_need_a_log_or_no_journal_are_refused_with_what_to_use() {
    let (_, connection) = holding_rows(&store(), "a");
    for mode in ["WAL", "wal", "OFF", "'off'"] {
        let error = connection.execute_batch(&format!("PRAGMA journal_mode={mode}"));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("keep journal_mode=MEMORY"), "{error}");
    }
    let mode: String = connection
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "memory");
    assert_eq!(count(&connection), 2);
}

#[test]
fn a_wish_to_map_the_file_is_answered_with_nothing_mapped() {
    let (_, connection) = holding_rows(&store(), "a");
    for wish in ["PRAGMA mmap_size=1000000", "PRAGMA mmap_size"] {
        let mapped: i64 = connection.query_row(wish, [], |row| row.get(0)).unwrap();
        assert_eq!(mapped, 0, "{wish}");
    }
    assert_eq!(count(&connection), 2);
}

#[test]
fn a_connection_attaches_memory_and_nothing_of_ours() {
    let store = store();
    let (_, connection) = holding_rows(&store, "a");
    let (_, other) = holding_rows(&store, "b");
    let own = connection.path().unwrap().to_owned();
    let others = other.path().unwrap().to_owned();
    for name in ["b", "actor:1/a", "plain.sqlite", &own, &others] {
        let attached = connection.execute("ATTACH ? AS x", [name]);
        assert_eq!(code(attached), ffi::SQLITE_CANTOPEN, "{name}");
    }
    assert!(!std::path::Path::new("plain.sqlite").exists());
    connection
        .execute_batch("ATTACH ':memory:' AS m; CREATE TABLE m.t2(x); DETACH m")
        .unwrap();
    let vacuumed = connection.execute_batch("VACUUM INTO 'copy.sqlite'");
    assert_eq!(code(vacuumed), ffi::SQLITE_CANTOPEN);
    assert_eq!((count(&connection), count(&other)), (2, 2));
}

/// The super-journal's deletion would be the commit point, and the store knows nothing of it.
/// SQLite rolls back from its journal only if it finds the super-journal, so the cache of the
/// actor's connection would keep what was never committed, were it not told to drop it.
#[test]
fn a_transaction_over_an_actor_and_a_plain_file_is_refused_whole() {
    let directory = tempfile::tempdir().unwrap();
    for (number, locking) in [Locking::Exclusive, Locking::Normal]
        .into_iter()
        .enumerate()
    {
        for spill in [false, true] {
            let store = store();
            let setup = Setup {
                journal: "DELETE",
                locking,
                spill,
                ..Setup::PINNED
            };
            let actor = store.create(&id("a")).unwrap();
            let connection = connect(&actor, setup).unwrap();
            connection.execute_batch(ROWS).unwrap();
            let path = directory.path().join(format!("{number}{spill}.sqlite"));
            std::fs::write(&path, "").unwrap();
            let uri = format!("file:{}?vfs=unix", path.display());
            connection.execute("ATTACH ? AS plain", [uri]).unwrap();
            connection.execute_batch("CREATE TABLE plain.p(x)").unwrap();
            let before = content(&connection).unwrap();
            let many = "INSERT INTO t SELECT value, hex(zeroblob(900)) FROM json_each('[3,4,5,6,7,8,9,10,11,12]')";
            connection
                .execute_batch(&format!("BEGIN; INSERT INTO p VALUES(1); {many}"))
                .unwrap();
            let refused = connection.execute_batch("COMMIT");
            assert_eq!(code(refused), ffi::SQLITE_IOERR_FSYNC);
            assert_eq!(last_code(&actor), Some("S123"));
            if !connection.is_autocommit() {
                connection.execute_batch("ROLLBACK").unwrap_or_default();
            }
            assert_eq!(content(&connection).unwrap(), before);
            assert_eq!(content(&published(&store, &id("a"))).unwrap(), before);
            let plain: i64 = connection
                .query_row("SELECT count(*) FROM p", [], |row| row.get(0))
                .unwrap();
            assert_eq!(plain, 0);
            connection
                .execute_batch("INSERT INTO t VALUES(99, 'later')")
                .unwrap();
            assert_eq!(
                content(&published(&store, &id("a"))).unwrap(),
                content(&connection).unwrap()
            );
        }
    }
}

#[test]
fn a_database_that_is_in_wal_mode_is_not_taken_over_by_backup() {
    let directory = tempfile::tempdir().unwrap();
    let source = Connection::open(directory.path().join("wal.sqlite")).unwrap();
    source
        .execute_batch(&format!("PRAGMA journal_mode=WAL; {ROWS}"))
        .unwrap();
    let store = store();
    let (actor, mut connection) = holding_rows(&store, "a");
    connection
        .execute_batch("DELETE FROM t WHERE a = 2")
        .unwrap();
    let backup = rusqlite::backup::Backup::new(&source, &mut connection).unwrap();
    assert_eq!(code(backup.step(-1)), ffi::SQLITE_IOERR_FSYNC);
    drop(backup);
    assert_eq!(last_code(&actor), Some("S122"));
    assert_eq!(count(&connection), 1);
    source.execute_batch("PRAGMA journal_mode=DELETE").unwrap();
    let backup = rusqlite::backup::Backup::new(&source, &mut connection).unwrap();
    backup.step(-1).unwrap();
    drop(backup);
    assert_eq!(count(&connection), 2);
    assert_eq!(count(&published(&store, &id("a"))), 2);
}

#[test]
fn a_backup_out_of_an_actor_is_a_plain_database() {
    let (_, connection) = holding_rows(&store(), "a");
    let mut plain = Connection::open_in_memory().unwrap();
    let backup = rusqlite::backup::Backup::new(&connection, &mut plain).unwrap();
    backup.step(-1).unwrap();
    drop(backup);
    assert_eq!(content(&plain).unwrap(), content(&connection).unwrap());
}

#[test]
fn a_fenced_owner_hears_so_and_is_good_for_nothing_more() {
    for locking in [Locking::Exclusive, Locking::Normal] {
        for spill in [false, true] {
            let store = store();
            let (first, connection) = holding_rows(&store, "a");
            drop(connection);
            let setup = Setup {
                locking,
                spill,
                ..Setup::PINNED
            };
            let fenced = connect(&first, setup).unwrap();
            assert_eq!(count(&fenced), 2);
            let second = store.open(&id("a")).unwrap();
            let owner = second.connect().unwrap();
            owner
                .execute_batch("INSERT INTO t VALUES(3, 'three')")
                .unwrap();
            let lost = fenced.execute_batch("INSERT INTO t VALUES(4, 'four')");
            assert_eq!(code(lost), ffi::SQLITE_READONLY_DBMOVED, "{setup:?}");
            assert_eq!(last_code(&first), Some("S104"));
            for statement in [
                "SELECT * FROM t",
                "INSERT INTO t VALUES(4, 'four')",
                "SELECT 1 FROM sqlite_schema",
            ] {
                let lost = fenced.execute_batch(statement);
                assert_eq!(
                    code(lost),
                    ffi::SQLITE_READONLY_DBMOVED,
                    "{setup:?} {statement}"
                );
            }
            assert!(matches!(first.connect(), Err(StoreError::Fenced { .. })));
            assert_eq!(count(&owner), 3);
        }
    }
}

#[test]
fn after_a_refused_commit_the_connection_goes_on() {
    for journal in ["MEMORY", "DELETE", "TRUNCATE", "PERSIST"] {
        for locking in [Locking::Exclusive, Locking::Normal] {
            let faults = Arc::new(FaultEngine::new(Arc::new(MemoryEngine::new())));
            let store = Store::with_engine(faults.clone()).unwrap();
            let actor = store.create(&id("a")).unwrap();
            let setup = Setup {
                journal,
                locking,
                ..Setup::PINNED
            };
            let connection = connect(&actor, setup).unwrap();
            connection.execute_batch(ROWS).unwrap();
            // While the engine is full the actor can be read, and every write says so.
            faults.fail_from(0, Fault::Full);
            for _ in 0..3 {
                let full = connection.execute_batch("UPDATE t SET b = 'new'");
                assert_ne!(code(full), ffi::SQLITE_OK);
            }
            faults.heal();
            assert_eq!(count(&connection), 2);
            faults.fail_at(0, Fault::Full);
            let full = connection.execute_batch("UPDATE t SET b = 'new'");
            assert_eq!(code(full), ffi::SQLITE_FULL, "{setup:?}");
            assert_eq!(last_code(&actor), Some("S115"));
            connection
                .execute_batch("INSERT INTO t VALUES(3, 'three')")
                .unwrap();
            assert_eq!(
                content(&published(&store, &id("a"))).unwrap(),
                content(&connection).unwrap()
            );
            let old: i64 = connection
                .query_row("SELECT count(*) FROM t WHERE b = 'new'", [], |row| {
                    row.get(0)
                })
                .unwrap();
            assert_eq!((old, count(&connection)), (0, 3));
        }
    }
}

#[test]
fn what_the_store_cannot_do_at_open_is_told_as_the_store_says_it() {
    let faults = Arc::new(FaultEngine::new(Arc::new(MemoryEngine::new())));
    let store = Store::with_engine(faults.clone()).unwrap();
    let (actor, connection) = holding_rows(&store, "a");
    drop(connection);
    faults.fail_from(0, Fault::Fail);
    let error = actor.connect().unwrap_err();
    assert_eq!(error.code(), "S119", "{error}");
    faults.heal();
    let connection = actor.connect().unwrap();
    let busy = ConnectOptions::default();
    connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let started = std::time::Instant::now();
    let error = actor.connect_with(&busy).unwrap_err();
    assert_eq!(
        error.code(),
        "S124",
        "{error} after {:?}",
        started.elapsed()
    );
}

/// An engine with a bug.
#[derive(Debug)]
struct PanickingEngine {
    inner: MemoryEngine,
    armed: AtomicBool,
}

impl Engine for PanickingEngine {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, EngineError> {
        assert!(!self.armed.load(Ordering::Relaxed), "injected panic");
        self.inner.snapshot()
    }

    fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        assert!(!self.armed.load(Ordering::Relaxed), "injected panic");
        self.inner.commit(batch)
    }
}

#[test]
fn a_panic_poisons_one_connection_and_does_not_reach_sqlite() {
    let engine = Arc::new(PanickingEngine {
        inner: MemoryEngine::new(),
        armed: AtomicBool::new(false),
    });
    let store = Store::with_engine(engine.clone()).unwrap();
    let (actor, connection) = holding_rows(&store, "a");
    let (_, other) = holding_rows(&store, "b");
    engine.armed.store(true, Ordering::Relaxed);
    let poisoned = connection.execute_batch("INSERT INTO t VALUES(3, 'three')");
    assert_eq!(code(poisoned) & 0xff, ffi::SQLITE_IOERR);
    assert_eq!(last_code(&actor), Some("S199"));
    engine.armed.store(false, Ordering::Relaxed);
    for _ in 0..2 {
        let poisoned = connection.execute_batch("SELECT * FROM t");
        assert_eq!(code(poisoned) & 0xff, ffi::SQLITE_IOERR);
    }
    other
        .execute_batch("INSERT INTO t VALUES(3, 'three')")
        .unwrap();
    drop(connection);
    let reopened = store.open(&id("a")).unwrap().connect().unwrap();
    assert_eq!(
        (count(&reopened), integrity(&reopened).unwrap().as_str()),
        (2, "ok")
    );
}

#[test]
fn a_snapshot_is_read_only_and_says_so() {
    let store = store();
    let (_, connection) = holding_rows(&store, "a");
    let snapshot = store.snapshot(&id("a")).unwrap().connect().unwrap();
    connection.execute_batch("DELETE FROM t").unwrap();
    for statement in [
        "DELETE FROM t",
        "CREATE TABLE u(x)",
        "PRAGMA user_version=3",
        "VACUUM",
    ] {
        let refused = snapshot.execute_batch(statement);
        assert_eq!(code(refused), ffi::SQLITE_READONLY, "{statement}");
    }
    assert_eq!((count(&snapshot), count(&connection)), (2, 0));
    snapshot
        .execute_batch("CREATE TEMP TABLE u AS SELECT * FROM t")
        .unwrap();
}

#[test]
fn a_fork_is_written_to_like_an_actor_and_leaves_no_trace() {
    let store = store();
    let (_, connection) = holding_rows(&store, "a");
    let fork = store.fork(&id("a")).unwrap().connect().unwrap();
    fork.execute_batch("DELETE FROM t; PRAGMA page_size=1024; VACUUM")
        .unwrap();
    connection
        .execute_batch("INSERT INTO t VALUES(3, 'three')")
        .unwrap();
    assert_eq!((count(&fork), count(&connection)), (0, 3));
    assert_eq!(count(&published(&store, &id("a"))), 3);
}

#[test]
fn names_of_actors_may_be_long_and_odd() {
    let store = store();
    let long = "ä".repeat(256);
    for name in [
        &long,
        "file:x?vfs=unix",
        ":memory:",
        "a b'\"%#&",
        "-journal",
        " ",
    ] {
        let (_, connection) = holding_rows(&store, name);
        assert!(connection.path().unwrap().ends_with(name));
        assert_eq!(count(&published(&store, &id(name))), 2);
    }
}

/// What an engine holds, to see that nothing changed.
fn records(engine: &dyn Engine) -> Vec<(Vec<u8>, Vec<u8>)> {
    let all = engine.snapshot().unwrap();
    all.scan(&[]..&[u8::MAX], usize::MAX).unwrap()
}

#[test]
fn a_name_that_the_engine_refuses_as_a_key_changes_nothing_and_others_are_taken() {
    let limits = Limits {
        key_bytes_max: 48,
        ..Limits::default()
    };
    let engine = Arc::new(FaultEngine::with_limits(
        Arc::new(MemoryEngine::new()),
        limits,
    ));
    let store = Store::with_engine(engine.clone()).unwrap();
    let (actor, connection) = holding_rows(&store, "short");
    let long = id(&"long".repeat(20));
    let before = records(&*engine);
    let refusals = [
        store.create(&long).map(drop),
        store.open_or_create(&long).map(drop),
        store.fork_to(actor.id(), None, &long).map(drop),
        actor.restore_point(&"x".repeat(80)).map(drop),
    ];
    for refusal in refusals {
        let error = refusal.unwrap_err();
        assert_eq!(error.code(), "S117", "{error}");
        let limit = error.source().unwrap().to_string();
        assert!(
            limit.ends_with("key bytes, the engine takes 1 to 48"),
            "{limit}"
        );
    }
    assert_eq!(records(&*engine), before);
    actor.restore_point("y").unwrap();
    connection
        .execute_batch("INSERT INTO t VALUES(3, 'three')")
        .unwrap();
    assert_eq!(
        (count(&connection), store.scrub().unwrap().damage),
        (3, vec![])
    );
}
