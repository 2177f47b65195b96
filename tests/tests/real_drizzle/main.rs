//! The real Drizzle migrator and our tool on the same actors: what fails before we adopt, and what runs after.

// All of it is test code: said aloud, so that clippy lets helpers unwrap as it lets tests.
#![cfg(test)]

mod facts;
mod folder;
mod runner;

use folder::{Scratch, actor};
use runner::{DRIVERS, run};

/// Each actor of the fixtures and how many migrations its chain has.
const ACTORS: [(&str, usize); 4] = [
    ("history", 8),
    ("sandbox", 8),
    ("task", 8),
    ("workspace", 7),
];

#[test]
fn before_adoption_the_squashed_folder_fails_on_every_old_actor_and_changes_nothing() {
    for driver in DRIVERS {
        for (name, stages) in ACTORS {
            let old = actor(name).join(format!("actors/after-{stages}.sqlite"));
            let scratch = Scratch::copy_of(&old);
            let before = scratch.rows();
            let error = run(driver, &actor(name).join("squashed"), &scratch.file).unwrap_err();
            assert!(error.starts_with("table `"), "{driver:?} {name}: {error}");
            assert!(
                error.ends_with("` already exists"),
                "{driver:?} {name}: {error}"
            );
            assert_eq!(scratch.rows(), before, "{driver:?} {name}");
        }
    }
}

#[test]
fn the_old_folder_still_applies_what_a_laggard_lacks() {
    let (name, stages) = ACTORS[2];
    for driver in DRIVERS {
        let scratch = Scratch::copy_of(&actor(name).join("actors/after-3.sqlite"));
        let applied = run(driver, &actor(name).join("chain"), &scratch.file).unwrap();
        assert_eq!(applied.len(), stages - 3, "{driver:?}");
    }
}
