//! Our squash under the real migrators of both lines: they run nothing on complete actors and the baseline on
//! new ones, and a squash of a squash changes nothing about that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use actor_migrate::squash::{self, SquashOptions};
use actor_migrate::{Bundle, Level};
use tempfile::TempDir;

use crate::ACTORS;
use crate::folder::{Scratch, actor, fixture};
use crate::runner::{DRIVERS, Driver, run};

/// A copy of a folder that a test may squash.
fn copy(from: &Path) -> (TempDir, PathBuf) {
    let home = TempDir::new().unwrap();
    let to = home.path().join("drizzle");
    let mut open = vec![from.to_owned()];
    while let Some(folder) = open.pop() {
        let here = to.join(folder.strip_prefix(from).unwrap());
        std::fs::create_dir_all(&here).unwrap();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                std::fs::copy(&path, here.join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    (home, to)
}

/// Squashes the first `count` migrations.
fn squash(dir: &Path, count: usize) {
    let bundle = Bundle::read(dir).unwrap();
    let mut options = SquashOptions::default();
    options.to = Some(bundle.entries[count - 1].tag.clone());
    let plan = squash::plan(&bundle, &options).unwrap();
    assert_eq!(plan.certificate.level, Level::E0);
    plan.write(&bundle).unwrap();
}

fn tags(dir: &Path, skip: usize) -> Vec<String> {
    let bundle = Bundle::read(dir).unwrap();
    bundle
        .entries
        .into_iter()
        .skip(skip)
        .map(|it| it.tag)
        .collect()
}

/// A new actor of a folder, by the real migrator.
fn born(driver: Driver, dir: &Path) -> Scratch {
    let new = Scratch::missing();
    assert_eq!(run(driver, dir, &new.file), Ok(tags(dir, 0)), "{driver:?}");
    new
}

/// Every row. A watermark of zero, which a rebuild of an empty table leaves, is as good as none.
fn rows(actor: &Scratch) -> BTreeMap<String, Vec<String>> {
    let mut rows = actor.rows();
    if let Some(marks) = rows.get_mut("sqlite_sequence") {
        marks.retain(|mark| !mark.ends_with("Integer(0)]"));
    }
    rows
}

/// Holds a squashed folder against the chain it came from.
fn holds(driver: Driver, chain: &Path, squashed: &Path, name: &str) {
    let old = born(driver, chain);
    let new = born(driver, squashed);
    assert_eq!(new.schema(), old.schema(), "{driver:?} {name}");
    assert_eq!(rows(&new), rows(&old), "{driver:?} {name}");
    let journal = old.journal();
    assert_eq!(
        run(driver, squashed, &old.file),
        Ok(vec![]),
        "{driver:?} {name}"
    );
    assert_eq!(old.journal(), journal, "{driver:?} {name}");
}

#[test]
fn the_0_x_migrator_skips_our_baseline_on_complete_actors_and_runs_it_on_new_ones() {
    for driver in DRIVERS {
        for (name, _) in ACTORS {
            let chain = actor(name).join("chain");
            let (_home, squashed) = copy(&chain);
            let count = tags(&chain, 0).len();
            squash(&squashed, count - 1);
            holds(driver, &chain, &squashed, name);
            squash(&squashed, 2);
            holds(driver, &chain, &squashed, name);
        }
    }
}

#[test]
fn the_1_0_migrator_skips_our_baseline_by_its_name_and_runs_it_on_new_actors() {
    let chain = fixture("drizzle-1/chain");
    let (_home, squashed) = copy(&chain);
    squash(&squashed, 4);
    holds(Driver::Libsql1, &chain, &squashed, "first");
    squash(&squashed, 4);
    holds(Driver::Libsql1, &chain, &squashed, "second");
}

#[test]
fn the_1_0_migrator_fails_on_complete_actors_of_a_squash_made_by_hand() {
    let old = born(Driver::Libsql1, &fixture("drizzle-1/chain"));
    let error = run(Driver::Libsql1, &fixture("drizzle-1/squashed"), &old.file).unwrap_err();
    assert!(error.contains("already exists"), "{error}");
}

#[test]
fn what_comes_after_our_squash_runs_on_actors_that_were_complete_up_to_it() {
    for driver in DRIVERS {
        for (name, stages) in ACTORS {
            let chain = actor(name).join("chain");
            let (_home, squashed) = copy(&chain);
            let there = stages - 2;
            let old = format!("actors/after-{there}.sqlite");
            let actor_db = Scratch::copy_of(&actor(name).join(old));
            squash(&squashed, there);
            let pending = tags(&squashed, 1);
            assert_eq!(
                run(driver, &squashed, &actor_db.file),
                Ok(pending),
                "{driver:?} {name}"
            );
            let schema = born(driver, &chain).schema();
            assert_eq!(actor_db.schema(), schema, "{driver:?} {name}");
        }
    }
}
