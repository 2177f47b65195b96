//! What things cost in calls of the engine, so that it cannot creep up.

use super::support::*;
use crate::store::Image;
use crate::testing::Calls;

/// The calls that `act` makes, as (snapshots, gets, scans, commits).
pub(super) fn calls<T>(world: &World, act: impl FnOnce() -> T) -> ((u64, u64, u64, u64), T) {
    let before = world.engine.calls();
    let result = act();
    let Calls {
        snapshots,
        gets,
        scans,
        commits,
        ..
    } = world.engine.calls();
    let after = (snapshots - before.snapshots, gets - before.gets);
    (
        (
            after.0,
            after.1,
            scans - before.scans,
            commits - before.commits,
        ),
        result,
    )
}

#[test]
fn a_commit_of_pages_that_were_read_or_written_costs_one_batch_and_no_read() {
    let world = World::new();
    let pages = database(5, 1);
    let actor = world.actor_holding(&pages);
    let mut next = pages.clone();
    next[0] = content(50, SIZE);
    next[4] = content(51, SIZE);
    assert_eq!(
        calls(&world, || publish(&actor, &between(&pages, &next)).unwrap()).0,
        (0, 0, 0, 1)
    );
    assert_eq!(
        world.page_keys().len(),
        5,
        "the old versions went in the same batch"
    );

    let actor = world.store.open(&id("a")).unwrap();
    let mut image = actor.image().unwrap();
    let mut out = vec![0; SIZE.bytes()];
    let read = calls(&world, || image.read(page(2), &mut out).unwrap());
    assert_eq!(
        read.0,
        (1, 0, 1, 0),
        "the first read of a page seeks its newest version"
    );
    let again = calls(&world, || image.read(page(2), &mut out).unwrap());
    assert_eq!(again.0, (1, 1, 0, 0), "later ones know it");
    let mut last = next.clone();
    last[1] = content(52, SIZE);
    assert_eq!(
        calls(&world, || publish(&actor, &between(&next, &last)).unwrap()).0,
        (0, 0, 0, 1)
    );
    assert_eq!(world.seen(), last);
}

#[test]
fn a_page_replaced_unread_costs_one_look_up() {
    let world = World::new();
    let pages = database(5, 1);
    world.actor_holding(&pages);
    let actor = world.store.open(&id("a")).unwrap();
    let mut next = pages.clone();
    next[3] = content(50, SIZE);
    let cost = calls(&world, || publish(&actor, &between(&pages, &next)).unwrap()).0;
    assert_eq!(cost, (1, 0, 1, 1));
    world.audit();
}

#[test]
fn opening_costs_one_read_and_one_batch_even_after_a_crash() {
    let world = World::tight();
    let actor = world.actor_holding(&database(9, 1));
    assert_eq!(
        calls(&world, || world.store.open(&id("a")).unwrap()).0,
        (1, 1, 0, 1)
    );

    let actor = {
        drop(actor);
        world.store.open(&id("a")).unwrap()
    };
    world.engine.fail_at(10, crate::testing::Fault::CrashAfter);
    publish(&actor, &replacing(&database(40, 2))).unwrap_err();
    assert!(world.engine.has_struck());
    world.engine.heal();
    assert_eq!(
        calls(&world, || world.store.open(&id("a")).unwrap()).0,
        (1, 1, 0, 1)
    );
}

#[test]
fn creating_snapshotting_listing_and_deleting_cost_one_call_of_each_kind_they_need() {
    let world = World::new();
    assert_eq!(
        calls(&world, || world.store.create(&id("a")).unwrap()).0,
        (0, 0, 0, 1)
    );
    assert_eq!(
        calls(&world, || world.store.snapshot(&id("a")).unwrap()).0,
        (1, 1, 0, 0)
    );
    assert_eq!(
        calls(&world, || world.store.list(&Default::default()).unwrap()).0,
        (1, 0, 1, 0)
    );
    assert_eq!(
        calls(&world, || world.store.delete(&id("a")).unwrap()).0,
        (2, 1, 2, 1),
        "restore points and records of commits name what else there is"
    );
}
