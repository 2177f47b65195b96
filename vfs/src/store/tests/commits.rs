//! What a commit leaves: exactly the change, whatever its size and shape.

use std::sync::Arc;

use proptest::prelude::*;

use super::support::*;
use crate::StoreError;
use crate::kv::Limits;
use crate::page::{PageCount, PageSize};
use crate::store::{Change, StoreOptions};

/// One step of a random history: how many pages, which of them change, and how long they are.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pages: u64,
    dirty: Vec<u64>,
    size: PageSize,
    reopen: bool,
    repeat: bool,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![8 => Just(SIZE), 1 => Just(PageSize::new(512).unwrap())];
    let step = (
        0u64..24,
        prop::collection::vec(0u64..24, 0..12),
        size,
        any::<[bool; 2]>(),
    );
    let step = step.prop_map(|(pages, dirty, size, [reopen, repeat])| {
        let repeat = repeat && reopen;
        Step {
            pages,
            dirty,
            size,
            reopen,
            repeat,
        }
    });
    prop::collection::vec(step, 1..12)
}

/// What the database is after a step: a new page size rewrites all, growth leaves holes.
pub(super) fn after(before: &Pages, step: &Step, seed: u64) -> (Pages, Change) {
    let resized = before
        .first()
        .is_some_and(|page| page.len() != step.size.bytes());
    let hole = vec![0; step.size.bytes()];
    let mut pages = if resized { Vec::new() } else { before.clone() };
    pages.resize(usize::try_from(step.pages).unwrap(), hole);
    let mut change = replacing(&pages);
    change.page_size = step.size;
    change.dirty.clear();
    for &at in step.dirty.iter().filter(|at| **at < step.pages) {
        let bytes = content(seed + at, step.size);
        pages[usize::try_from(at).unwrap()].clone_from(&bytes);
        change
            .dirty
            .insert(page(u32::try_from(at).unwrap() + 1), Arc::from(bytes));
    }
    (pages, change)
}

fn run(world: &World, steps: &[Step]) {
    let mut actor = world.store.create(&id("a")).unwrap();
    let mut model: Pages = Vec::new();
    for (step, seed) in steps.iter().zip((0u64..).step_by(1000)) {
        let (pages, change) = after(&model, step, seed);
        publish(&actor, &change).unwrap();
        if step.repeat {
            publish(&actor, &change).unwrap();
        }
        model = pages;
        assert_eq!(world.seen(), model);
        assert_eq!(owned(&actor).unwrap(), model);
        world.audit();
        if step.reopen {
            actor = world.store.open(&id("a")).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_history_of_commits_leaves_what_was_committed(steps in steps()) {
        run(&World::new(), &steps);
    }

    #[test]
    fn any_history_of_staged_commits_leaves_what_was_committed(steps in steps()) {
        run(&World::tight(), &steps);
    }
}

#[test]
fn a_page_that_was_never_written_reads_as_zeros_and_is_not_missing() {
    let world = World::new();
    let actor = world.store.create(&id("a")).unwrap();
    let mut change = replacing(&database(3, 1));
    change.dirty.remove(&page(2));
    publish(&actor, &change).unwrap();
    assert_eq!(owned(&actor).unwrap()[1], vec![0; SIZE.bytes()]);
    assert_eq!(world.page_keys().len(), 3);
    world.audit();
}

#[test]
fn a_commit_that_changes_nothing_writes_nothing() {
    let world = World::new();
    let pages = database(5, 1);
    let actor = world.actor_holding(&pages);
    let (before, commits) = (world.entries(), world.engine.calls().commits);
    publish(&actor, &replacing(&pages)).unwrap();
    publish(&actor, &between(&pages, &pages)).unwrap();
    assert_eq!(world.engine.calls().commits, commits);
    assert_eq!(world.entries(), before);
    assert_eq!(actor.commit().get(), 1);
}

#[test]
fn only_the_pages_that_differ_are_written_again() {
    let world = World::new();
    let pages = database(5, 1);
    let actor = world.actor_holding(&pages);
    let mut next = pages.clone();
    next[3] = content(77, SIZE);
    publish(&actor, &replacing(&next)).unwrap();
    let rewritten = world
        .page_keys()
        .into_iter()
        .filter(|key| key.commit().get() == 2);
    assert_eq!(
        rewritten.map(|key| key.page().get()).collect::<Vec<_>>(),
        [4]
    );
    assert_eq!(world.seen(), next);
    world.audit();
}

#[test]
fn a_commit_of_any_size_fits_an_engine_that_takes_single_pages() {
    let limits = Limits {
        batch_bytes_max: 8 * 1024,
        batch_ops_max: 8,
        ..Limits::default()
    };
    let world = World::with(limits, StoreOptions::default());
    let actor = world.actor_holding(&database(300, 1));
    assert_eq!(world.seen(), database(300, 1));
    publish(&actor, &replacing(&database(200, 2))).unwrap();
    assert_eq!(world.seen(), database(200, 2));
    world.audit();
}

#[test]
fn an_engine_that_cannot_take_one_page_says_so_and_stays_clean() {
    let limits = Limits {
        value_bytes_max: 1024,
        ..Limits::default()
    };
    let world = World::with(limits, StoreOptions::default());
    let actor = world.store.create(&id("a")).unwrap();
    let error = publish(&actor, &replacing(&database(1, 1))).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    assert_eq!(world.seen(), Pages::new());
    world.audit();
}

#[test]
fn growing_beyond_the_quota_is_refused_and_shrinking_never_is() {
    let pages = 4 * SIZE.bytes() as u64;
    let options = StoreOptions {
        actor_bytes_max: Some(pages),
        ..StoreOptions::default()
    };
    let world = World::with(Limits::default(), options);
    let actor = world.actor_holding(&database(4, 1));
    let error = publish(&actor, &replacing(&database(5, 2))).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Quota {
                wanted: 20_480,
                allowed: 16_384,
                ..
            }
        ),
        "{error}"
    );
    publish(&actor, &replacing(&database(4, 3))).unwrap();
    assert_eq!(world.seen(), database(4, 3));

    let tighter = StoreOptions {
        actor_bytes_max: Some(1),
        ..StoreOptions::default()
    };
    let store = tighter.with_engine(world.engine.clone()).unwrap();
    let actor = store.open(&id("a")).unwrap();
    publish(&actor, &replacing(&database(3, 4))).unwrap();
    assert_eq!(
        publish(&actor, &replacing(&database(4, 4)))
            .unwrap_err()
            .code(),
        "S116"
    );
    assert_eq!(world.seen(), database(3, 4));
    world.audit();
}

#[test]
fn a_change_that_breaks_the_contract_is_a_bug_and_changes_nothing() {
    let world = World::new();
    let actor = world.actor_holding(&database(2, 1));
    let mut short = replacing(&database(2, 2));
    short.dirty.insert(page(1), Arc::from(&[0; 100][..]));
    let mut beyond = replacing(&database(2, 2));
    beyond.pages = PageCount::new(1);
    for change in [short, beyond] {
        assert_eq!(publish(&actor, &change).unwrap_err().code(), "S199");
        assert_eq!(world.seen(), database(2, 1));
    }
}
