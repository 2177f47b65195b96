//! Several connections of one process on one actor behave as on one file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use actor_vfs::engines::MemoryEngine;
use actor_vfs::{Actor, ActorId, ConnectOptions, Locking, Store};
use rusqlite::{Connection, TransactionBehavior};

use crate::machine::{Setup, code, connect, seeds};
use crate::oracle::{content, integrity, published};
use crate::workload::Rng;

const CONNECTIONS: usize = 3;

fn actor() -> (Store, Actor) {
    let store = Store::with_engine(Arc::new(MemoryEngine::new())).unwrap();
    let actor = store.create(&ActorId::new("a").unwrap()).unwrap();
    (store, actor)
}

fn shared(actor: &Actor) -> Connection {
    let options = ConnectOptions::default().locking(Locking::Normal);
    actor.connect_with(&options).unwrap()
}

/// What a statement does, as far as another connection can tell.
fn outcome(connection: &Connection, statement: &str) -> (i32, Option<i64>, bool) {
    let mut answer = None;
    let result = connection.prepare(statement).and_then(|mut statement| {
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            answer = row.get(0).ok();
        }
        Ok(())
    });
    (code(result), answer, connection.is_autocommit())
}

/// Statements of all connections in one random order, on the actor and on a plain file. Returns
/// how often one was busy.
fn same_as_on_a_file(journal: &'static str, spill: bool, seed: u64) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("oracle.sqlite");
    let (store, actor) = actor();
    let setup = Setup {
        journal,
        spill,
        locking: Locking::Normal,
        ..Setup::PINNED
    };
    let ours: Vec<Connection> = (0..CONNECTIONS)
        .map(|_| connect(&actor, setup).unwrap())
        .collect();
    let cache = if spill { 5 } else { 2_000 };
    let plain = |_| {
        let connection = Connection::open(&path).unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
        let pragmas = format!(
            "PRAGMA journal_mode={journal}; PRAGMA synchronous=OFF; PRAGMA cache_size={cache};"
        );
        connection.execute_batch(&pragmas).unwrap();
        connection
    };
    let theirs: Vec<Connection> = (0..CONNECTIONS).map(plain).collect();
    let mut rng = Rng::new(seed);
    let mut busy = 0;
    let mut done = vec!["CREATE TABLE t(a INTEGER PRIMARY KEY, b)".to_owned()];
    assert_eq!(outcome(&ours[0], &done[0]), outcome(&theirs[0], &done[0]));
    for _ in 0..150 {
        let who = rng.index(CONNECTIONS);
        let statement = statement(&mut rng);
        let (found, wanted) = (
            outcome(&ours[who], &statement),
            outcome(&theirs[who], &statement),
        );
        busy += usize::from(wanted.0 == rusqlite::ffi::SQLITE_BUSY);
        done.push(format!("{who}: {statement} {wanted:?}"));
        assert_eq!(
            found, wanted,
            "{setup:?}, replay with ACTOR_SEED={seed}: {done:#?}"
        );
    }
    for connection in ours.iter().chain(&theirs) {
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK").unwrap();
        }
    }
    let wanted = content(&theirs[0]).unwrap();
    assert_eq!(content(&ours[1]).unwrap(), wanted);
    assert_eq!(content(&published(&store, actor.id())).unwrap(), wanted);
    busy
}

fn statement(rng: &mut Rng) -> String {
    let number = rng.below(40);
    match rng.below(12) {
        0 => "BEGIN".to_owned(),
        1 => "BEGIN IMMEDIATE".to_owned(),
        2 => "BEGIN EXCLUSIVE".to_owned(),
        3 | 4 => "COMMIT".to_owned(),
        5 => "ROLLBACK".to_owned(),
        6 | 7 => "SELECT total(a) + count(*) FROM t".to_owned(),
        8 => format!("DELETE FROM t WHERE a % 5 = {}", number % 5),
        9 => format!("UPDATE t SET b = b || 'x' WHERE a = {number}"),
        _ => format!(
            "INSERT OR REPLACE INTO t VALUES({number}, hex(zeroblob({})))",
            number * 40
        ),
    }
}

#[test]
fn interleaved_connections_hear_busy_when_they_would_on_a_file() {
    for seed in seeds(15) {
        for journal in ["MEMORY", "DELETE", "TRUNCATE", "PERSIST"] {
            for spill in [false, true] {
                let busy = same_as_on_a_file(journal, spill, seed);
                assert!(busy > 0, "nobody stood in anybody's way");
            }
        }
    }
}

#[test]
fn threads_that_share_an_actor_lose_no_update_and_see_no_half_one() {
    const THREADS: i64 = 4;
    const TRANSFERS: i64 = 60;
    let (store, actor) = actor();
    let rows = "CREATE TABLE t(a INTEGER PRIMARY KEY, n INTEGER);
                INSERT INTO t VALUES(1, 1000), (2, 0), (3, 0);";
    shared(&actor).execute_batch(rows).unwrap();
    let work = |_| {
        let actor = actor.clone();
        thread::spawn(move || {
            let mut connection = shared(&actor);
            connection.busy_timeout(Duration::from_secs(60)).unwrap();
            for _ in 0..TRANSFERS {
                let behavior = TransactionBehavior::Immediate;
                let transaction = connection.transaction_with_behavior(behavior).unwrap();
                let move_one =
                    "UPDATE t SET n = n - 1 WHERE a = 1; UPDATE t SET n = n + 1 WHERE a = 2;";
                transaction.execute_batch(move_one).unwrap();
                let total: i64 = transaction
                    .query_row("SELECT sum(n) FROM t", [], |row| row.get(0))
                    .unwrap();
                assert_eq!(total, 1000);
                transaction.commit().unwrap();
            }
        })
    };
    let threads: Vec<_> = (0..THREADS).map(work).collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let stored = published(&store, actor.id());
    let moved: i64 = stored
        .query_row("SELECT n FROM t WHERE a = 2", [], |row| row.get(0))
        .unwrap();
    assert_eq!(moved, THREADS * TRANSFERS);
    assert_eq!(integrity(&stored).unwrap(), "ok");
}

#[test]
fn snapshot_readers_see_one_commit_each_and_never_wait_for_the_writer() {
    let (store, actor) = actor();
    let writer = actor.connect().unwrap();
    let rows = "CREATE TABLE t(a INTEGER PRIMARY KEY, n INTEGER, pad);
                INSERT INTO t SELECT value, 0, zeroblob(3000) FROM json_each('[1,2,3,4,5,6,7,8]');";
    writer.execute_batch(rows).unwrap();
    let pinned = store.snapshot(actor.id()).unwrap().connect().unwrap();
    let before = content(&pinned).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let read = |_| {
        let (store, id, done) = (store.clone(), actor.id().clone(), Arc::clone(&done));
        thread::spawn(move || {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let reader = store.snapshot(&id).unwrap().connect().unwrap();
                let ends = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
                let query = "SELECT min(n), max(n) FROM t";
                let (min, max): (i64, i64) = reader.query_row(query, [], ends).unwrap();
                assert_eq!(min, max, "half a commit");
                seen.push(min);
            }
            assert!(seen.is_sorted());
            seen.len()
        })
    };
    let readers: Vec<_> = (0..2).map(read).collect();
    for _ in 0..200 {
        writer.execute_batch("UPDATE t SET n = n + 1").unwrap();
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.join().unwrap() > 0);
    }
    assert_eq!(content(&pinned).unwrap(), before);
}

/// SQLite reads the header before it takes any lock (`sqlite3BtreeOpen`), and may find the shape
/// of the database changing under it.
#[test]
fn a_connection_may_open_while_another_changes_the_page_size() {
    let (_, actor) = actor();
    let writer = shared(&actor);
    writer.busy_timeout(Duration::from_secs(60)).unwrap();
    writer
        .execute_batch("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
        .unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let opener = {
        let (actor, done) = (actor.clone(), Arc::clone(&done));
        thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let connection = shared(&actor);
                connection.busy_timeout(Duration::from_secs(60)).unwrap();
                let rows = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0));
                assert_eq!(rows, Ok(1));
            }
        })
    };
    for page_size in [512, 8192, 1024, 65_536].into_iter().cycle().take(1_000) {
        writer
            .execute_batch(&format!("PRAGMA page_size={page_size}; VACUUM"))
            .unwrap();
    }
    done.store(true, Ordering::Relaxed);
    opener.join().unwrap();
}

/// A journal that stayed open without a lock, as `UNDELETABLE_WHEN_OPEN` would have it, would be
/// rolled back over the other connection's commit.
#[test]
fn a_rollback_that_fails_is_not_repeated_over_commits_made_since() {
    use actor_vfs::testing::{Fault, FaultEngine};
    for journal in ["PERSIST", "TRUNCATE", "DELETE", "MEMORY"] {
        let faults = Arc::new(FaultEngine::new(Arc::new(MemoryEngine::new())));
        let store = Store::with_engine(faults.clone()).unwrap();
        let actor = store.create(&ActorId::new("a").unwrap()).unwrap();
        let setup = Setup {
            journal,
            locking: Locking::Normal,
            spill: true,
            ..Setup::PINNED
        };
        let (first, second) = (
            connect(&actor, setup).unwrap(),
            connect(&actor, setup).unwrap(),
        );
        let rows = "CREATE TABLE t(a INTEGER PRIMARY KEY, b);
                    INSERT INTO t SELECT value, hex(zeroblob(1500)) FROM json_each('[1,2,3,4,5,6,7,8,9]');";
        first.execute_batch(rows).unwrap();
        first
            .execute_batch("BEGIN; UPDATE t SET b = b || 'x'")
            .unwrap();
        faults.fail_from(0, Fault::Fail);
        // COMMIT fails, and so does its rollback as far as it needs the engine.
        assert_ne!(code(first.execute_batch("COMMIT")), 0);
        first.execute_batch("ROLLBACK").unwrap_or_default();
        faults.heal();
        second.execute_batch("UPDATE t SET b = 'second'").unwrap();
        let query = "SELECT count(*) FROM t WHERE b = 'second'";
        for connection in [&first, &second] {
            let rows: i64 = connection.query_row(query, [], |row| row.get(0)).unwrap();
            assert_eq!(rows, 9, "{journal}");
        }
    }
}
