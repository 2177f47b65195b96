//! What a joint commit refuses, and who hears what.

use std::sync::Arc;

use actor_vfs::engines::MemoryEngine;
use actor_vfs::testing::{Fault, FaultEngine};
use actor_vfs::{Actor, ActorId, Locking, Store};
use rusqlite::{Connection, ffi};

use super::world::{World, connect};
use crate::machine::{Setup, code};

pub(super) const SETUPS: [Setup; 4] = [
    Setup::PINNED,
    Setup {
        locking: Locking::Normal,
        ..Setup::PINNED
    },
    Setup {
        journal: "DELETE",
        locking: Locking::Normal,
        ..Setup::PINNED
    },
    Setup {
        journal: "TRUNCATE",
        ..Setup::PINNED
    },
];

const BOTH: &str = "BEGIN; UPDATE main.t SET v = v || 'x'; UPDATE b.t SET v = v || 'x'";

fn world(setup: Setup, actors: usize) -> World {
    let engine = FaultEngine::new(Arc::new(MemoryEngine::new()));
    World::on(engine, setup, actors)
}

fn last_code(actor: &Actor) -> Option<&'static str> {
    actor.last_error().map(|error| error.code())
}

fn sum(connection: &Connection, schema: &str) -> i64 {
    let query = format!("SELECT sum(length(v)) FROM {schema}.t");
    connection.query_row(&query, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_joint_commit_is_one_batch() {
    for setup in SETUPS {
        let world = world(setup, 3);
        let before = world.faults.calls().commits;
        world.both(BOTH);
        world.both("INSERT INTO c.t VALUES(99, 1); COMMIT");
        assert_eq!(world.faults.calls().commits - before, 1, "{setup:?}");
        let oracle = world.seen_by(&world.oracle).unwrap();
        assert_eq!(world.published().unwrap(), oracle, "{setup:?}");
    }
}

/// Which locks it takes makes no difference: what was not written is not committed.
#[test]
fn an_attached_actor_that_is_only_read_or_locked_costs_nothing() {
    for setup in SETUPS {
        let world = world(setup, 2);
        for (begin, read) in [
            ("BEGIN", "SELECT v FROM b.t"),
            ("BEGIN IMMEDIATE", "SELECT 1"),
        ] {
            let (calls, number) = (world.faults.calls(), world.actors[1].commit());
            world.both(&format!(
                "{begin}; {read}; UPDATE main.t SET v = v || 'y'; COMMIT"
            ));
            assert_eq!(world.faults.calls().commits - calls.commits, 1);
            assert_eq!(world.actors[1].commit(), number);
        }
        let oracle = world.seen_by(&world.oracle).unwrap();
        assert_eq!(world.published().unwrap(), oracle, "{setup:?}");
    }
}

#[test]
fn if_one_actor_is_taken_none_commits_and_the_others_go_on() {
    for setup in SETUPS {
        let world = world(setup, 2);
        let before = world.published().unwrap();
        world.live.execute_batch(BOTH).unwrap();
        let thief = world.store.open(world.actors[1].id()).unwrap();
        let refused = code(world.live.execute_batch("COMMIT"));
        let told = [ffi::SQLITE_READONLY_DBMOVED, ffi::SQLITE_IOERR_FSYNC];
        assert!(told.contains(&refused), "{setup:?}: {refused}");
        assert!(world.live.is_autocommit(), "{setup:?}");
        assert_eq!(world.published().unwrap(), before, "{setup:?}");
        let codes = world.actors.iter().map(last_code);
        assert_eq!(codes.collect::<Vec<_>>(), [Some("S135"), Some("S104")]);
        let cause = world.actors[0].last_error().unwrap().to_string();
        assert!(
            cause.contains("another owner took the actor `b`"),
            "{cause}"
        );

        let length = sum(&world.live, "main");
        world
            .live
            .execute_batch("UPDATE main.t SET v = v || 'z'")
            .unwrap();
        assert_eq!(sum(&world.live, "main"), length + 12, "{setup:?}");
        let read = world.live.query_row("SELECT v FROM b.t", [], |_| Ok(()));
        assert_eq!(code(read), ffi::SQLITE_READONLY_DBMOVED, "{setup:?}");
        let other = thief.connect().unwrap();
        other.execute_batch("UPDATE t SET v = 'thief'").unwrap();
        assert_eq!(world.published().unwrap()[0], world.seen_main());
    }
}

#[test]
fn nobody_commits_for_an_actor_that_is_deleted_or_an_engine_that_is_full() {
    for setup in SETUPS {
        let world = world(setup, 2);
        let before = world.published().unwrap();
        world.live.execute_batch(BOTH).unwrap();
        world.faults.fail_from(0, Fault::Full);
        let refused = code(world.live.execute_batch("COMMIT"));
        world.faults.heal();
        assert_eq!(refused, ffi::SQLITE_FULL, "{setup:?}");
        assert_eq!(world.seen_by(&world.live).unwrap(), before, "{setup:?}");
        world.live.execute_batch(BOTH).unwrap();
        world.store.delete(world.actors[1].id()).unwrap();
        world.live.execute_batch("COMMIT").unwrap_err();
        assert_eq!(last_code(&world.actors[1]), Some("S105"), "{setup:?}");
        assert_eq!(world.seen_main(), before[0], "{setup:?}");
    }
}

#[test]
fn actors_of_two_stores_are_read_together_and_never_written_together() {
    for setup in SETUPS {
        let store = |id: &str| {
            let store = Store::with_engine(Arc::new(MemoryEngine::new())).unwrap();
            store.create(&ActorId::new(id).unwrap()).unwrap()
        };
        let actors = [store("main"), store("b")];
        let live = connect(&actors, setup).unwrap();
        for schema in ["main", "b"] {
            let made = format!("CREATE TABLE {schema}.t(v); INSERT INTO {schema}.t VALUES('1')");
            live.execute_batch(&made).unwrap();
        }
        live.execute_batch(BOTH).unwrap();
        let refused = live.execute_batch("COMMIT");
        assert_eq!(code(refused), ffi::SQLITE_IOERR_FSYNC, "{setup:?}");
        let codes = actors.iter().map(last_code);
        assert_eq!(codes.collect::<Vec<_>>(), [Some("S135"), Some("S134")]);
        assert_eq!((sum(&live, "main"), sum(&live, "b")), (1, 1), "{setup:?}");
        live.execute_batch("INSERT INTO main.t SELECT v || 'z' FROM b.t")
            .unwrap();
        live.execute_batch("INSERT INTO b.t SELECT v FROM main.t")
            .unwrap();
        assert_eq!((sum(&live, "main"), sum(&live, "b")), (3, 4), "{setup:?}");
    }
}

#[test]
fn an_actor_is_attached_to_an_actor_only_and_once() {
    let world = world(Setup::PINNED, 2);
    let plain = Connection::open_in_memory().unwrap();
    let refused = world.actors[1].attach(&plain, "b").unwrap_err();
    assert_eq!(refused.code(), "S136");
    let taken = world.actors[1].attach(&world.live, "b").unwrap_err();
    assert!(format!("{taken:?}").contains("already in use"), "{taken:?}");
    // The connection has it already, and locked.
    let busy = world.actors[1].attach(&world.live, "again").unwrap_err();
    assert!(format!("{busy:?}").contains("locked"), "{busy:?}");
    let snapshot = world.store.snapshot(world.actors[1].id()).unwrap();
    snapshot.attach(&world.live, "then").unwrap();
    world.both("UPDATE b.t SET v = 'now'");
    let read = "SELECT count(*) FROM \"then\".t JOIN b.t USING(v)";
    let same: i64 = world.live.query_row(read, [], |row| row.get(0)).unwrap();
    assert_eq!(same, 0);
    let written = world.live.execute_batch("DELETE FROM \"then\".t");
    assert_eq!(code(written), ffi::SQLITE_READONLY);
    world
        .live
        .execute_batch("DETACH b; DETACH \"then\"")
        .unwrap();
    world.actors[1].attach(&world.live, "b").unwrap();
}
