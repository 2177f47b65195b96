//! Which calls SQLite makes, in which order: the facts that the file layer leans on, each as seen
//! on the SQLite that runs here, without and with batch-atomic writes.

use std::sync::Arc;

use actor_vfs::engines::MemoryEngine;
use actor_vfs::testing::{Fault, FaultEngine, Flaw};
use actor_vfs::{ActorId, Locking, Store};

use crate::calls::Calls;
use crate::machine::{Setup, connect, execute, has_batch_atomic};

/// A few pages of rows.
const ROWS: &[&str] = &[
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b)",
    "WITH RECURSIVE c(x) AS (VALUES(2) UNION ALL SELECT x + 1 FROM c WHERE x < 30) \
     INSERT INTO t SELECT x, printf('%.*c', 2000, 'v') FROM c",
];

const INSERT: &str = "INSERT INTO t VALUES(1, 'x')";

/// The story of the last statement, told by the calls on all files.
fn story(setup: Setup, before: &[&str], last: &str, fault: Option<Fault>) -> String {
    let engine = Arc::new(FaultEngine::new(Arc::new(MemoryEngine::new())));
    let store = Store::with_engine(engine.clone()).unwrap();
    let actor = store.create(&ActorId::new("a").unwrap()).unwrap();
    let connection = connect(&actor, setup).unwrap();
    for statement in before {
        execute(&connection, statement).unwrap();
    }
    if let Some(fault) = fault {
        engine.fail_at(0, fault);
    }
    let calls = Calls::default();
    let result = calls.during(|| execute(&connection, last));
    assert_eq!(result.is_err(), fault.is_some());
    calls.story()
}

/// Checks the story on whichever SQLite this is.
fn tells(setup: Setup, before: &[&str], last: &str, plain: &str, batch: &str) {
    let wanted = if has_batch_atomic() { batch } else { plain };
    assert_eq!(
        story(setup, before, last, None),
        wanted,
        "{setup:?}: {last}"
    );
}

const NORMAL: Setup = Setup {
    locking: Locking::Normal,
    ..Setup::PINNED
};
const SPILLING: Setup = Setup {
    spill: true,
    ..Setup::PINNED
};
const UNSYNCED: Setup = Setup {
    synchronous: "OFF",
    ..Setup::PINNED
};
const DELETE: Setup = Setup {
    journal: "DELETE",
    ..NORMAL
};
const DELETE_EXCLUSIVE: Setup = Setup {
    journal: "DELETE",
    ..Setup::PINNED
};

#[test]
fn sync_comes_once_and_after_the_last_write_of_every_commit() {
    let sequence = "W SYNC sync PHASETWO";
    tells(
        Setup::PINNED,
        ROWS,
        INSERT,
        sequence,
        "BEGIN W COMMIT SYNC sync PHASETWO",
    );
    tells(
        NORMAL,
        ROWS,
        INSERT,
        "lock1 lock2 lock4 W*2 SYNC sync PHASETWO unlock1 unlock0",
        "lock1 lock2 lock4 BEGIN W*2 COMMIT SYNC sync PHASETWO unlock1 unlock0",
    );
    tells(
        DELETE,
        ROWS,
        INSERT,
        "lock1 lock2 journal:open journal:W*4 lock4 journal:W*3 W*2 SYNC sync journal:close \
         PHASETWO unlock1 unlock0",
        "lock1 lock2 lock4 BEGIN W*2 COMMIT SYNC sync PHASETWO unlock1 unlock0",
    );
}

#[test]
fn without_synchronous_there_is_no_xsync_and_no_window() {
    tells(UNSYNCED, ROWS, INSERT, "W SYNC PHASETWO", "W SYNC PHASETWO");
}

#[test]
fn the_first_commit_of_an_empty_database_needs_a_journal_unless_it_is_in_memory() {
    let journalled = "lock1 lock2 journal:open journal:W lock4 W*2 SYNC sync journal:close \
                      PHASETWO unlock1 unlock0";
    tells(DELETE, &[], ROWS[0], journalled, journalled);
    tells(
        Setup::PINNED,
        &[],
        ROWS[0],
        "lock2 lock4 W*2 SYNC sync PHASETWO",
        "lock2 lock4 BEGIN W*2 COMMIT SYNC sync PHASETWO",
    );
}

/// `pager_end_transaction` keeps the journal open under exclusive locking, and an open journal
/// that is no memory journal rules the window out (`sqlite3PagerCommitPhaseOne`).
#[test]
fn a_real_journal_once_open_under_exclusive_locking_ends_the_window_for_good() {
    let journalled = "journal:W*4 W SYNC sync journal:W journal:sync PHASETWO";
    tells(DELETE_EXCLUSIVE, ROWS, INSERT, journalled, journalled);
    let memory: Vec<&str> = [ROWS, &["PRAGMA journal_mode=MEMORY"]].concat();
    tells(
        DELETE_EXCLUSIVE,
        &memory,
        INSERT,
        "W SYNC sync PHASETWO",
        "BEGIN W COMMIT SYNC sync PHASETWO",
    );
}

/// So BEGIN must be a savepoint: what was written before it belongs to the same commit.
#[test]
fn pages_that_overflow_the_cache_are_written_before_the_window() {
    tells(
        SPILLING,
        &ROWS[..1],
        ROWS[1],
        "W*17 SYNC sync PHASETWO",
        "W*13 BEGIN W*4 COMMIT SYNC sync PHASETWO",
    );
}

#[test]
fn a_rollback_of_spilled_pages_writes_the_old_ones_back_and_says_sync() {
    let update = [ROWS, &["BEGIN", "UPDATE t SET b = b || 'x'"]].concat();
    let restored = "W*14 SYNC sync";
    tells(SPILLING, &update, "ROLLBACK", restored, restored);
    tells(Setup::PINNED, &update, "ROLLBACK", "", "");
}

/// On a plain file SQLite would cut it after `SYNC`. Here it finds the size right already.
#[test]
fn a_vacuum_that_shrinks_cuts_nothing_after_the_commit() {
    let fewer = [ROWS, &["DELETE FROM t WHERE a > 10"]].concat();
    tells(
        Setup::PINNED,
        &fewer,
        "VACUUM",
        "W*7 SYNC sync PHASETWO",
        "BEGIN W*7 COMMIT SYNC sync PHASETWO",
    );
}

/// So neither the end of the window nor a truncation can be the commit point, and the block size
/// cannot follow the header's page size.
#[test]
fn a_vacuum_into_smaller_pages_cuts_between_the_window_and_sync() {
    let smaller = [
        ROWS,
        &["DELETE FROM t WHERE a > 10", "PRAGMA page_size=1024"],
    ]
    .concat();
    tells(
        Setup::PINNED,
        &smaller,
        "VACUUM",
        "W*17 truncate20480 SYNC sync PHASETWO",
        "BEGIN W*17 COMMIT truncate20480 SYNC sync PHASETWO",
    );
}

#[test]
fn a_vacuum_into_larger_pages_writes_them_in_pieces_of_the_old_size() {
    let larger = [ROWS, &["PRAGMA page_size=8192"]].concat();
    let engine = Arc::new(MemoryEngine::new());
    let store = Store::with_engine(engine).unwrap();
    let actor = store.create(&ActorId::new("a").unwrap()).unwrap();
    let connection = connect(&actor, Setup::PINNED).unwrap();
    for statement in larger {
        execute(&connection, statement).unwrap();
    }
    let calls = Calls::default();
    calls.during(|| execute(&connection, "VACUUM").unwrap());
    let writes = calls.take();
    let writes: Vec<_> = writes.iter().filter(|call| call.call == "write").collect();
    assert!(!writes.is_empty());
    assert!(writes.iter().all(|call| call.detail.ends_with("+4096")));
    assert_eq!(store.snapshot(actor.id()).unwrap().page_size().get(), 8192);
}

/// So no error of the store may come from there: the commit would be tried twice.
#[test]
fn an_ioerr_at_the_end_of_the_window_is_hidden_by_a_second_attempt() {
    let flawed = Setup {
        flaw: Some(Flaw::WindowFails),
        ..Setup::PINNED
    };
    tells(
        flawed,
        ROWS,
        INSERT,
        "W SYNC sync PHASETWO",
        "BEGIN W COMMIT! ROLLBACK W SYNC sync PHASETWO",
    );
}

/// With the window SQLite has no journal left: it reads everything again.
#[test]
fn after_a_refused_sync_sqlite_restores_from_its_journal_or_rereads() {
    let told = |setup| story(setup, ROWS, INSERT, Some(Fault::Full));
    let (journal, window) = ("W SYNC! W SYNC sync", "BEGIN W COMMIT SYNC!");
    let wanted = if has_batch_atomic() { window } else { journal };
    assert_eq!(told(Setup::PINNED), wanted);
    let real = "journal:W*4 W SYNC! W SYNC sync journal:W journal:sync";
    assert_eq!(told(DELETE_EXCLUSIVE), real);
}
