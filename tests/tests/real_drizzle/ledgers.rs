//! Every ledger that some program writes, continued by the real migrators after we wrote to it.

use std::path::Path;

use actor_migrate::namespaced_table;

use crate::folder::{Scratch, as_folders, fixture, release};
use crate::ours::Folder;
use crate::runner::{DRIVERS, DRIVERS_1, Driver, run, run_with};

/// Every program whose ledger is in the fixtures, and how it says which file ran.
const WRITERS: [(&str, Hash); 10] = [
    ("better-sqlite3", Hash::Sha256),
    ("bun-sqlite", Hash::Sha256),
    ("d1", Hash::Sha256),
    ("durable-sqlite", Hash::Empty),
    ("libsql", Hash::Sha256),
    ("rivetkit-2.2", Hash::Tag),
    ("rivetkit-2.3", Hash::Sha256),
    ("sql-js", Hash::Sha256),
    ("sqlite-proxy", Hash::Sha256),
    ("wrangler", Hash::None),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Empty,
    Tag,
    /// The ledger is not one of Drizzle's at all.
    None,
}

/// An actor that ran the first two migrations of the chain under `writer`.
fn written_by(writer: &str) -> Scratch {
    Scratch::copy_of(&fixture("ledgers").join(writer).join("after-2.sqlite"))
}

/// The writers whose ledger 1.0 takes for one of 0.x.
fn upgradable() -> impl Iterator<Item = (&'static str, Hash)> {
    WRITERS.into_iter().filter(|(_, hash)| *hash != Hash::None)
}

#[test]
fn whoever_wrote_the_ledger_the_real_migrator_continues_it_after_adoption() {
    let squashed = fixture("ledgers/squashed");
    for (writer, _) in WRITERS {
        let actor_db = written_by(writer);
        let before = actor_db.rows()["notes"].clone();
        Folder::read(&squashed).adopt(&actor_db);
        let applied = run(Driver::Libsql, &squashed, &actor_db.file);
        assert_eq!(applied, Ok(vec!["0001_archive".to_owned()]), "{writer}");
        assert_eq!(actor_db.rows()["notes"].len(), before.len(), "{writer}");
        assert_eq!(
            Folder::read(&squashed).verdict(&actor_db),
            "current not-needed",
            "{writer}"
        );
    }
}

#[test]
fn on_buns_own_sqlite_both_lines_of_drizzle_fail_after_the_squash_and_go_on_after_adoption() {
    let squashed = fixture("ledgers/squashed");
    let poisoned = run(Driver::Bun, &squashed, &written_by("bun-sqlite").file).unwrap_err();
    assert!(poisoned.ends_with("already exists"), "{poisoned}");
    let actor_db = written_by("bun-sqlite");
    Folder::read(&squashed).adopt(&actor_db);
    let applied = run(Driver::Bun, &squashed, &actor_db.file);
    assert_eq!(applied, Ok(vec!["0001_archive".to_owned()]));

    let moved = as_folders(&squashed);
    let stopped = run(Driver::Bun1, moved.path(), &written_by("bun-sqlite").file).unwrap_err();
    assert!(stops(&stopped), "{stopped}");
    let actor_db = written_by("bun-sqlite");
    Folder::read(moved.path()).upgrade(&actor_db);
    let applied = run(Driver::Bun1, moved.path(), &actor_db.file);
    assert_eq!(applied, Ok(vec!["20260610080059_archive".to_owned()]));
}

#[test]
fn a_ledger_whose_files_are_there_is_upgraded_to_what_the_real_1_0_makes_of_it() {
    let old = release(&fixture("ledgers/chain"), 2);
    let moved = as_folders(old.path());
    for (writer, _) in upgradable() {
        let (ours, theirs) = (written_by(writer), written_by(writer));
        assert!(
            Folder::read(moved.path()).upgrade(&ours).changed,
            "{writer}"
        );
        assert_eq!(
            run(Driver::Libsql1, moved.path(), &theirs.file),
            Ok(vec![]),
            "{writer}"
        );
        assert_eq!(ours.journal(), theirs.journal(), "{writer}");
        assert_eq!(
            run(Driver::Libsql1, moved.path(), &ours.file),
            Ok(vec![]),
            "{writer}"
        );
        assert_eq!(ours.journal(), theirs.journal(), "{writer}");
    }
}

#[test]
fn once_files_are_squashed_the_real_1_0_stops_or_skips_until_we_have_upgraded_the_ledger() {
    let moved = as_folders(&fixture("ledgers/squashed"));
    let archive = vec!["20260610080059_archive".to_owned()];
    for (nth, (writer, hash)) in upgradable().enumerate() {
        let driver = DRIVERS_1[nth % DRIVERS_1.len()];
        let untouched = written_by(writer);
        match run(driver, moved.path(), &untouched.file) {
            // All its rows get the name of the last migration, which therefore never runs.
            Ok(applied) => {
                let pending_ran = applied.contains(&archive[0]);
                assert_eq!((hash, pending_ran), (Hash::Empty, false), "{writer}");
            }
            Err(error) => assert!(stops(&error), "{writer} {driver:?}: {error}"),
        }
        let actor_db = written_by(writer);
        let before = actor_db.rows()["notes"].clone();
        Folder::read(moved.path()).upgrade(&actor_db);
        assert_eq!(actor_db.rows()["notes"], before, "{writer}");
        let applied = run(driver, moved.path(), &actor_db.file);
        assert_eq!(applied, Ok(archive.clone()), "{writer} {driver:?}");
        let verdict = Folder::read(moved.path()).verdict(&actor_db);
        assert_eq!(verdict, "current not-needed", "{writer} {driver:?}");
    }
}

/// What it says to a person, or, where a baseline runs after all, the incident itself.
fn stops(error: &str) -> bool {
    error.contains("do not match any local migration") || error.ends_with("already exists")
}

#[test]
fn a_release_of_0x_that_still_runs_after_the_upgrade_does_no_harm() {
    let old = release(&fixture("ledgers/chain"), 2);
    let moved = as_folders(&fixture("ledgers/squashed"));
    for (nth, (writer, _)) in upgradable().enumerate() {
        let driver = DRIVERS[nth % DRIVERS.len()];
        let actor_db = written_by(writer);
        Folder::read(moved.path()).upgrade(&actor_db);
        let before = (actor_db.rows(), actor_db.journal());
        let applied = run(driver, old.path(), &actor_db.file);
        assert_eq!(applied, Ok(vec![]), "{writer} {driver:?}");
        let after = (actor_db.rows(), actor_db.journal());
        assert_eq!(after, before, "{writer} {driver:?}");
    }
}

#[test]
fn an_upgrade_that_was_undone_leaves_the_ledger_to_0x_as_it_was() {
    let (chain, moved) = (
        fixture("ledgers/chain"),
        as_folders(&fixture("ledgers/squashed")),
    );
    for (writer, _) in upgradable() {
        let actor_db = written_by(writer);
        let before = actor_db.journal();
        let folder = Folder::read(moved.path());
        folder.upgrade(&actor_db);
        folder.undo(&actor_db);
        assert_eq!(actor_db.journal(), before, "{writer}");
        let applied = run(Driver::Libsql, &chain, &actor_db.file);
        assert_eq!(applied, Ok(vec!["0002_archive".to_owned()]), "{writer}");
    }
}

#[test]
fn expo_which_notes_no_hashes_goes_on_after_adoption() {
    let (chain, squashed) = (fixture("ledgers/chain"), fixture("ledgers/squashed"));
    let old = release(&chain, 2);
    let actor_db = Scratch::missing();
    assert_eq!(
        run(Driver::Expo, old.path(), &actor_db.file).unwrap().len(),
        2
    );
    assert_eq!(Folder::read(&chain).verdict(&actor_db), "behind not-needed");
    let error = run(Driver::Expo, &squashed, &actor_db.file).unwrap_err();
    assert_eq!(error, "table `notes` already exists");
    assert_eq!(Folder::read(&squashed).verdict(&actor_db), "squashed safe");
    Folder::read(&squashed).adopt(&actor_db);
    assert_eq!(run(Driver::Expo, old.path(), &actor_db.file), Ok(vec![]));
    let applied = run(Driver::Expo, &squashed, &actor_db.file);
    assert_eq!(applied, Ok(vec!["0001_archive".to_owned()]));
    assert_eq!(
        Folder::read(&squashed).verdict(&actor_db),
        "current not-needed"
    );
}

#[test]
fn two_namespaces_in_one_file_are_adopted_one_by_one() {
    let (notes, tasks) = (namespaced_table("Notes"), namespaced_table("task-runner"));
    let (chain, squashed) = (fixture("ledgers/chain"), fixture("ledgers/squashed"));
    let task = fixture("coding-agent/task");
    for driver in DRIVERS {
        let actor_db = Scratch::missing();
        let old = release(&chain, 2);
        for (folder, table) in [(old.path(), &notes), (&task.join("chain"), &tasks)] {
            run_with(driver, folder, &actor_db.file, &["--table", table]).unwrap();
        }
        let of = |folder: &Path, table: &str| Folder::read(folder).with_table(table);
        assert_eq!(of(&squashed, &notes).verdict(&actor_db), "squashed safe");
        assert_eq!(
            of(&task.join("chain"), &tasks).verdict(&actor_db),
            "current not-needed"
        );
        of(&squashed, &notes).adopt(&actor_db);
        assert_eq!(
            of(&task.join("chain"), &tasks).verdict(&actor_db),
            "current not-needed"
        );
        let more = ["--table", notes.as_str()];
        let applied = run_with(driver, &squashed, &actor_db.file, &more);
        assert_eq!(applied, Ok(vec!["0001_archive".to_owned()]), "{driver:?}");
        of(&task.join("squashed"), &tasks).adopt(&actor_db);
        let more = ["--table", tasks.as_str()];
        let applied = run_with(driver, &task.join("squashed"), &actor_db.file, &more);
        assert_eq!(applied, Ok(vec![]), "{driver:?}");
        assert_eq!(
            of(&squashed, &notes).verdict(&actor_db),
            "current not-needed"
        );
    }
}
