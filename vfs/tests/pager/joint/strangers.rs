//! Databases that are no actors, attached beside.

use std::sync::Arc;

use actor_vfs::engines::MemoryEngine;
use actor_vfs::testing::FaultEngine;
use rusqlite::ffi;
use tempfile::TempDir;

use super::refusals::SETUPS;
use super::world::World;
use crate::machine::{Setup, code};

/// Three actors with a plain file between them: `main`, `b`, `plain`, `c`.
fn world(setup: Setup, folder: &TempDir) -> World {
    let engine = FaultEngine::new(Arc::new(MemoryEngine::new()));
    let world = World::on(engine, setup, 3);
    world.both("DETACH c");
    let path = folder.path().join("plain.sqlite");
    std::fs::write(&path, "").unwrap();
    let uri = format!("file:{}?vfs=unix", path.display());
    world.live.execute("ATTACH ? AS plain", [uri]).unwrap();
    world.actors[2].attach(&world.live, "c").unwrap();
    let journal = format!("PRAGMA c.journal_mode={}", setup.journal);
    world.live.execute_batch(&journal).unwrap();
    world
        .live
        .execute_batch("CREATE TABLE plain.p(v); INSERT INTO p VALUES(1)")
        .unwrap();
    world
}

fn count(world: &World) -> i64 {
    let query = "SELECT count(*) FROM plain.p";
    world.live.query_row(query, [], |row| row.get(0)).unwrap()
}

#[test]
fn an_actor_and_a_plain_file_are_never_written_together() {
    let changes = [
        "INSERT INTO main.t VALUES(77, 'x')",
        "INSERT INTO c.t VALUES(77, 'x')",
        "INSERT INTO main.t VALUES(77, 'x'); INSERT INTO c.t VALUES(77, 'x')",
    ];
    for setup in SETUPS {
        let folder = tempfile::tempdir().unwrap();
        let world = world(setup, &folder);
        let before = world.published().unwrap();
        for change in changes {
            let begun = format!("BEGIN; INSERT INTO plain.p VALUES(2); {change}");
            world.live.execute_batch(&begun).unwrap();
            let refused = world.live.execute_batch("COMMIT");
            assert_eq!(
                code(refused),
                ffi::SQLITE_IOERR_FSYNC,
                "{setup:?}: {change}"
            );
            assert!(world.live.is_autocommit());
            let told: Vec<_> = world
                .actors
                .iter()
                .filter_map(|it| it.last_error())
                .collect();
            assert!(
                told.iter().any(|it| it.code() == "S123"),
                "{setup:?}: {told:?}"
            );
            assert_eq!(world.published().unwrap(), before, "{setup:?}: {change}");
            assert_eq!(
                world.seen_by(&world.live).unwrap(),
                before,
                "{setup:?}: {change}"
            );
            assert_eq!(count(&world), 1, "{setup:?}: {change}");
        }
        // Each by itself, and actors together, as ever.
        world
            .live
            .execute_batch("INSERT INTO plain.p VALUES(2)")
            .unwrap();
        world
            .live
            .execute_batch(&format!("BEGIN; {}; COMMIT", changes[2]))
            .unwrap();
        assert_eq!(
            world.seen_by(&world.live).unwrap(),
            world.published().unwrap()
        );
        assert_ne!(world.published().unwrap(), before);
        assert_eq!(count(&world), 2);
    }
}

/// Without a super-journal SQLite would commit to one after the other.
#[test]
fn a_plain_file_that_is_only_read_or_locked_does_not_disturb() {
    for setup in &SETUPS[..2] {
        let folder = tempfile::tempdir().unwrap();
        let world = world(*setup, &folder);
        for begin in ["BEGIN", "BEGIN IMMEDIATE"] {
            world
                .live
                .execute_batch(&format!(
                    "{begin}; INSERT INTO main.t SELECT NULL, v FROM plain.p;
                     INSERT INTO c.t SELECT NULL, v FROM plain.p; COMMIT;
                     INSERT INTO plain.p VALUES(3);"
                ))
                .unwrap();
        }
        assert_eq!(
            world.seen_by(&world.live).unwrap(),
            world.published().unwrap()
        );
    }
}

#[test]
fn databases_in_memory_and_temporary_ones_are_written_along() {
    for setup in SETUPS {
        let engine = FaultEngine::new(Arc::new(MemoryEngine::new()));
        let world = World::on(engine, setup, 2);
        world
            .live
            .execute_batch("ATTACH ':memory:' AS m; ATTACH '' AS temporary")
            .unwrap();
        // By a super-journal SQLite names this one like a file.
        let shared = match setup.journal {
            "MEMORY" => "file:/shared?vfs=memdb",
            _ => ":memory:",
        };
        world.live.execute("ATTACH ? AS shared", [shared]).unwrap();
        world
            .live
            .execute_batch(
                "CREATE TABLE m.t2(v); CREATE TABLE temporary.t3(v); CREATE TABLE shared.t4(v);
                 CREATE TEMP TABLE t5(v)",
            )
            .unwrap();
        for change in ["", "UPDATE b.t SET v = v || 'x';"] {
            world
                .live
                .execute_batch(&format!(
                    "BEGIN; INSERT INTO t2 VALUES(1); INSERT INTO t3 VALUES(zeroblob(5000000));
                     INSERT INTO t4 VALUES(1); INSERT INTO t5 VALUES(1);
                     UPDATE main.t SET v = v || 'x'; {change} COMMIT"
                ))
                .unwrap_or_else(|error| panic!("{setup:?}: {change}: {error}"));
        }
        assert_eq!(
            world.seen_by(&world.live).unwrap(),
            world.published().unwrap()
        );
        world.live.execute_batch("DETACH shared").unwrap();
    }
}
