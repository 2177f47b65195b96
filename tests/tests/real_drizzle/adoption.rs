//! The squash and the cure: the real migrator before we adopt an actor, and after.

use crate::ACTORS;
use crate::folder::{Scratch, actor, fixture, pending_sql};
use crate::ours::Folder;
use crate::runner::{DRIVERS, Driver, run};

/// An actor that lived through the whole old chain.
fn old(name: &str, stages: usize) -> Scratch {
    Scratch::copy_of(&actor(name).join(format!("actors/after-{stages}.sqlite")))
}

#[test]
fn before_adoption_the_squashed_folder_fails_on_every_old_actor_and_changes_nothing() {
    for driver in DRIVERS {
        for (name, stages) in ACTORS {
            let actor_db = old(name, stages);
            let before = actor_db.rows();
            let error = run(driver, &actor(name).join("squashed"), &actor_db.file).unwrap_err();
            assert!(error.starts_with("table `"), "{driver:?} {name}: {error}");
            assert!(
                error.ends_with("` already exists"),
                "{driver:?} {name}: {error}"
            );
            assert_eq!(actor_db.rows(), before, "{driver:?} {name}");
        }
    }
}

#[test]
fn after_adoption_the_real_migrator_applies_nothing_and_every_row_is_intact() {
    for driver in DRIVERS {
        for (name, stages) in ACTORS {
            let squashed = actor(name).join("squashed");
            let actor_db = old(name, stages);
            let before = actor_db.rows();
            let report = Folder::read(&squashed).adopt(&actor_db);
            assert!(report.changed, "{driver:?} {name}");
            let born_later = Scratch::copy_of(&actor(name).join("actors/squashed.sqlite"));
            assert_eq!(
                actor_db.journal(),
                born_later.journal(),
                "{driver:?} {name}"
            );
            assert_eq!(
                run(driver, &squashed, &actor_db.file),
                Ok(vec![]),
                "{driver:?} {name}"
            );
            assert_eq!(actor_db.rows(), before, "{driver:?} {name}");
        }
    }
}

#[test]
fn after_adoption_the_real_migrator_applies_exactly_what_came_after_the_squash() {
    for driver in DRIVERS {
        for (name, stages) in ACTORS {
            let plus = actor(name).join("squashed-plus");
            let (tags, sql) = pending_sql(&plus, 1);
            let oracle = old(name, stages);
            oracle.open().execute_batch(&sql).unwrap();
            let actor_db = old(name, stages);
            Folder::read(&plus).adopt(&actor_db);
            assert_eq!(
                run(driver, &plus, &actor_db.file),
                Ok(tags),
                "{driver:?} {name}"
            );
            assert_eq!(actor_db.rows(), oracle.rows(), "{driver:?} {name}");
        }
    }
}

#[test]
fn an_old_release_after_adoption_does_no_harm() {
    for driver in DRIVERS {
        for (name, stages) in ACTORS {
            let actor_db = old(name, stages);
            let before = actor_db.rows();
            Folder::read(&actor(name).join("squashed")).adopt(&actor_db);
            let chain = actor(name).join("chain");
            assert_eq!(
                run(driver, &chain, &actor_db.file),
                Ok(vec![]),
                "{driver:?} {name}"
            );
            assert_eq!(actor_db.rows(), before, "{driver:?} {name}");
        }
    }
}

#[test]
fn an_undone_adoption_is_as_if_it_had_never_been() {
    for (name, stages) in ACTORS {
        let (chain, squashed) = (actor(name).join("chain"), actor(name).join("squashed"));
        let actor_db = old(name, stages);
        let journal = actor_db.journal();
        let folder = Folder::read(&squashed);
        folder.adopt(&actor_db);
        folder.undo(&actor_db);
        assert_eq!(actor_db.journal(), journal, "{name}");
        assert_eq!(
            run(Driver::Libsql, &chain, &actor_db.file),
            Ok(vec![]),
            "{name}"
        );
        let error = run(Driver::Libsql, &squashed, &actor_db.file).unwrap_err();
        assert!(error.ends_with("already exists"), "{name}: {error}");
    }
}

#[test]
fn a_squash_that_lost_foreign_key_actions_waits_for_a_person() {
    let review = fixture("fk-action-lost");
    let actor_db = Scratch::copy_of(&review.join("actors/after-7.sqlite"));
    let verdict = Folder::read(&review.join("squashed")).verdict(&actor_db);
    assert_eq!(verdict, "squashed needs-ack");
    assert!(run(Driver::Libsql, &review.join("squashed"), &actor_db.file).is_err());
}
