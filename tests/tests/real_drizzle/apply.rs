//! Our migrator against the real one: the same actor, the same folder, the same database afterwards.

use crate::ACTORS;
use crate::folder::{Scratch, actor};
use crate::ours::Folder;
use crate::runner::{DRIVERS, Driver, run};

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
