//! What we say that stock runners would do in silence, and the real runners doing it.

use actor_migrate::{Bundle, Expected};
use tempfile::TempDir;

use crate::facts::REBUILD_OF_A_PARENT;
use crate::folder::{Scratch, as_folders, fixture, folder, release, texts};
use crate::ours::Folder;
use crate::runner::{DRIVERS, DRIVERS_1, Driver, run, run_with};

/// An actor that ran `released`, looked at with the folder of the next release.
fn hazards(released: &TempDir, next: &TempDir) -> (Scratch, Vec<&'static str>) {
    let actor = Scratch::missing();
    run(Driver::Libsql, released.path(), &actor.file).unwrap();
    let hazards = Folder::read(next.path()).hazards(&actor);
    (actor, hazards)
}

#[test]
fn a_migration_that_is_said_never_to_run_never_runs() {
    let (a, b, c) = (
        b"CREATE TABLE a (x);",
        b"CREATE TABLE b (x);",
        b"CREATE TABLE c (x);",
    );
    let released = folder(&[(100, a), (300, c)]);
    let merged = folder(&[(100, a), (200, b), (300, c)]);
    for driver in DRIVERS {
        let (actor, said) = hazards(&released, &merged);
        assert_eq!(said, ["H201"]);
        assert_eq!(
            run(driver, merged.path(), &actor.file),
            Ok(vec![]),
            "{driver:?}"
        );
        assert_eq!(
            run(driver, merged.path(), &actor.file),
            Ok(vec![]),
            "{driver:?}"
        );
        Folder::read(merged.path()).apply(&actor);
        assert!(actor.rows().contains_key("b"), "ours runs it");
        assert_eq!(
            run(driver, merged.path(), &actor.file),
            Ok(vec![]),
            "{driver:?}"
        );
    }
}

#[test]
fn a_chunk_that_is_said_to_hold_several_statements_loses_all_but_the_first() {
    let first: &[u8] = b"CREATE TABLE a (x);";
    let released = folder(&[(100, first)]);
    let next = folder(&[
        (100, first),
        (200, b"CREATE TABLE b (x); CREATE TABLE c (x);"),
    ]);
    for driver in DRIVERS {
        let (actor, said) = hazards(&released, &next);
        assert_eq!(said, ["H202"]);
        assert_eq!(
            run(driver, next.path(), &actor.file).unwrap().len(),
            1,
            "{driver:?}"
        );
        assert_eq!(
            actor.rows().into_keys().collect::<Vec<_>>(),
            ["a", "b"],
            "{driver:?}"
        );
        // The ledger says that all of it ran; the schema knows better, and what is missing is made.
        let next_folder = Folder::read(next.path());
        assert_eq!(next_folder.verdict(&actor), "drifted refuse", "{driver:?}");
        next_folder.reconcile(&actor);
        assert!(actor.rows().contains_key("c"), "{driver:?}");
        assert_eq!(
            run(driver, next.path(), &actor.file),
            Ok(vec![]),
            "{driver:?}"
        );
        let whole = hazards(&released, &next).0;
        Folder::read(next.path()).apply(&whole);
        assert!(whole.rows().contains_key("c"), "ours runs both");
    }
}

#[test]
fn a_chunk_that_is_said_to_hold_nothing_fails() {
    let first: &[u8] = b"CREATE TABLE a (x);";
    let released = folder(&[(100, first)]);
    let next = folder(&[
        (100, first),
        (
            200,
            b"-- Custom SQL migration file, put your code below! --",
        ),
    ]);
    for driver in DRIVERS {
        let (actor, said) = hazards(&released, &next);
        assert_eq!(said, ["H203"]);
        assert!(run(driver, next.path(), &actor.file).is_err(), "{driver:?}");
        Folder::read(next.path()).apply(&actor);
        assert_eq!(
            run(driver, next.path(), &actor.file),
            Ok(vec![]),
            "{driver:?}"
        );
    }
}

const FAMILY: &[u8] = b"CREATE TABLE parent (id integer PRIMARY KEY);--> statement-breakpoint
CREATE TABLE child (parent_id integer REFERENCES parent(id) ON DELETE CASCADE);--> statement-breakpoint
CREATE TRIGGER grown AFTER INSERT ON parent BEGIN INSERT INTO child VALUES (new.id); END;";

#[test]
fn a_rebuild_that_is_said_to_cascade_and_to_lose_triggers_does_both_and_ours_keeps_the_rows() {
    let released = folder(&[(100, FAMILY)]);
    let next = folder(&[(100, FAMILY), (200, REBUILD_OF_A_PARENT)]);
    let born = || {
        let (actor, said) = hazards(&released, &next);
        assert_eq!(said, ["H204", "H205"]);
        actor
            .open()
            .execute_batch("INSERT INTO parent VALUES (1), (2)")
            .unwrap();
        actor
    };
    let triggers = |actor: &Scratch| {
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'trigger'";
        texts(&actor.open(), sql).len()
    };
    let theirs = born();
    let more = ["--foreign-keys"];
    run_with(Driver::SqlJs, next.path(), &theirs.file, &more).unwrap();
    assert_eq!((theirs.rows()["child"].len(), triggers(&theirs)), (0, 0));
    let ours = born();
    Folder::read(next.path()).apply(&ours);
    assert_eq!(ours.rows()["child"].len(), 2);
    assert_eq!(
        triggers(&ours),
        0,
        "the folder itself loses it: said, not mended"
    );
}

#[test]
fn a_rebuild_under_a_view_is_told_before_any_actor_meets_it() {
    let next = folder(&[
        (100, b"CREATE TABLE parent (id integer PRIMARY KEY);"),
        (200, b"CREATE VIEW parents AS SELECT id FROM parent;"),
        (300, REBUILD_OF_A_PARENT),
    ]);
    let bundle = Bundle::read(next.path()).unwrap();
    let told = Expected::replay(&bundle).unwrap_err();
    assert!(told.to_string().contains("error in view parents"), "{told}");
    assert_eq!(told.at().unwrap().migration, "0002_at_300");
    for driver in DRIVERS {
        let actor = Scratch::missing();
        let error = run(driver, next.path(), &actor.file).unwrap_err();
        assert!(
            error.contains("error in view parents"),
            "{driver:?}: {error}"
        );
    }
}

#[test]
fn the_incident_is_said_of_every_actor_that_meets_it() {
    let squashed = fixture("ledgers/squashed");
    for driver in DRIVERS {
        let actor = Scratch::copy_of(&fixture("ledgers/libsql/after-2.sqlite"));
        let said = Folder::read(&squashed).hazards(&actor);
        assert_eq!(said, ["H206", "H207"]);
        let error = run(driver, &squashed, &actor.file).unwrap_err();
        assert_eq!(error, "table `notes` already exists", "{driver:?}");
    }
}

#[test]
fn an_upgrade_that_is_said_to_stop_stops() {
    let moved = as_folders(&fixture("ledgers/squashed"));
    for driver in DRIVERS_1 {
        let actor = Scratch::copy_of(&fixture("ledgers/libsql/after-2.sqlite"));
        let said = Folder::read(moved.path()).hazards(&actor);
        assert!(said.contains(&"H207"), "{said:?}");
        let error = run(driver, moved.path(), &actor.file).unwrap_err();
        assert!(
            error.contains("do not match any local migration"),
            "{driver:?}: {error}"
        );
    }
}

/// The second of 1.0 is less than the millisecond of 0.x, so the last migration counts as newer than its row.
#[test]
fn a_release_of_0x_that_is_said_to_run_the_last_migration_again_does() {
    let old = release(&fixture("ledgers/chain"), 2);
    let moved = as_folders(old.path());
    for driver in DRIVERS {
        let actor = Scratch::missing();
        run(Driver::Libsql1, moved.path(), &actor.file).unwrap();
        let said = Folder::read(old.path()).hazards(&actor);
        assert!(said.contains(&"H211"), "{said:?}");
        let error = run(driver, old.path(), &actor.file).unwrap_err();
        assert_eq!(error, "duplicate column name: pinned", "{driver:?}");
    }
}
