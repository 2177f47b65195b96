//! The real migrator and actors half-way down a chain that was squashed: before we bring them to its end, and after.

use std::path::Path;

use actor_migrate::Bundle;
use actor_migrate::squash::{self, SquashOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::ACTORS;
use crate::folder::{Scratch, actor, pending_sql};
use crate::ours::Folder;
use crate::runner::{DRIVERS, Outcome, run};

/// Which moment the baseline has.
#[derive(Clone, Copy, Debug)]
enum When {
    /// Its own, as drizzle-kit gives it to a folder that is generated anew.
    Newer,
    /// That of the last migration it replaced, as `squash` writes it.
    Last,
    /// That of the first, as a recipe in circulation has it.
    First,
}

fn journal(folder: &Path) -> Value {
    let text = std::fs::read(folder.join("meta/_journal.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The SQL and the journal.
fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to.join("meta")).unwrap();
    let journal = "meta/_journal.json";
    std::fs::copy(from.join(journal), to.join(journal)).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

/// The squashed folder with what came after it.
fn squashed(name: &str, when: When) -> TempDir {
    let (from, to) = (actor(name).join("squashed-plus"), TempDir::new().unwrap());
    copy_folder(&from, to.path());
    let mut changed = journal(&from);
    let chain = journal(&actor(name).join("chain"));
    let replaced = chain["entries"].as_array().unwrap();
    let replaced = match when {
        When::Newer => None,
        When::Last => replaced.last(),
        When::First => replaced.first(),
    };
    if let Some(replaced) = replaced {
        changed["entries"][0]["when"] = replaced["when"].clone();
    }
    std::fs::write(to.path().join("meta/_journal.json"), changed.to_string()).unwrap();
    to
}

fn at(name: &str, stage: usize) -> Scratch {
    Scratch::copy_of(&actor(name).join(format!("actors/after-{stage}.sqlite")))
}

/// Whether the real migrator fails because it runs the baseline where its tables are.
fn is_the_incident(outcome: &Outcome) -> bool {
    outcome
        .as_ref()
        .is_err_and(|error| error.ends_with("already exists"))
}

#[test]
fn the_real_migrator_runs_the_baseline_on_an_actor_half_way_and_fails_for_ever() {
    for driver in DRIVERS {
        for (name, stages) in ACTORS {
            for when in [When::Newer, When::Last] {
                let (folder, actor_db) = (squashed(name, when), at(name, stages / 2));
                let before = actor_db.rows();
                for _ in 0..2 {
                    let outcome = run(driver, folder.path(), &actor_db.file);
                    assert!(
                        is_the_incident(&outcome),
                        "{driver:?} {name} {when:?}: {outcome:?}"
                    );
                }
                assert_eq!(actor_db.rows(), before, "{driver:?} {name}");
            }
        }
    }
}

#[test]
fn a_baseline_that_keeps_the_first_moment_makes_the_real_migrator_skip_what_the_actor_lacks() {
    for driver in DRIVERS {
        for (name, stages) in ACTORS {
            let (folder, actor_db) = (squashed(name, When::First), at(name, stages / 2));
            let (tags, _) = pending_sql(folder.path(), 1);
            let outcome = run(driver, folder.path(), &actor_db.file);
            assert_eq!(
                outcome,
                Ok(tags),
                "{driver:?} {name}: it says that all is well"
            );
            let ours = Folder::read(folder.path()).with_history(&actor(name).join("chain"));
            assert_eq!(ours.verdict(&actor_db), "squashed-behind refuse");
            let report = ours.reconcile(&actor_db);
            assert_eq!(
                report.applied.len(),
                stages - stages / 2,
                "{driver:?} {name}"
            );
            assert_eq!(ours.verdict(&actor_db), "current not-needed");
            let outcome = run(driver, folder.path(), &actor_db.file);
            assert_eq!(outcome, Ok(vec![]), "{driver:?} {name}");
        }
    }
}

#[test]
fn brought_to_the_end_of_its_chain_an_actor_is_migrated_by_the_real_migrator_as_if_nothing_had_been()
 {
    for driver in DRIVERS {
        let moments = [When::Newer, When::Last, When::First, When::Newer];
        for ((name, stages), when) in ACTORS.into_iter().zip(moments) {
            let (chain, folder) = (actor(name).join("chain"), squashed(name, when));
            let (tags, sql) = pending_sql(folder.path(), 1);
            let stage = stages / 2;
            let oracle = at(name, stage);
            run(driver, &chain, &oracle.file).unwrap();
            oracle.open().execute_batch(&sql).unwrap();
            let actor_db = at(name, stage);
            let ours = Folder::read(folder.path()).with_history(&chain);
            assert_eq!(ours.verdict(&actor_db), "squashed-behind refuse");
            let report = ours.reconcile(&actor_db);
            assert_eq!(
                report.applied.len(),
                stages - stage,
                "{driver:?} {name} {when:?}"
            );
            let outcome = run(driver, folder.path(), &actor_db.file);
            assert_eq!(outcome, Ok(tags), "{driver:?} {name} {when:?}");
            assert_eq!(actor_db.rows(), oracle.rows(), "{driver:?} {name} {when:?}");
            assert_eq!(
                actor_db.schema(),
                oracle.schema(),
                "{driver:?} {name} {when:?}"
            );
            assert!(!ours.reconcile(&actor_db).changed);
        }
    }
}

#[test]
fn an_old_release_after_that_does_no_harm() {
    for driver in DRIVERS {
        for (name, stages) in ACTORS {
            for when in [When::Newer, When::Last] {
                let (folder, actor_db) = (squashed(name, when), at(name, stages / 2));
                let chain = actor(name).join("chain");
                Folder::read(folder.path())
                    .with_history(&chain)
                    .reconcile(&actor_db);
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
}

#[test]
fn a_certified_squash_needs_no_name_for_what_it_replaced() {
    for driver in DRIVERS {
        for (name, stages) in ACTORS {
            let (chain, stage) = (actor(name).join("chain"), stages / 2);
            let folder = TempDir::new().unwrap();
            copy_folder(&chain, folder.path());
            let bundle = Bundle::read(folder.path()).unwrap();
            let plan = squash::plan(&bundle, &SquashOptions::default());
            let plan = plan.unwrap_or_else(|error| panic!("{name}: {error}"));
            plan.write(&bundle).unwrap();
            let (oracle, actor_db) = (at(name, stage), at(name, stage));
            run(driver, &chain, &oracle.file).unwrap();
            let outcome = run(driver, folder.path(), &actor_db.file);
            assert!(is_the_incident(&outcome), "{driver:?} {name}: {outcome:?}");
            let report = Folder::read(folder.path()).reconcile(&actor_db);
            assert_eq!(report.applied.len(), stages - stage, "{driver:?} {name}");
            let outcome = run(driver, folder.path(), &actor_db.file);
            assert_eq!(outcome, Ok(vec![]), "{driver:?} {name}");
            assert_eq!(actor_db.rows(), oracle.rows(), "{driver:?} {name}");
            assert_eq!(actor_db.schema(), oracle.schema(), "{driver:?} {name}");
        }
    }
}
