//! What is kept of the past is what it was, and what is not kept is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::commits::{Step, after, steps};
use super::costs::calls;
use super::support::*;
use crate::layout::{CommitNo, Unswept};
use crate::page::PageSize;
use crate::store::{Actor, Change, IfExists, Point};
use crate::{Retention, StoreError};

/// What the past of an actor must be.
#[derive(Default)]
struct Model {
    last: Pages,
    commits: BTreeMap<CommitNo, Pages>,
    points: BTreeMap<String, Pages>,
}

impl Model {
    fn note(&mut self, commit: CommitNo, pages: &Pages) {
        self.last.clone_from(pages);
        self.commits.insert(commit, pages.clone());
    }

    /// One of the kept commits, and what it left.
    fn nth_kept(&self, world: &World, nth: u8) -> (CommitNo, Pages) {
        let floor = world.head().unwrap().floor;
        let kept: Vec<_> = self.commits.range(floor..).collect();
        let (&commit, pages) = kept[usize::from(nth) % kept.len()];
        (commit, pages.clone())
    }

    /// Every kept commit and every restore point shows what was there, and nothing else is kept.
    fn check(&self, world: &World) {
        world.audit();
        let head = world.head().unwrap();
        for (&commit, pages) in self.commits.range(head.floor..) {
            let snapshot = world.store.snapshot_at(&id("a"), &Point::Commit(commit));
            assert_eq!(&contents(&snapshot.unwrap()), pages, "commit {commit}");
        }
        let names = world.store.restore_points(&id("a")).unwrap();
        assert!(names.iter().map(|point| &point.name).eq(self.points.keys()));
        for (name, pages) in &self.points {
            let point = Point::RestorePoint(name.clone());
            let snapshot = world.store.snapshot_at(&id("a"), &point).unwrap();
            assert_eq!(&contents(&snapshot), pages, "point {name}");
        }
        let history = world.store.history(&id("a")).unwrap();
        let numbers = history.iter().map(|commit| commit.commit.get());
        assert!(numbers.eq(head.floor.get()..=head.commit.get()));
        assert_eq!(world.store.scrub().unwrap().damage, []);
    }
}

/// What happens between commits.
#[derive(Debug, Clone)]
enum Event {
    Keep(u8),
    Drop(u8),
    Retain(Retention),
    Replace,
    Restore(u8),
    Fork(u8),
    /// If the actor is encrypted.
    Rekey,
    Wait,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0u8..4).prop_map(Event::Keep),
        3 => (0u8..4).prop_map(Event::Drop),
        1 => Just(Event::Retain(Retention::Off)),
        2 => (0u64..4).prop_map(|commits| Event::Retain(Retention::Commits(commits))),
        1 => Just(Event::Retain(Retention::Age(Duration::from_secs(30)))),
        1 => Just(Event::Replace),
        2 => (0u8..10).prop_map(Event::Restore),
        1 => (0u8..10).prop_map(Event::Fork),
        2 => Just(Event::Rekey),
        2 => Just(Event::Wait),
    ]
}

fn happen(world: &World, model: &mut Model, actor: Actor, event: &Event) -> Actor {
    match event {
        Event::Keep(name) => match actor.restore_point(&name.to_string()) {
            Ok(_) => _ = model.points.insert(name.to_string(), model.last.clone()),
            Err(error) => {
                assert_eq!(error.code(), "S139");
                assert!(model.points.contains_key(&name.to_string()));
            }
        },
        Event::Drop(name) => {
            let was_there = model.points.remove(&name.to_string()).is_some();
            let dropped = actor.drop_restore_point(&name.to_string());
            assert_eq!(dropped.is_ok(), was_there);
            assert_eq!(world.head().unwrap().unswept, Unswept::Nothing);
        }
        Event::Retain(retention) => {
            world.store.set_retention(*retention).unwrap();
            return world.store.open(&id("a")).unwrap();
        }
        Event::Replace => {
            let mut source = world.store.snapshot(&id("a")).unwrap();
            let placed = world.store.place(&id("a"), IfExists::Replace, &mut source);
            let last = model.last.clone();
            model.note(placed.unwrap().commit, &last);
            return world.store.open(&id("a")).unwrap();
        }
        Event::Restore(nth) => {
            let (commit, pages) = model.nth_kept(world, *nth);
            let info = world
                .store
                .restore(&id("a"), &Point::Commit(commit))
                .unwrap();
            model.note(info.commit, &pages);
            return world.store.open(&id("a")).unwrap();
        }
        Event::Fork(nth) => {
            let (commit, pages) = model.nth_kept(world, *nth);
            let (point, fork) = (Point::Commit(commit), id("fork"));
            world.store.fork_to(&id("a"), Some(&point), &fork).unwrap();
            assert_eq!(contents(&world.store.snapshot(&fork).unwrap()), pages);
            world.audit();
            world.store.delete(&fork).unwrap();
        }
        Event::Rekey if world.store.options().keys.is_some() => {
            actor.rekey().unwrap();
            let last = model.last.clone();
            model.note(actor.commit(), &last);
        }
        Event::Rekey => {}
        Event::Wait => wait(20),
    }
    actor
}

fn run(world: &World, steps: &[(Step, Vec<Event>)]) {
    let mut actor = world.store.create(&id("a")).unwrap();
    let mut model = Model::default();
    model.note(CommitNo::default(), &Pages::new());
    for ((step, events), seed) in steps.iter().zip((0u64..).step_by(1000)) {
        let (pages, change) = after(&model.last, step, seed);
        publish(&actor, &change).unwrap();
        model.note(actor.commit(), &pages);
        assert_eq!(world.seen(), model.last);
        assert_eq!(owned(&actor).unwrap(), model.last);
        model.check(world);
        for event in events {
            actor = happen(world, &mut model, actor, event);
            model.check(world);
        }
    }
}

fn story() -> impl Strategy<Value = Vec<(Step, Vec<Event>)>> {
    let events = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(event(), 1..4),
    ];
    (steps(), steps()).prop_flat_map(move |(one, two)| {
        let steps = [one, two].concat();
        let count = steps.len();
        (Just(steps), prop::collection::vec(events.clone(), count))
            .prop_map(|(steps, events)| steps.into_iter().zip(events).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_history_keeps_exactly_what_it_is_told_to(story in story()) {
        run(&World::new(), &story);
    }

    #[test]
    fn any_history_of_staged_commits_keeps_exactly_what_it_is_told_to(story in story()) {
        run(&World::tight(), &story);
    }

    #[test]
    fn any_history_of_an_encrypted_actor_stays_readable_under_the_keys_it_had(story in story()) {
        run(&World::secret(), &story);
        run(&World::secret_and_tight(), &story);
    }
}

/// An actor with so many commits of one page each, and what each of them left.
fn commits(world: &World, count: u64) -> (Actor, Vec<Pages>) {
    let mut pages = database(5, 1);
    let actor = world.actor_holding(&pages);
    let mut all = vec![Pages::new(), pages.clone()];
    for seed in 2..=count {
        let mut next = pages.clone();
        next[usize::try_from(seed % 5).unwrap()] = content(seed + 7_000, SIZE);
        publish(&actor, &between(&pages, &next)).unwrap();
        all.push(next.clone());
        pages = next;
    }
    (actor, all)
}

#[test]
fn without_retention_and_restore_points_nothing_of_the_past_is_kept() {
    let world = World::new();
    commits(&world, 20);
    assert_eq!(
        world.entries().len(),
        1 + 1 + 5,
        "the store, the head, and the pages"
    );
    let error = world
        .store
        .snapshot_at(&id("a"), &Point::Commit(CommitNo::new(19)));
    assert!(
        matches!(&error, Err(StoreError::NotKept { oldest, last, .. }) if oldest == last),
        "{error:?}"
    );
}

#[test]
fn what_a_restore_point_keeps_costs_the_pages_that_changed_since_and_goes_with_it() {
    let world = World::new();
    let (actor, all) = commits(&world, 3);
    let point = actor.restore_point("before").unwrap();
    assert_eq!((point.commit.get(), point.pages.get()), (3, 5));
    assert_eq!(world.page_keys().len(), 5, "to keep a state copies nothing");
    let mut next = all[3].clone();
    for seed in 0..40 {
        let before = next.clone();
        next[1] = content(500 + seed, SIZE);
        publish(&actor, &between(&before, &next)).unwrap();
    }
    assert_eq!(
        world.page_keys().len(),
        6,
        "one version for the point, one for the head"
    );
    let snapshot = world
        .store
        .snapshot_at(&id("a"), &Point::RestorePoint("before".into()));
    assert_eq!(contents(&snapshot.unwrap()), all[3]);
    actor.drop_restore_point("before").unwrap();
    assert_eq!(world.page_keys().len(), 5);
    assert_eq!(world.seen(), next);
    world.audit();
}

#[test]
fn retention_by_number_keeps_at_least_so_many_commits_and_not_many_more() {
    let world = World::new();
    world.store.set_retention(Retention::Commits(3)).unwrap();
    let (_, all) = commits(&world, 50);
    let history = world.store.history(&id("a")).unwrap();
    assert!(
        (4..=3 + 1 + 16).contains(&history.len()),
        "{}",
        history.len()
    );
    for commit in history {
        let point = Point::Commit(commit.commit);
        let snapshot = world.store.snapshot_at(&id("a"), &point).unwrap();
        assert_eq!(
            contents(&snapshot),
            all[usize::try_from(commit.commit.get()).unwrap()]
        );
    }
    world.audit();
}

#[test]
fn retention_by_age_keeps_what_was_current_within_it_and_finds_it_by_time() {
    let world = World::new();
    let age = Retention::Age(Duration::from_secs(100));
    world.store.set_retention(age).unwrap();
    let mut pages = database(3, 1);
    let actor = world.actor_holding(&pages);
    let mut then = vec![(now(), pages.clone())];
    for seed in 0..63 {
        wait(10);
        let before = pages.clone();
        pages[1] = content(seed + 9_000, SIZE);
        publish(&actor, &between(&before, &pages)).unwrap();
        then.push((now(), pages.clone()));
    }
    for (time, pages) in then.iter().rev().take(10) {
        for time in [*time, *time + Duration::from_secs(9)] {
            let snapshot = world
                .store
                .snapshot_at(&id("a"), &Point::Time(time))
                .unwrap();
            assert_eq!(&contents(&snapshot), pages);
        }
    }
    let first = then[0].0;
    let error = world
        .store
        .snapshot_at(&id("a"), &Point::Time(first))
        .unwrap_err();
    assert_eq!(error.code(), "S138");
    assert!(world.store.history(&id("a")).unwrap().len() <= 11 + 16);
    world.audit();
}

#[test]
fn a_commit_with_retention_costs_no_call_more_but_for_one_look_in_sixteen() {
    let world = World::new();
    world.store.set_retention(Retention::Commits(10)).unwrap();
    let (actor, all) = commits(&world, 32);
    let mut pages = all[32].clone();
    let mut costs = BTreeMap::<_, u32>::new();
    let before = world.page_keys().len() as u64;
    for seed in 0..32 {
        let former = pages.clone();
        pages[usize::try_from(seed % 5).unwrap()] = content(seed + 800, SIZE);
        let change = between(&former, &pages);
        *costs
            .entry(calls(&world, || publish(&actor, &change).unwrap()).0)
            .or_default() += 1;
    }
    assert_eq!(
        costs,
        BTreeMap::from([((0, 0, 0, 1), 30), ((1, 0, 2, 2), 2)])
    );
    assert_eq!(
        world.page_keys().len() as u64,
        before,
        "as much comes as goes"
    );
    let records: Vec<_> = world
        .entries()
        .into_iter()
        .filter(|(key, _)| key[0] == b'C')
        .collect();
    let bytes: usize = records
        .iter()
        .map(|(key, record)| key.len() + record.len())
        .sum();
    println!(
        "{} records, {} bytes each",
        records.len(),
        bytes / records.len()
    );
    assert!(bytes / records.len() <= 90);
}

#[test]
fn switching_retention_off_lets_the_past_go_and_spares_restore_points() {
    for world in [World::new(), World::tight()] {
        world.store.set_retention(Retention::Commits(100)).unwrap();
        let (actor, all) = commits(&world, 9);
        actor.restore_point("p").unwrap();
        let small: Pages = (0..30)
            .map(|seed| content(seed, PageSize::new(512).unwrap()))
            .collect();
        publish(&actor, &replacing(&small)).unwrap();
        publish(&actor, &replacing(&all[9])).unwrap();
        assert_eq!(world.store.history(&id("a")).unwrap().len(), 12);
        world.store.set_retention(Retention::Off).unwrap();
        let actor = world.store.open(&id("a")).unwrap();
        publish(&actor, &replacing(&database(2, 3))).unwrap();
        assert_eq!(world.head().unwrap().unswept, Unswept::Nothing);
        world.audit();
        let point = Point::RestorePoint("p".into());
        assert_eq!(
            contents(&world.store.snapshot_at(&id("a"), &point).unwrap()),
            all[9]
        );
        assert_eq!(world.entries().len(), 3 + 1 + 2 + 5);
        actor.drop_restore_point("p").unwrap();
        assert_eq!(
            world.entries().len(),
            3 + 2,
            "the image of the point went with it"
        );
    }
}

#[test]
fn going_back_is_a_commit_that_can_be_undone() {
    let world = World::new();
    world.store.set_retention(Retention::Commits(100)).unwrap();
    let (owner, all) = commits(&world, 6);
    let back = world
        .store
        .restore(&id("a"), &Point::Commit(CommitNo::new(2)))
        .unwrap();
    assert_eq!((back.commit.get(), world.seen()), (7, all[2].clone()));
    assert_eq!(
        publish(&owner, &replacing(&database(1, 1)))
            .unwrap_err()
            .code(),
        "S104"
    );
    world
        .store
        .restore(&id("a"), &Point::Commit(CommitNo::new(6)))
        .unwrap();
    assert_eq!(world.seen(), all[6]);
    let same = world
        .store
        .restore(&id("a"), &Point::Commit(CommitNo::new(6)))
        .unwrap();
    assert_eq!(
        same.commit.get(),
        8,
        "what is so already is not committed again"
    );
    world.audit();
}

#[test]
fn a_fork_is_an_actor_of_its_own() {
    let world = World::new();
    world.store.set_retention(Retention::Commits(100)).unwrap();
    let (_, all) = commits(&world, 6);
    let third = Point::Commit(CommitNo::new(3));
    world
        .store
        .fork_to(&id("a"), Some(&third), &id("b"))
        .unwrap();
    world.store.fork_to(&id("a"), None, &id("c")).unwrap();
    let again = world.store.fork_to(&id("a"), None, &id("c")).unwrap_err();
    assert_eq!(again.code(), "S103");
    world.store.delete(&id("a")).unwrap();
    for (fork, pages) in [("b", &all[3]), ("c", &all[6])] {
        let actor = world.store.open(&id(fork)).unwrap();
        assert_eq!(&owned(&actor).unwrap(), pages);
        publish(&actor, &replacing(&database(2, 9))).unwrap();
    }
    world.audit();
}

#[test]
fn deleting_an_actor_takes_its_past_with_it_even_if_its_head_is_damaged() {
    for damaged in [false, true] {
        let world = World::new();
        world.store.set_retention(Retention::Commits(100)).unwrap();
        let (actor, _) = commits(&world, 6);
        actor.restore_point("p").unwrap();
        let small: Pages = (0..30)
            .map(|seed| content(seed, PageSize::new(512).unwrap()))
            .collect();
        publish(&actor, &replacing(&small)).unwrap();
        world
            .store
            .create(&id("ab"))
            .unwrap()
            .restore_point("stays")
            .unwrap();
        if damaged {
            world.tamper(&crate::layout::head_key(&id("a")), Some(vec![1; 128]));
        }
        world.store.delete(&id("a")).unwrap();
        assert_eq!(
            world.entries().len(),
            4,
            "the store, its retention, and `ab`"
        );
        assert_eq!(world.store.restore_points(&id("ab")).unwrap().len(), 1);
    }
}

#[test]
fn names_that_are_none_are_refused_before_anybody_is_fenced() {
    let world = World::new();
    let actor = world.actor_holding(&database(2, 1));
    for name in ["", "a\nb", &"x".repeat(129)] {
        let error = world.store.restore_point(&id("a"), name).unwrap_err();
        assert_eq!(error.code(), "S140");
    }
    assert_eq!(
        world
            .store
            .drop_restore_point(&id("a"), "x")
            .unwrap_err()
            .code(),
        "S137"
    );
    let missing = Point::RestorePoint("x".into());
    assert_eq!(
        world.store.restore(&id("a"), &missing).unwrap_err().code(),
        "S137"
    );
    assert_eq!(
        world.store.restore_point(&id("b"), "x").unwrap_err().code(),
        "S102"
    );
    publish(&actor, &replacing(&database(2, 2))).unwrap();
}

#[test]
fn a_damaged_record_of_the_past_stops_no_commit_and_nothing_that_it_may_keep_goes() {
    let world = World::new();
    let (actor, all) = commits(&world, 6);
    actor.restore_point("p").unwrap();
    let key = crate::layout::point_key(&id("a"), "p");
    let sound = world
        .entries()
        .into_iter()
        .find(|(found, _)| *found == key)
        .unwrap()
        .1;
    let mut flipped = sound.clone();
    flipped[30] ^= 1;
    world.tamper(&key, Some(flipped));
    let error = actor.drop_restore_point("p").unwrap_err();
    assert_eq!(error.code(), "S141");
    publish(&actor, &replacing(&database(5, 4))).unwrap();
    world.tamper(&key, Some(sound));
    let point = Point::RestorePoint("p".into());
    assert_eq!(
        contents(&world.store.snapshot_at(&id("a"), &point).unwrap()),
        all[6]
    );
    world.audit();
}

#[test]
fn a_damaged_retention_record_is_an_error_until_it_is_set_again() {
    let world = World::new();
    world.actor_holding(&database(2, 1));
    world.tamper(crate::layout::RETENTION_KEY, Some(vec![1; 18]));
    assert_eq!(world.store.open(&id("a")).unwrap_err().code(), "S142");
    world.store.set_retention(Retention::Off).unwrap();
    world.store.open(&id("a")).unwrap();
}

#[test]
fn a_scrub_looks_at_every_kept_state_and_names_those_that_are_not_whole() {
    let world = World::new();
    world.store.set_retention(Retention::Commits(100)).unwrap();
    let (actor, _) = commits(&world, 6);
    actor.restore_point("p").unwrap();
    publish(&actor, &replacing(&database(5, 6))).unwrap();
    assert!(world.store.scrub().unwrap().is_clean());
    let said = |world: &World| {
        let scrub = world.store.scrub().unwrap();
        let damage = scrub.damage.into_iter();
        damage.map(|damage| damage.to_string()).collect::<Vec<_>>()
    };
    let db = world.head().unwrap().db;
    let lost = crate::layout::PageKey::new(db, page(2), CommitNo::new(6));
    let copy = world.copy();
    copy.tamper(lost.as_bytes(), None);
    let wanted = [
        "the past of `a` is damaged: restore point `p` is not whole",
        "the past of `a` is damaged: commit 6 is not whole",
    ];
    assert_eq!(said(&copy), wanted);
    let copy = world.copy();
    copy.tamper(&crate::layout::commit_key(&id("a"), CommitNo::new(4)), None);
    let wanted = "the past of `a` is damaged: the records of commits 4 to before 5 are missing";
    assert_eq!(said(&copy)[0], wanted);
    let copy = world.copy();
    copy.tamper(&crate::layout::point_key(&id("a"), "p"), Some(vec![1; 64]));
    assert!(said(&copy)[0].contains("the record of restore point `p` of `a` is damaged"));
}

/// Symptom: a scrub called every commit damaged of an actor whose first page size was not the
/// default. Cause: the pages of all states were read at the size of the first one, and an actor
/// without pages has the default.
#[test]
fn a_scrub_reads_each_kept_state_at_its_page_size() {
    let world = World::new();
    world.store.set_retention(Retention::Commits(9)).unwrap();
    let actor = world.store.create(&id("a")).unwrap();
    let small = PageSize::new(512).unwrap();
    for size in [small, PageSize::new(1024).unwrap()] {
        publish(&actor, &replacing(&vec![content(1, size); 3])).unwrap();
        // Without pages it stays the same image, and the next pages are of another size.
        let none = Change {
            page_size: size,
            ..replacing(&Pages::new())
        };
        publish(&actor, &none).unwrap();
    }
    assert_eq!(world.store.scrub().unwrap().damage, []);
}
