//! Our migrator against the real one: the same actor, the same folder, the same database afterwards.

use crate::ACTORS;
use crate::folder::{Scratch, actor};
use crate::ours::Folder;
use crate::runner::{DRIVERS, Driver, run, run_with};

#[test]
fn our_apply_leaves_the_database_that_the_real_migrator_leaves() {
    for (name, stages) in ACTORS {
        let chain = actor(name).join("chain");
        for stage in 0..stages {
            let start = match stage {
                0 => actor(name).join("actors/fresh.sqlite"),
                _ => actor(name).join(format!("actors/after-{stage}.sqlite")),
            };
            let (theirs, ours) = (Scratch::copy_of(&start), Scratch::copy_of(&start));
            let applied = run(Driver::Libsql, &chain, &theirs.file).unwrap();
            assert_eq!(
                Folder::read(&chain).apply(&ours).applied,
                applied,
                "{name} {stage}"
            );
            assert_eq!(ours.rows(), theirs.rows(), "{name} {stage}");
            assert_eq!(ours.schema(), theirs.schema(), "{name} {stage}");
            assert_eq!(ours.journal(), theirs.journal(), "{name} {stage}");
        }
    }
}

#[test]
fn after_our_apply_the_real_migrator_applies_nothing() {
    for driver in DRIVERS {
        for (name, _) in ACTORS {
            let chain = actor(name).join("chain");
            let actor_db = Scratch::copy_of(&actor(name).join("actors/after-2.sqlite"));
            Folder::read(&chain).apply(&actor_db);
            let before = actor_db.rows();
            assert_eq!(
                run(driver, &chain, &actor_db.file),
                Ok(vec![]),
                "{driver:?} {name}"
            );
            assert_eq!(actor_db.rows(), before, "{driver:?} {name}");
        }
    }
}

/// The published loss (drizzle-team/drizzle-orm#5782) with what drizzle-kit wrote for these very schemas: it makes a
/// parent anew, and the real migrator takes the children away or fails, where foreign keys are on.
#[test]
fn child_rows_that_the_real_migrator_loses_in_a_rebuild_of_drizzle_kit_survive_our_apply() {
    for (name, rebuilt_at, children) in [
        ("task", 3, &["runs", "messages", "tool_calls"][..]),
        ("history", 5, &["event_tags", "file_edits"]),
        ("sandbox", 4, &["ports", "processes"]),
        ("workspace", 4, &["pull_requests"]),
    ] {
        let chain = actor(name).join("chain");
        let start = actor(name).join(format!("actors/after-{rebuilt_at}.sqlite"));
        let (theirs, ours) = (Scratch::copy_of(&start), Scratch::copy_of(&start));
        let before = theirs.rows();
        let outcome = run_with(Driver::SqlJs, &chain, &theirs.file, &["--foreign-keys"]);
        Folder::read(&chain).apply(&ours);
        for child in children {
            let count = |actor: &Scratch| actor.rows()[*child].len();
            assert!(!before[*child].is_empty(), "{name} {child}");
            let lost = outcome.is_err() || count(&theirs) == 0;
            assert!(lost, "{name} {child}: {outcome:?}");
            assert_eq!(count(&ours), before[*child].len(), "{name} {child}");
        }
    }
}
