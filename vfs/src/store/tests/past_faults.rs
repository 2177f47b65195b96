//! Commits, restore points and ways back, interrupted at every call of the engine while the past is kept.

use std::collections::BTreeMap;

use super::faults::{FAULTS, stories};
use super::support::*;
use crate::layout::{CommitNo, Unswept};
use crate::store::{IfExists, Plaintext, Point, StoreOptions};
use crate::{Retention, StoreError};

/// What must be readable whatever happens: the kept commits and the restore points.
struct Past {
    commits: BTreeMap<u64, Pages>,
    point: Pages,
}

/// The commit by which an encrypted actor takes a fresh key.
const REKEYED: u64 = 14;

/// A world whose actor `a` has a past, on the eve of its 16th commit, which lets some of it go.
fn world_with_a_past(world: World, retention: Retention, before: &Pages) -> (World, Past) {
    world.store.set_retention(retention).unwrap();
    let actor = world.store.create(&id("a")).unwrap();
    let mut commits = BTreeMap::from([(0, Pages::new())]);
    let mut point = Pages::new();
    let mut pages = Pages::new();
    for seed in 1..=14 {
        // What is kept then is in part under the former key.
        if seed == REKEYED && world.store.options().keys.is_some() {
            actor.rekey().unwrap();
        } else {
            pages = database(4 + seed % 3, seed + 40);
            publish(&actor, &replacing(&pages)).unwrap();
        }
        if seed == 9 {
            actor.restore_point("p").unwrap();
            point.clone_from(&pages);
        }
        commits.insert(seed, pages.clone());
    }
    publish(&actor, &replacing(before)).unwrap();
    commits.insert(actor.commit().get(), before.clone());
    (world, Past { commits, point })
}

impl Past {
    fn check(&self, world: &World, context: &str) {
        world.audit();
        let floor = world.head().unwrap().floor.get();
        for (&commit, pages) in self.commits.range(floor..) {
            let point = Point::Commit(CommitNo::new(commit));
            let seen = world.store.snapshot_at(&id("a"), &point).unwrap();
            assert_eq!(&contents(&seen), pages, "{context}: commit {commit}");
        }
        let point = Point::RestorePoint("p".into());
        if let Ok(seen) = world.store.snapshot_at(&id("a"), &point) {
            assert_eq!(contents(&seen), self.point, "{context}: the restore point");
        }
    }
}

/// Does something in a copy of the world with each fault at each call, and then goes on.
fn interrupted_everywhere(
    name: &str,
    (before, past): &(World, Past),
    act: impl Fn(&World) -> Result<(), StoreError>,
    judge: impl Fn(&World, bool),
) {
    for fault in FAULTS {
        for call in 0.. {
            let world = before.copy();
            world.engine.fail_at(call, fault);
            let result = act(&world);
            let struck = world.engine.has_struck();
            world.engine.heal();
            let context = format!("{name}, {fault:?} at {call}, {result:?}");
            world.store.clear_asides().unwrap();
            past.check(&world, &context);
            judge(&world, result.is_ok());
            let next = world.store.open(&id("a")).unwrap();
            for late in world.engine.deliver() {
                // What is put aside is nobody's until it is placed.
                assert!(
                    late.is_err() || name == "replace",
                    "{context}: it landed after the takeover"
                );
            }
            world.store.clear_asides().unwrap();
            publish(&next, &replacing(&database(7, 8))).unwrap();
            world.audit();
            assert_eq!(world.head().unwrap().unswept, Unswept::Nothing, "{context}");
            if !struck {
                break;
            }
        }
    }
}

fn commits_cut(world: fn() -> World, retention: Retention) {
    for story in &stories() {
        let eve = world_with_a_past(world(), retention, &story.before);
        interrupted_everywhere(
            story.name,
            &eve,
            |world| publish(&world.store.open(&id("a"))?, &story.change),
            |world, done| {
                let seen = world.seen();
                assert!(seen == story.after || !done && seen == story.before);
            },
        );
    }
}

#[test]
fn a_commit_interrupted_anywhere_loses_nothing_that_is_kept() {
    commits_cut(World::new, Retention::Commits(3));
}

#[test]
fn a_commit_interrupted_anywhere_loses_no_restore_point() {
    commits_cut(World::new, Retention::Off);
}

#[test]
fn a_staged_commit_interrupted_anywhere_loses_nothing_that_is_kept() {
    commits_cut(World::tight, Retention::Commits(3));
}

#[test]
fn a_staged_commit_interrupted_anywhere_loses_no_restore_point() {
    commits_cut(World::tight, Retention::Off);
}

#[test]
fn a_commit_of_a_rekeyed_actor_interrupted_anywhere_loses_nothing_that_is_kept() {
    commits_cut(World::secret, Retention::Commits(3));
    commits_cut(World::secret_and_tight, Retention::Off);
}

#[test]
fn encrypting_and_rekeying_interrupted_anywhere_lose_nothing_that_is_kept() {
    let encrypting = StoreOptions {
        plaintext: Plaintext::Allow,
        ..secret_options()
    };
    let before = database(9, 1);
    for world in [
        World::new,
        World::tight,
        World::secret,
        World::secret_and_tight,
    ] {
        for retention in [Retention::Off, Retention::Commits(3)] {
            let (world, past) = world_with_a_past(world(), retention, &before);
            let eve = (World::of(&world, encrypting.clone()), past);
            let was = world.head().unwrap();
            interrupted_everywhere(
                "rekey",
                &eve,
                |world| world.store.rekey(&id("a")).map(drop),
                |world, done| {
                    let head = world.head().unwrap();
                    assert_eq!(world.seen(), before);
                    assert!(head.encrypted && head.db != was.db || !done);
                },
            );
        }
    }
}

#[test]
fn switching_retention_off_interrupted_anywhere_loses_no_restore_point() {
    for world in [World::new, World::tight] {
        let eve = world_with_a_past(world(), Retention::Commits(30), &database(9, 1));
        eve.0.store.set_retention(Retention::Off).unwrap();
        let change = replacing(&database(9, 2));
        interrupted_everywhere(
            "off",
            &eve,
            |world| publish(&world.store.open(&id("a"))?, &change),
            |_, _| {},
        );
    }
}

#[test]
fn restore_points_made_and_dropped_are_there_or_not_wherever_that_is_interrupted() {
    for world in [World::new, World::tight] {
        for retention in [Retention::Off, Retention::Commits(3)] {
            let eve = world_with_a_past(world(), retention, &database(9, 1));
            let names = |world: &World| {
                let points = world.store.restore_points(&id("a")).unwrap();
                points
                    .into_iter()
                    .map(|point| point.name)
                    .collect::<Vec<_>>()
            };
            interrupted_everywhere(
                "make",
                &eve,
                |world| world.store.restore_point(&id("a"), "q").map(drop),
                |world, done| assert!(names(world) == ["p", "q"] || !done && names(world) == ["p"]),
            );
            interrupted_everywhere(
                "drop",
                &eve,
                |world| world.store.drop_restore_point(&id("a"), "p"),
                |world, done| assert!(names(world).is_empty() || !done && names(world) == ["p"]),
            );
        }
    }
}

#[test]
fn a_way_back_and_a_replacement_interrupted_anywhere_happen_whole_or_not_at_all() {
    for world in [World::new, World::tight, World::secret] {
        for retention in [Retention::Off, Retention::Commits(3)] {
            let (before, point) = (database(9, 1), Point::RestorePoint("p".into()));
            let eve = world_with_a_past(world(), retention, &before);
            let there = &eve.1.point;
            interrupted_everywhere(
                "restore",
                &eve,
                |world| world.store.restore(&id("a"), &point).map(drop),
                |world, done| assert!(world.seen() == *there || !done && world.seen() == before),
            );
            interrupted_everywhere(
                "replace",
                &eve,
                |world| {
                    let mut source = world.store.snapshot_at(&id("a"), &point)?;
                    world
                        .store
                        .place(&id("a"), IfExists::Replace, &mut source)
                        .map(drop)
                },
                |world, done| assert!(world.seen() == *there || !done && world.seen() == before),
            );
        }
    }
}
