//! Drizzle 1.0, the real one: the squash and the cure where the ledger goes by names.

use crate::folder::{Scratch, fixture};
use crate::ours::Folder;
use crate::runner::{DRIVERS_1, run};

/// The review actor after its whole chain.
fn old() -> Scratch {
    Scratch::copy_of(&fixture("drizzle-1/actors/after-7.sqlite"))
}

#[test]
fn before_adoption_the_squashed_folder_fails_and_changes_nothing() {
    for driver in DRIVERS_1 {
        let actor_db = old();
        let before = (actor_db.rows(), actor_db.journal());
        let error = run(driver, &fixture("drizzle-1/squashed"), &actor_db.file).unwrap_err();
        assert!(error.ends_with("already exists"), "{driver:?}: {error}");
        assert_eq!((actor_db.rows(), actor_db.journal()), before, "{driver:?}");
    }
}

#[test]
fn after_adoption_nothing_runs_but_what_came_after_the_squash() {
    for driver in DRIVERS_1 {
        let actor_db = old();
        let before = actor_db.rows();
        Folder::read(&fixture("drizzle-1/squashed")).adopt(&actor_db);
        let applied = run(driver, &fixture("drizzle-1/squashed"), &actor_db.file);
        assert_eq!(applied, Ok(vec![]), "{driver:?}");
        assert_eq!(actor_db.rows(), before, "{driver:?}");
        let plus = fixture("drizzle-1/squashed-plus");
        let applied = run(driver, &plus, &actor_db.file);
        assert_eq!(
            applied,
            Ok(vec!["20260606103041_reactions".to_owned()]),
            "{driver:?}"
        );
        assert_eq!(Folder::read(&plus).verdict(&actor_db), "current not-needed");
    }
}

#[test]
fn an_old_release_after_adoption_does_no_harm() {
    for driver in DRIVERS_1 {
        let actor_db = old();
        Folder::read(&fixture("drizzle-1/squashed")).adopt(&actor_db);
        let before = (actor_db.rows(), actor_db.journal());
        let applied = run(driver, &fixture("drizzle-1/chain"), &actor_db.file);
        assert_eq!(applied, Ok(vec![]), "{driver:?}");
        assert_eq!((actor_db.rows(), actor_db.journal()), before, "{driver:?}");
    }
}

#[test]
fn an_undone_adoption_is_as_if_it_had_never_been() {
    let actor_db = old();
    let before = actor_db.journal();
    let folder = Folder::read(&fixture("drizzle-1/squashed"));
    folder.adopt(&actor_db);
    assert_ne!(actor_db.journal(), before);
    folder.undo(&actor_db);
    assert_eq!(actor_db.journal(), before);
    let error = run(DRIVERS_1[0], &fixture("drizzle-1/squashed"), &actor_db.file).unwrap_err();
    assert!(error.ends_with("already exists"), "{error}");
}
