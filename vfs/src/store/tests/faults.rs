//! A commit interrupted at every call of the engine, in every way.

use std::sync::{Arc, Mutex};

use super::support::*;
use crate::StoreError;
use crate::kv::{Batch, CommitError, Engine, EngineError, Limits, Snapshot};
use crate::layout::Unswept;
use crate::page::PageSize;
use crate::store::{Actor, Change, Store};
use crate::testing::{Fault, FaultEngine};

pub(super) const FAULTS: [Fault; 7] = [
    Fault::Fail,
    Fault::Full,
    Fault::LoseAnswer,
    Fault::LoseRequest,
    Fault::Delay,
    Fault::CrashBefore,
    Fault::CrashAfter,
];

/// A database, a change to it, and what it becomes.
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) before: Pages,
    pub(super) change: Change,
    pub(super) after: Pages,
}

impl Story {
    fn new(name: &'static str, before: Pages, after: Pages) -> Self {
        let resized = before.first().map(Vec::len) != after.first().map(Vec::len);
        let change = if resized {
            replacing(&after)
        } else {
            between(&before, &after)
        };
        Self {
            name,
            before,
            change,
            after,
        }
    }
}

pub(super) fn stories() -> Vec<Story> {
    let mut one_page = database(9, 1);
    one_page[4] = content(99, SIZE);
    let mut grown = database(9, 1);
    grown.extend(database(20, 5));
    let small = PageSize::new(512).unwrap();
    let resized: Pages = (0..72).map(|seed| content(seed, small)).collect();
    vec![
        Story::new("the first commit", Vec::new(), database(2, 1)),
        Story::new("one page", database(9, 1), one_page),
        Story::new("all pages", database(9, 1), database(9, 2)),
        Story::new("growth", database(9, 1), grown),
        Story::new("truncation", database(40, 1), database(3, 1)),
        Story::new("truncation and rewriting", database(40, 1), database(20, 2)),
        Story::new("truncation to nothing", database(9, 1), Vec::new()),
        Story::new("another page size", database(9, 1), resized),
    ]
}

/// Runs `story` with `fault` at each call of the publish in turn, in a fresh world each time.
fn interrupted_everywhere(
    world: impl Fn() -> World,
    story: &Story,
    persistent: bool,
    mut judge: impl FnMut(&World, Actor, Fault, Result<(), StoreError>),
) {
    let before = world();
    before.actor_holding(&story.before);
    for fault in FAULTS {
        for call in 0.. {
            let world = before.copy();
            let actor = world.store.open(&id("a")).unwrap();
            // Half of the time by an owner that has read all.
            if call % 2 == 0 {
                owned(&actor).unwrap();
            }
            let fail = if persistent {
                FaultEngine::fail_from
            } else {
                FaultEngine::fail_at
            };
            fail(&world.engine, call, fault);
            let result = publish(&actor, &story.change);
            let struck = world.engine.has_struck();
            world.engine.heal();
            judge(&world, actor, fault, result);
            if !struck && call % 2 == 1 {
                break;
            }
        }
    }
}

fn whole_or_not_at_all(world: fn() -> World, persistent: bool) {
    for story in &stories() {
        interrupted_everywhere(world, story, persistent, |world, actor, fault, result| {
            let context = format!("{}, {fault:?}, {result:?}", story.name);
            let seen = world.seen();
            assert!(
                seen == story.before || seen == story.after,
                "{context}: neither old nor new"
            );
            if result.is_ok() {
                assert_eq!(seen, story.after, "{context}: acknowledged and not there");
            }
            world.audit();
            drop(actor);
            goes_on(&world.store, world, &seen, &context);
        });
    }
}

/// The next owner sees what readers see, commits, sweeps; what was under way can land no more.
fn goes_on(store: &Store, world: &World, seen: &Pages, context: &str) {
    let next = store.open(&id("a")).unwrap();
    for late in world.engine.deliver() {
        assert!(
            late.is_err(),
            "{context}: a batch landed after the takeover"
        );
    }
    assert_eq!(&owned(&next).unwrap(), seen, "{context}");
    let last = database(7, 8);
    publish(&next, &replacing(&last)).unwrap();
    assert_eq!(world.seen(), last, "{context}");
    world.audit();
    assert_eq!(world.head().unwrap().unswept, Unswept::Nothing, "{context}");
}

#[test]
fn a_commit_interrupted_anywhere_is_seen_whole_or_not_at_all() {
    whole_or_not_at_all(World::new, false);
}

#[test]
fn a_staged_commit_interrupted_anywhere_is_seen_whole_or_not_at_all() {
    whole_or_not_at_all(World::tight, false);
}

#[test]
fn a_commit_to_an_encrypted_actor_interrupted_anywhere_is_seen_whole_or_not_at_all() {
    whole_or_not_at_all(World::secret, false);
    whole_or_not_at_all(World::secret_and_tight, false);
}

#[test]
fn a_commit_on_an_engine_that_stays_broken_is_seen_whole_or_not_at_all() {
    whole_or_not_at_all(World::new, true);
    whole_or_not_at_all(World::tight, true);
}

#[test]
fn an_answer_lost_once_is_found_out_and_the_commit_succeeds() {
    for story in &stories() {
        for world in [World::new, World::tight] {
            interrupted_everywhere(world, story, false, |world, actor, fault, result| {
                // Reads that precede the commit may fail; the commit itself is settled.
                let unsure = matches!(fault, Fault::LoseAnswer | Fault::LoseRequest);
                if unsure && !matches!(result, Err(StoreError::Engine(_))) {
                    result.unwrap();
                    assert_eq!(world.seen(), story.after, "{}", story.name);
                    assert_eq!(owned(&actor).unwrap(), story.after, "{}", story.name);
                }
            });
        }
    }
}

#[test]
fn an_owner_goes_on_after_a_commit_that_certainly_failed() {
    for story in &stories() {
        for world in [World::new, World::tight] {
            interrupted_everywhere(world, story, false, |world, actor, fault, result| {
                if matches!(fault, Fault::Fail | Fault::Full) {
                    if result.is_err() {
                        assert_eq!(world.seen(), story.before, "{}", story.name);
                    }
                    publish(&actor, &story.change).unwrap();
                    assert_eq!(owned(&actor).unwrap(), story.after, "{}", story.name);
                    world.audit();
                }
            });
        }
    }
}

#[test]
fn a_full_engine_is_reported_as_full() {
    let world = World::new();
    let actor = world.actor_holding(&database(3, 1));
    world.engine.fail_at(0, Fault::Full);
    let error = publish(&actor, &replacing(&database(3, 2))).unwrap_err();
    assert_eq!(error.code(), "S115");
}

#[test]
fn an_owner_in_doubt_that_cannot_look_must_be_opened_anew() {
    let world = World::new();
    let actor = world.actor_holding(&database(3, 1));
    world.engine.fail_from(0, Fault::LoseAnswer);
    let error = publish(&actor, &replacing(&database(3, 2))).unwrap_err();
    assert_eq!(error.code(), "S118");
    world.engine.heal();
    assert_eq!(
        publish(&actor, &replacing(&database(3, 3)))
            .unwrap_err()
            .code(),
        "S118"
    );
    assert_eq!(world.seen(), database(3, 2), "it had landed");
    assert_eq!(world.store.open(&id("a")).unwrap().commit().get(), 2);
}

#[test]
fn claims_creations_and_deletions_interrupted_anywhere_happen_or_do_not() {
    let worlds = [World::tight, World::secret_and_tight];
    for (fault, world) in FAULTS
        .into_iter()
        .flat_map(|it| worlds.map(|world| (it, world)))
    {
        for call in 0..12 {
            let world = world();
            world.engine.fail_at(call, fault);
            let created = world.store.create(&id("a"));
            world.engine.heal();
            let there = world.store.info(&id("a")).is_ok();
            assert!(there || created.is_err(), "create, {fault:?} at {call}");

            let actor = world.store.open_or_create(&id("a")).unwrap();
            publish(&actor, &replacing(&database(9, 1))).unwrap();
            let epoch = actor.epoch();
            world.engine.fail_at(call, fault);
            let claimed = world.store.open(&id("a"));
            world.engine.heal();
            let found = world.store.info(&id("a")).unwrap().epoch;
            match &claimed {
                Ok(claimed) => assert_eq!(found, claimed.epoch(), "claim, {fault:?} at {call}"),
                Err(_) => assert!(
                    found == epoch || found == epoch.next(),
                    "{fault:?} at {call}"
                ),
            }

            world.engine.fail_at(call, fault);
            let deleted = world.store.delete(&id("a"));
            world.engine.heal();
            let there = world.store.info(&id("a")).is_ok();
            assert!(deleted.is_err() || !there, "delete, {fault:?} at {call}");
            world.audit();
        }
    }
}

#[test]
fn a_commit_that_landed_is_acknowledged_even_if_another_owner_came_before_the_answer() {
    let world = World::new();
    world.actor_holding(&database(3, 1));
    let (store, overtaking) = Overtaking::store_of(&world);
    let first = store.open(&id("a")).unwrap();
    overtaking.arm(Fault::LoseAnswer);
    publish(&first, &replacing(&database(3, 2))).unwrap();
    assert_eq!(world.seen(), database(3, 2));
    assert_eq!(
        publish(&first, &replacing(&database(3, 3)))
            .unwrap_err()
            .code(),
        "S104"
    );
}

#[test]
fn a_claim_that_was_lost_is_not_taken_for_landed_because_a_rival_claimed() {
    for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
        let world = World::new();
        world.actor_holding(&database(3, 1));
        let (store, overtaking) = Overtaking::store_of(&world);
        overtaking.arm(fault);
        let owner = store.open(&id("a")).unwrap();
        publish(&owner, &replacing(&database(3, 2))).unwrap();
        assert_eq!(world.seen(), database(3, 2), "{fault:?}");
    }
}

/// An engine that loses a batch or its answer, and lets a rival claim before anyone can look.
#[derive(Debug)]
struct Overtaking {
    inner: Arc<FaultEngine>,
    rival: Store,
    armed: Mutex<Option<Fault>>,
}

impl Overtaking {
    fn store_of(world: &World) -> (Store, Arc<Self>) {
        let (inner, rival) = (world.engine.clone(), world.store.clone());
        let armed = Mutex::new(None);
        let overtaking = Arc::new(Self {
            inner,
            rival,
            armed,
        });
        let store = world.store.options().with_engine(overtaking.clone());
        (store.unwrap(), overtaking)
    }

    fn arm(&self, fault: Fault) {
        *self.armed.lock().unwrap() = Some(fault);
    }
}

impl Engine for Overtaking {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, EngineError> {
        self.inner.snapshot()
    }

    fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        let Some(fault) = self.armed.lock().unwrap().take() else {
            return self.inner.commit(batch);
        };
        self.inner.fail_at(0, fault);
        let answer = self.inner.commit(batch);
        self.inner.heal();
        self.rival.open(&id("a")).unwrap();
        answer
    }
}

/// Symptom: a statement was refused as S118 although nothing had gone wrong since the ROLLBACK
/// before it (seed 26867 of the simulation). Cause: the publish with which SQLite restores what a
/// transaction had spilled swept what a former owner had left staged, and met a doubt that SQLite
/// does not pass on from a ROLLBACK. A publish that changes nothing now writes nothing.
#[test]
fn a_publish_that_changes_nothing_writes_nothing_whatever_there_is_to_sweep() {
    let world = World::tight();
    let pages = database(40, 1);
    let actor = world.actor_holding(&pages);
    world.engine.fail_at(3, Fault::CrashBefore);
    publish(&actor, &replacing(&database(40, 2))).unwrap_err();
    world.engine.heal();
    let actor = world.store.open(&id("a")).unwrap();
    assert_ne!(world.head().unwrap().unswept, Unswept::Nothing);

    let commits = world.engine.calls().commits;
    publish(&actor, &replacing(&pages)).unwrap();
    assert_eq!(world.engine.calls().commits, commits);
    publish(&actor, &replacing(&database(40, 3))).unwrap();
    assert_eq!(world.seen(), database(40, 3));
    world.audit();
}
